//go:build linux

package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
)

// locksIn returns the names of the lock files below a folder.
func locksIn(t *testing.T, dir string) []string {
	t.Helper()
	var locks []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if strings.HasSuffix(path, ".lock") {
			locks = append(locks, path)
		}
		return err
	}))
	return locks
}

// No lock file remains, neither of keys that are deleted nor of others.
func TestLockFilesEnd(t *testing.T) {
	for name, open := range map[string]func(dir string) core.Store{
		"file": func(dir string) core.Store { return store.File(optionsIn(dir)) },
		"keyring": func(string) core.Store {
			return store.Keyring(store.KeyringOptions{})
		},
		"key in the keyring": func(dir string) core.Store {
			return store.File(store.FileOptions{Dir: optionsIn(dir).Dir})
		},
	} {
		t.Run(name, func(t *testing.T) {
			mock(t)
			dir := t.TempDir()
			t.Setenv("XDG_CACHE_HOME", filepath.Join(dir, "cache"))
			s := open(dir)
			for i := range 100 {
				key := fmt.Sprint("key", i)
				unlock, err := s.Lock(bg, key)
				require.NoError(t, err)
				require.NotEmpty(t, locksIn(t, dir), "a lock is a file")
				require.NoError(t, s.Save(bg, key, core.NewSecret("token")))
				if i%2 == 0 { // deleted under the lock
					require.NoError(t, s.Delete(bg, key))
				}
				unlock()
				require.NoError(t, s.Delete(bg, key))
			}
			require.Empty(t, locksIn(t, dir))
		})
	}
}

// waitForHolder waits until a process holds the lock of the store in a folder.
func waitForHolder(t *testing.T, dir string) {
	t.Helper()
	require.Eventually(t, func() bool {
		list, _ := filepath.Glob(filepath.Join(optionsIn(dir).Dir, "*.tmp"))
		return len(list) == 1 // what the holder reserves under the lock
	}, 20*time.Second, 10*time.Millisecond)
}

// A process that waits for a lock file which is removed meanwhile does not hold the lock
// together with one that has locked the new file.
func TestLockFileRemovedDuringWait(t *testing.T) {
	dir := t.TempDir()
	cmd, _ := start(t, "holder", dir)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	credentials := optionsIn(dir).Dir
	waitForHolder(t, dir)

	waiting := make(chan error, 1)
	go func() { // waits for the file that the other process holds
		unlock, err := store.File(optionsIn(dir)).Lock(bg, "drive")
		if err == nil {
			unlock()
		}
		waiting <- err
	}()
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, os.Remove(only(t, credentials, "*.lock")))
	second, err := store.File(optionsIn(dir)).Lock(bg, "drive")
	require.NoError(t, err, "the new file is free")
	require.NoError(t, cmd.Process.Kill())
	_ = cmd.Wait()
	select {
	case err := <-waiting:
		t.Fatalf("two holders: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	second()
	require.NoError(t, <-waiting)
	require.Empty(t, locksIn(t, dir))
}

// A holder whose lock file was removed does not write while the holder of the new file
// does, and does not remove the new file.
func TestLockFileRemovedWhileHeld(t *testing.T) {
	dir := t.TempDir()
	first, second := store.File(optionsIn(dir)), store.File(optionsIn(dir))
	unlockFirst, err := first.Lock(bg, "drive")
	require.NoError(t, err)
	credentials := optionsIn(dir).Dir
	require.NoError(t, os.Remove(only(t, credentials, "*.lock")))
	require.NoError(t, first.Save(bg, "drive", core.NewSecret("before")), "nobody else holds it")

	unlockSecond, err := second.Lock(bg, "drive")
	require.NoError(t, err)
	short, cancel := context.WithTimeout(bg, 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, first.Save(short, "drive", core.NewSecret("lost")), core.CodeUnavailable)
	unlockFirst()
	require.FileExists(t, only(t, credentials, "*.lock"), "the second holder's")
	require.FileExists(t, only(t, credentials, "*.tmp"), "the second holder's")
	require.NoError(t, second.Save(bg, "drive", core.NewSecret("after")))
	unlockSecond()
	require.Equal(t, "after", value(t, first, "drive"))
	require.Empty(t, locksIn(t, dir))
}

// Processes that lock, save and delete one key exclude each other although each of them
// removes the lock file.
func TestLockFileRaces(t *testing.T) {
	dir := t.TempDir()
	var wait sync.WaitGroup
	for range 6 {
		cmd, out := start(t, "excluder", dir)
		wait.Go(func() {
			if err := cmd.Wait(); err != nil {
				t.Error(err, out)
			}
		})
	}
	wait.Wait()
	require.Empty(t, locksIn(t, dir))
}
