//go:build unix

package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// badFolders makes values of TMPDIR that are of no use, by the reason.
func badFolders(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	long := filepath.Join(dir, strings.Repeat("n", 100))
	bar, newline := filepath.Join(dir, "a|b"), filepath.Join(dir, "a\nb")
	loop := filepath.Join(dir, "loop")
	require.NoError(t, os.Symlink(loop, loop))
	for _, name := range []string{long, bar, newline} {
		require.NoError(t, os.Mkdir(name, 0o700))
	}
	folders := map[string]string{
		"there is no folder":    filepath.Join(dir, "nowhere"),
		"is not a folder":       file,
		"fifo\" is not a":       fifo,
		"nn\" has":              long,
		"contains '|'":          bar,
		`contains '\n'`:         newline,
		"too many levels of":    loop,
		"file/below\": not a d": filepath.Join(file, "below"),
	}
	if _, err := os.Stat("/proc/1"); err == nil {
		folders["this user cannot write"] = "/proc/1" // read-only, also for root
	}
	return folders
}

// TestUsableParent proves that each folder in which a socket cannot be is refused with the reason,
// and that a relative one is made absolute.
func TestUsableParent(t *testing.T) {
	for want, dir := range badFolders(t) {
		_, err := usableParent(dir)
		require.ErrorContains(t, err, want)
	}
	dir := t.TempDir()
	t.Chdir(filepath.Dir(dir))
	path, err := usableParent(filepath.Base(dir))
	require.NoError(t, err)
	require.Equal(t, dir, path)
}

// TestFolderIsReplaced proves that a plugin starts with any value of TMPDIR, and that the log says
// what is wrong with it.
func TestFolderIsReplaced(t *testing.T) {
	good := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", good)
	for want, dir := range badFolders(t) {
		t.Setenv("TMPDIR", dir)
		s, log := newTestSupervisor(t, Config{})
		p := acquire(t, s)
		folders, err := filepath.Glob(filepath.Join(good, "plugin-dir*"))
		require.NoError(t, err)
		require.Len(t, folders, 1)
		p.Release()
		require.NoError(t, s.Close(t.Context()))
		require.Contains(t, log.String(), "TMPDIR cannot be used")
		require.Contains(t, strings.ReplaceAll(log.String(), `\"`, `"`),
			strings.ReplaceAll(want, `\`, `\\`))
	}
}

// TestRelativeFolder proves that a plugin finds its socket's folder where TMPDIR is relative, and
// that nothing is left there.
func TestRelativeFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.Mkdir("tmp", 0o700))
	t.Setenv("TMPDIR", "tmp")
	s, log := newTestSupervisor(t, Config{})
	acquire(t, s).Release()
	require.NotContains(t, log.String(), "TMPDIR")
	require.NoError(t, s.Close(t.Context()))
	left, err := os.ReadDir("tmp")
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestNoUsableFolder proves that the error of a program without any usable folder says what to do,
// at once and each time.
func TestNoUsableFolder(t *testing.T) {
	p := Program{Name: "x"}
	for want, dir := range badFolders(t) {
		began := time.Now()
		_, err := p.socketParent([]string{dir, "/nowhere"}, newOutputLog(nil, "", nil))
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, `plugin "x": set TMPDIR to a folder`)
		require.ErrorContains(t, err, want)
		require.Less(t, time.Since(began), 10*time.Second)
	}
}
