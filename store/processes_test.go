//go:build linux

package store_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary starts itself as other processes. These variables say in which role.
const (
	envRole = "STORE_TEST_ROLE"
	envDir  = "STORE_TEST_DIR"
)

func TestMain(m *testing.M) {
	if role := os.Getenv(envRole); role != "" {
		if err := roles[role](optionsIn(os.Getenv(envDir))); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func optionsIn(dir string) store.FileOptions {
	return store.FileOptions{
		Dir: filepath.Join(dir, "credentials"), KeyFile: filepath.Join(dir, "key"),
	}
}

// long returns a value in which each part has the number of its writer.
func long(i int) string { return strings.Repeat(fmt.Sprintf("%d,", i), 3000) }

var roles = map[string]func(store.FileOptions) error{
	// saves until it is killed
	"saver": func(opts store.FileOptions) error {
		s := store.File(opts)
		for i := 0; ; i++ {
			unlock, err := s.Lock(bg, "drive")
			if err != nil {
				return err
			}
			if err := s.Save(bg, "drive", core.NewSecret(long(i))); err != nil {
				return err
			}
			fmt.Println("saved")
			unlock()
		}
	},
	// takes the lock and keeps it
	"holder": func(opts store.FileOptions) error {
		if _, err := store.File(opts).Lock(bg, "drive"); err != nil {
			return err
		}
		fmt.Println("holding")
		select {}
	},
	// saves one value under a key that no other process uses
	"maker": func(opts store.FileOptions) error {
		time.Sleep(time.Until(time.Unix(0, parse(os.Getenv("STORE_TEST_AT")))))
		return store.File(opts).Save(bg, fmt.Sprint(os.Getpid()), core.NewSecret("made"))
	},
	// counts under the lock
	"counter": func(opts store.FileOptions) error {
		s := store.File(opts)
		for range 20 {
			unlock, err := s.Lock(bg, "count")
			if err != nil {
				return err
			}
			was, err := s.Load(bg, "count")
			if err != nil {
				return err
			}
			if err := s.Save(bg, "count", core.NewSecret(was.Reveal()+"x")); err != nil {
				return err
			}
			unlock()
		}
		return nil
	},
	// makes a file that no other process may have made under the lock
	"excluder": func(opts store.FileOptions) error {
		s := store.File(opts)
		alone := filepath.Join(filepath.Dir(opts.KeyFile), "alone")
		for range 40 {
			unlock, err := s.Lock(bg, "drive")
			if err != nil {
				return err
			}
			f, err := os.OpenFile(alone, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return fmt.Errorf("two holders: %w", err)
			}
			err = errors.Join(f.Close(), s.Save(bg, "drive", core.NewSecret("token")),
				s.Delete(bg, "drive"), os.Remove(alone))
			unlock()
			if err != nil {
				return err
			}
		}
		return nil
	},
	// saves in the folder and with the key that the environment names
	"podder": func(store.FileOptions) error {
		s := store.File(store.FileOptions{
			Dir: os.Getenv("STORE_TEST_PATH"), KeyFile: os.Getenv("STORE_TEST_KEY"),
		})
		err := s.Save(bg, "drive", core.NewSecret("token"))
		if err != nil {
			fmt.Println(core.CodeOf(err), err)
			return nil
		}
		fmt.Println("saved")
		return nil
	},
	// may write 4 KiB files
	"limited": func(opts store.FileOptions) error {
		signal.Ignore(syscall.SIGXFSZ)
		limit := &syscall.Rlimit{Cur: 4096, Max: 4096}
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, limit); err != nil {
			return err
		}
		_, err := store.File(opts).Lock(bg, "drive")
		fmt.Println(core.CodeOf(err), err)
		return nil
	},
}

func parse(s string) (n int64) {
	_, _ = fmt.Sscan(s, &n)
	return n
}

// testBinary is the binary of this test. A test may make a copy that other users can start.
var testBinary = os.Args[0]

// prepare returns a command that runs this binary in a role.
func prepare(role, dir string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.Command(testBinary)
	cmd.Env = append(os.Environ(), append(env, envRole+"="+role, envDir+"="+dir)...)
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// start starts this binary in a role.
func start(t *testing.T, role, dir string, env ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	cmd, out := prepare(role, dir, env...)
	require.NoError(t, cmd.Start())
	return cmd, out
}

// If a process is killed while it saves, the file is complete and the lock is free.
func TestFileSaverKilled(t *testing.T) {
	dir := t.TempDir()
	s := store.File(optionsIn(dir))
	require.NoError(t, s.Save(bg, "drive", core.NewSecret(long(7))))
	for range 15 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envRole+"=saver", envDir+"="+dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "saved\n", line)
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond)
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait()
		got := value(t, s, "drive")
		first, _, _ := strings.Cut(got, ",")
		require.Equal(t, long(int(parse(first))), got)
		ctx, cancel := context.WithTimeout(bg, 20*time.Second)
		unlock, err := s.Lock(ctx, "drive")
		cancel()
		require.NoError(t, err)
		unlock()
	}
	require.NoFileExists(t, only(t, filepath.Join(dir, "credentials"), "*.credential")+".damaged")
}

// The lock of a killed process is free at once.
func TestFileHolderKilled(t *testing.T) {
	dir := t.TempDir()
	s := store.File(optionsIn(dir))
	require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
	cmd, _ := start(t, "holder", dir)
	waitForHolder(t, dir)
	require.Equal(t, "token", value(t, s, "drive"), "reading needs no lock")
	ctx, cancel := context.WithTimeout(bg, 50*time.Millisecond)
	defer cancel()
	_, err := s.Lock(ctx, "drive")
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "another process holds")
	require.ErrorIs(t, s.Save(ctx, "drive", core.NewSecret("x")), core.CodeUnavailable)

	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	began := time.Now()
	unlock, err := s.Lock(bg, "drive")
	require.NoError(t, err)
	require.Less(t, time.Since(began), 20*time.Second)
	unlock()
}

// Of ten processes that find no key, one makes it and all use it.
func TestKeyFileOfTenProcesses(t *testing.T) {
	for range 2 {
		dir := t.TempDir()
		at := fmt.Sprintf("STORE_TEST_AT=%d", time.Now().Add(time.Second).UnixNano())
		var cmds []*exec.Cmd
		var outs []*bytes.Buffer
		for range 10 {
			cmd, out := start(t, "maker", dir, at)
			cmds, outs = append(cmds, cmd), append(outs, out)
		}
		s := store.File(optionsIn(dir))
		for i, cmd := range cmds {
			require.NoError(t, cmd.Wait(), outs[i])
			require.Equal(t, "made", value(t, s, fmt.Sprint(cmd.Process.Pid)))
		}
		info, err := os.Stat(filepath.Join(dir, "key"))
		require.NoError(t, err)
		require.EqualValues(t, 32, info.Size())
		require.Equal(t, "-rw-------", info.Mode().String())
	}
}

func TestFileProcessesCount(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	for range 4 {
		cmd, out := start(t, "counter", dir)
		wait.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Error(err, out)
			}
		})
	}
	wait.Wait()
	require.Equal(t, strings.Repeat("x", 80), value(t, store.File(optionsIn(dir)), "count"))
}

// Lock reports a full disk, and succeeds when there is space again.
func TestFileNoRoom(t *testing.T) {
	t.Run("limit", func(t *testing.T) {
		cmd, out := start(t, "limited", t.TempDir())
		require.NoError(t, cmd.Wait(), out)
		require.Contains(t, out.String(), "unavailable unavailable: there is no room in the folder")
	})
	t.Run("disk", func(t *testing.T) {
		dir := t.TempDir()
		mount(t, "tmpfs", dir, "tmpfs", 0, "size=64k,mode=0700")
		opts := store.FileOptions{Dir: dir, KeyFile: filepath.Join(t.TempDir(), "key")}
		s := store.File(opts)
		require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
		held, err := s.Lock(bg, "drive")
		require.NoError(t, err)
		filler := filepath.Join(dir, "filler")
		require.ErrorIs(t, os.WriteFile(filler, make([]byte, 100<<10), 0o600), syscall.ENOSPC)
		large := core.NewSecret(strings.Repeat("x", 7000))
		require.NoError(t, s.Save(bg, "drive", large), "Lock has reserved the space")
		held()
		for range 2 {
			f, _ := os.OpenFile(filler, os.O_APPEND|os.O_WRONLY, 0)
			_, _ = f.Write(make([]byte, 100<<10))
			_ = f.Close()
			_, err = s.Lock(bg, "drive")
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.ErrorContains(t, err, dir)
		}
		require.Len(t, value(t, s, "drive"), 7000)
		require.NoError(t, os.Remove(filler))
		unlock, err := s.Lock(bg, "drive")
		require.NoError(t, err)
		unlock()
	})
	t.Run("read-only", func(t *testing.T) {
		opts := optionsIn(t.TempDir())
		require.NoError(t, store.File(opts).Save(bg, "drive", core.NewSecret("token")))
		mount(t, opts.Dir, opts.Dir, "", syscall.MS_BIND, "")
		const readOnly = syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY
		require.NoError(t, syscall.Mount("", opts.Dir, "", readOnly, ""))
		s := store.File(opts)
		require.Equal(t, "token", value(t, s, "drive"))
		_, err := s.Lock(bg, "drive")
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorIs(t, s.Save(bg, "drive", core.NewSecret("x")), core.CodeBadConfig)
		require.ErrorIs(t, s.Delete(bg, "drive"), core.CodeBadConfig)
		require.ErrorContains(t, err, opts.Dir)
	})
}

func mount(t *testing.T, source, target, kind string, flags uintptr, data string) {
	t.Helper()
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		t.Skipf("this user cannot mount: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(target, 0)) })
}
