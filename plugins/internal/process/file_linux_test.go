package process

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/authsession/authsession/core"
)

// TestExchangedAfterCheck proves that a file that is exchanged after its check is not executed.
func TestExchangedAfterCheck(t *testing.T) {
	echo, err := exec.LookPath("echo")
	require.NoError(t, err)
	program, err := os.ReadFile(echo)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"program": string(program), "script": "#!/bin/sh\necho \"$@\"\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		p := Program{Name: "x", Path: path, SHA256: sum([]byte(text))}
		opened, err := p.open()
		require.NoError(t, err)
		image, err := p.verify(opened, identity{})
		require.NoError(t, err)
		defer image.file.Close()
		require.Equal(t, name == "script", image.isScript)

		require.NoError(t, os.WriteFile(path+".evil", []byte("#!/bin/sh\necho evil\n"), 0o700))
		require.NoError(t, os.Rename(path+".evil", path))
		in, err := os.Open(os.DevNull)
		require.NoError(t, err)
		var out strings.Builder
		cmd := &exec.Cmd{Path: path, Args: []string{path, "good"}, Stdin: in, Stdout: &out}
		require.NoError(t, executeOpened(cmd, image.file, image.isScript))
		require.NoError(t, cmd.Run())
		require.NoError(t, cmd.Stdin.(*os.File).Close())
		require.Equal(t, "good\n", out.String())
	}
}

// TestWrittenAfterCheck proves that of a file that others may write, and of one in a folder that
// they may write, what was checked is executed, whatever they do to the file.
func TestWrittenAfterCheck(t *testing.T) {
	echo, err := exec.LookPath("echo")
	require.NoError(t, err)
	program, err := os.ReadFile(echo)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"program": string(program), "script": "#!/bin/sh\necho \"$@\"\n",
	} {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o700))
		require.NoError(t, os.Chmod(path, 0o777))
		p := Program{Name: "x", Path: path, SHA256: sum([]byte(text))}
		opened, err := p.open()
		require.NoError(t, err)
		image, err := p.verify(opened, identity{})
		require.NoError(t, err)
		require.Equal(t, name == "script", image.isScript)
		_, err = image.file.WriteAt([]byte("evil"), 0)
		require.ErrorIs(t, err, syscall.EPERM, "nobody can write to the copy")

		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\necho evil\n"), 0o700))
		in, err := os.Open(os.DevNull)
		require.NoError(t, err)
		var out strings.Builder
		cmd := &exec.Cmd{Path: path, Args: []string{path, "good"}, Stdin: in, Stdout: &out}
		require.NoError(t, executeOpened(cmd, image.file, image.isScript))
		require.NoError(t, cmd.Run())
		require.NoError(t, image.file.Close())
		require.NoError(t, cmd.Stdin.(*os.File).Close())
		require.Equal(t, "good\n", out.String())
	}
}

// TestNoCopy proves that where no copy can be made, the error says who can write what, and what to
// do.
func TestNoCopy(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
	for want, modes := range map[string][2]os.FileMode{ // of the folder and the file
		"the folder " + dir + " may be written by others": {0o777, 0o700},
		"the file may be written by others":               {0o700, 0o770},
	} {
		require.NoError(t, os.Chmod(dir, modes[0]))
		require.NoError(t, os.Chmod(path, modes[1]))
		p := Program{Name: "no \x00 name for a copy", Path: path, SHA256: sum([]byte("#!/bin/sh\n"))}
		opened, err := p.open()
		require.NoError(t, err)
		_, err = p.verify(opened, identity{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, want)
		require.ErrorContains(t, err, "This system does not let the host execute a private copy")
		require.ErrorContains(t, err, "put the file into a folder that only this user and root may write")
	}
}

// TestChecksumOfChangedFile proves that a file is read again as soon as it may have changed, and
// only then.
func TestChecksumOfChangedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	text := []byte("#!/bin/sh\n")
	require.NoError(t, os.WriteFile(path, text, 0o700))
	p := Program{Name: "x", Path: path, SHA256: sum(text)}
	verify := func(known identity) (identity, error) {
		opened, err := p.open()
		require.NoError(t, err)
		if opened.identity == (identity{}) { // too young; the rest is as if it were older
			info, err := opened.file.Stat()
			require.NoError(t, err)
			stat := info.Sys().(*syscall.Stat_t)
			opened.identity = identity{stat.Dev, stat.Ino, stat.Size, info.ModTime(), changeTime(stat)}
		}
		image, err := p.verify(opened, known)
		if err != nil {
			return identity{}, err
		}
		require.True(t, image.isScript)
		require.NoError(t, image.file.Close())
		return image.identity, nil
	}
	known, err := verify(identity{})
	require.NoError(t, err)

	p.SHA256 = sum([]byte("another"))
	_, err = verify(known)
	require.NoError(t, err, "the file is not read again")

	for name, change := range map[string]func() error{
		"written in place": func() error { return os.WriteFile(path, []byte("#!/bin/ed\n"), 0o700) },
		"exchanged": func() error {
			return errors.Join(os.WriteFile(path+"2", text, 0o700), os.Rename(path+"2", path))
		},
		"its time was set": func() error { return os.Chtimes(path, known.written, known.written) },
	} {
		require.NoError(t, change(), name)
		_, err = verify(known)
		require.ErrorIs(t, err, core.CodeBadConfig, name)
		require.ErrorContains(t, err, "sha256", name)
	}

	young, err := p.open()
	require.NoError(t, err)
	require.NoError(t, young.file.Close())
	require.Zero(t, young.identity, "a file that was changed just now may change again unnoticed")
}

// TestProgramWithoutStandardStreams proves that the descriptor of a program is not one of a
// standard stream, also in a host that has closed its own: a child has others in their place.
func TestProgramWithoutStandardStreams(t *testing.T) {
	path := filepath.Join(t.TempDir(), "program")
	text := []byte("#!/bin/sh\n")
	require.NoError(t, os.WriteFile(path, text, 0o700))
	saved, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 10)
	require.NoError(t, err)
	require.NoError(t, unix.Close(0))
	defer func() { require.NoError(t, errors.Join(unix.Dup2(saved, 0), unix.Close(saved))) }()
	for _, mode := range []os.FileMode{0o700, 0o777} { // the file, and a copy of it
		require.NoError(t, os.Chmod(path, mode))
		p := Program{Name: "x", Path: path, SHA256: sum(text)}
		opened, err := p.open()
		require.NoError(t, err)
		require.Greater(t, int(opened.file.Fd()), 2)
		image, err := p.verify(opened, identity{})
		require.NoError(t, err)
		require.Greater(t, int(image.file.Fd()), 2)
		require.NoError(t, image.file.Close())
	}
	_, err = unix.FcntlInt(0, unix.F_GETFD, 0)
	require.ErrorIs(t, err, unix.EBADF, "nothing of it is left there")
}

// withoutProc is the variable of a process in which /proc is empty.
const withoutProc = "AUTHSESSION_TEST_WITHOUT_PROC"

// TestNoCopyWithoutProc proves that a program that others may write is refused where the system has
// no name for a copy, and is not executed by its path.
func TestNoCopyWithoutProc(t *testing.T) {
	if path := os.Getenv(withoutProc); path != "" {
		require.NoError(t, unix.Mount("none", "/proc", "tmpfs", 0, ""))
		p := Program{Name: "x", Path: path, SHA256: sum([]byte("#!/bin/sh\n"))}
		opened, err := p.open()
		require.NoError(t, err)
		_, err = p.verify(opened, identity{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "does not let the host execute a private copy (there is no /proc): "+
			"put the file into a folder that only this user and root may write")
		return
	}
	path := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700))
	require.NoError(t, os.Chmod(path, 0o777))
	cmd := exec.Command(os.Args[0], "-test.run=^TestNoCopyWithoutProc$")
	cmd.Env = append(os.Environ(), withoutProc+"="+path)
	ids := []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: ids, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Start()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOSPC) {
		t.Skip("this system has no namespaces of users: ", err)
	}
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), "%s", &out)
}
