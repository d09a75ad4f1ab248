//go:build !windows

package store_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/store/storetest"
	"github.com/stretchr/testify/require"
)

var bg = context.Background()

// options are those of a new store of files.
func options(t testing.TB) store.FileOptions {
	dir := t.TempDir()
	return store.FileOptions{
		Dir: filepath.Join(dir, "credentials"), KeyFile: filepath.Join(dir, "key"),
	}
}

// only returns the one file of dir that matches.
func only(t testing.TB, dir, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
}

// content returns the content of a regular file, and nil for anything else.
func content(path string) []byte {
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		return nil
	}
	data, _ := os.ReadFile(path)
	return data
}

func value(t testing.TB, s core.Store, key string) string {
	t.Helper()
	v, err := s.Load(bg, key)
	require.NoError(t, err)
	return v.Reveal()
}

func TestFileKeepsAValue(t *testing.T) {
	opts := options(t)
	s := store.File(opts)
	require.Empty(t, value(t, s, "drive"))
	require.NoDirExists(t, opts.Dir, "nothing is made before something is saved")
	require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
	require.Equal(t, "token", value(t, store.File(opts), "drive"))
	data, err := os.ReadFile(only(t, opts.Dir, "*.credential"))
	require.NoError(t, err)
	require.NotContains(t, string(data), "token")
	require.NoError(t, s.Delete(bg, "drive"))
	require.NoError(t, s.Delete(bg, "drive"))
	require.Empty(t, value(t, s, "drive"))
}

func TestFileConformance(t *testing.T) {
	opts := options(t)
	storetest.Run(t, func() core.Store { return store.File(opts) })
}

// No umask decides who may read or write what.
func TestFileModes(t *testing.T) {
	for _, mask := range []int{0, 0o022, 0o277} {
		t.Run(fmt.Sprintf("%03o", mask), func(t *testing.T) {
			opts := options(t)
			defer syscall.Umask(syscall.Umask(mask))
			s := store.File(opts)
			for range 2 {
				unlock, err := s.Lock(bg, "drive")
				require.NoError(t, err)
				info, err := os.Stat(only(t, opts.Dir, "*.tmp"))
				require.NoError(t, err)
				require.EqualValues(t, 8<<10, info.Size(), "room for the next Save")
				lock, err := os.Stat(only(t, opts.Dir, "*.lock"))
				require.NoError(t, err)
				require.Equal(t, "-rw-------", lock.Mode().String())
				require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
				unlock()
			}
			for path, mode := range map[string]string{
				opts.Dir: "drwx------", opts.KeyFile: "-rw-------",
				only(t, opts.Dir, "*.credential"): "-rw-------",
			} {
				info, err := os.Stat(path)
				require.NoError(t, err)
				require.Equal(t, mode, info.Mode().String(), path)
			}
			list, err := os.ReadDir(opts.Dir)
			require.NoError(t, err)
			require.Len(t, list, 1, "the credential, and no lock of the past")
		})
	}
}

// A file that is not a credential of this store is refused or renamed, with the code that says what
// to do.
func TestFileFaults(t *testing.T) {
	overwrite := func(data string) func(t *testing.T, path string, opts *store.FileOptions) {
		return func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.WriteFile(path, []byte(data), 0o600))
		}
	}
	flip := func(offset int) func(t *testing.T, path string, opts *store.FileOptions) {
		return func(t *testing.T, path string, _ *store.FileOptions) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			if offset < 0 {
				offset += len(data)
			}
			data[offset] ^= 1
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}
	}
	for name, c := range map[string]struct {
		breakIt func(t *testing.T, path string, opts *store.FileOptions)
		damaged bool // else the file stays, and the code is CodeBadConfig
		want    string
	}{
		"empty":   {overwrite(""), true, "cut short"},
		"short":   {overwrite("authsess\x01"), true, "cut short"},
		"foreign": {overwrite(strings.Repeat("no credential\n", 99)), true, "no file of a store"},
		"magic":   {flip(0), true, "no file of a store"},
		"version": {flip(8), true, "first bytes"},
		"id":      {flip(10), true, "first bytes"},
		"sum":     {flip(27), true, "first bytes"},
		"nonce":   {flip(30), true, "it was changed"},
		"text":    {flip(45), true, "it was changed"},
		"tag":     {flip(-1), true, "it was changed"},
		"half": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.Truncate(path, 50))
		}, true, "it was changed"},
		"zeros": {overwrite(strings.Repeat("\x00", 100)), true, "no file of a store"},
		"of a newer version": {func(t *testing.T, path string, _ *store.FileOptions) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[8] = 9
			binary.BigEndian.PutUint32(data[25:], crc32.ChecksumIEEE(data[:25]))
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}, false, "of version 9, and this program knows version 1: update the program"},
		"another key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			opts.KeyFile += "2"
			require.NoError(t, os.WriteFile(opts.KeyFile, []byte(strings.Repeat("k", 32)), 0o600))
		}, false, "was encrypted with another key than that of the key file"},
		"no key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.Remove(opts.KeyFile))
		}, false, "is missing: bring it back"},
		"short key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.WriteFile(opts.KeyFile, []byte("k"), 0o600))
		}, false, "want a key of 32 bytes, found 1"},
		"long key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.WriteFile(opts.KeyFile, make([]byte, 33), 0o600))
		}, false, "want a key of 32 bytes, found 33: a key is 32 random bytes, and no text"},
		"key in base64": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.WriteFile(opts.KeyFile, []byte(strings.Repeat("a", 43)+"=\n"), 0o600))
		}, false, "found 45: a key is 32 random bytes"},
		"empty key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.WriteFile(opts.KeyFile, nil, 0o600))
		}, false, "want a key of 32 bytes, found 0"},
		"huge key": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.Truncate(opts.KeyFile, 1<<40))
		}, false, "is too large"},
		"key of zeros": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.WriteFile(opts.KeyFile, make([]byte, 32), 0o600))
		}, false, "holds nothing but zeros"},
		"key for all": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.Chmod(opts.KeyFile, 0o644))
		}, false, "others may read the key file"},
		"folder for all": {func(t *testing.T, _ string, opts *store.FileOptions) {
			require.NoError(t, os.Chmod(opts.Dir, 0o777))
		}, false, "others may write to the folder"},
		"too large": {overwrite(strings.Repeat("x", 1<<20+100)), false, "is too large"},
		"folder": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Mkdir(path, 0o700))
		}, false, "is no regular file"},
		"link": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.Rename(path, path+".moved"))
			require.NoError(t, os.Symlink(path+".moved", path))
		}, false, "is a symbolic link"},
		"link to itself": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, os.Symlink(filepath.Base(path), path))
		}, false, "is a symbolic link"},
		"pipe": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.Remove(path))
			require.NoError(t, syscall.Mkfifo(path, 0o600))
		}, false, "is no regular file"},
		"lock is a pipe": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, syscall.Mkfifo(path+".lock", 0o600))
		}, false, "is no regular file"},
		"room is a folder": {func(t *testing.T, path string, _ *store.FileOptions) {
			require.NoError(t, os.MkdirAll(path+".tmp/x", 0o700))
		}, false, "cannot be used"},
	} {
		t.Run(name, func(t *testing.T) {
			opts := options(t)
			require.NoError(t, store.File(opts).Save(bg, "drive", core.NewSecret("canary")))
			path := only(t, opts.Dir, "*.credential")
			c.breakIt(t, path, &opts)
			before := content(path)
			s := store.File(opts)
			_, err := s.Load(bg, "drive")
			if c.damaged {
				require.ErrorIs(t, err, core.ErrDamaged)
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, path+".damaged")
				aside, e := os.ReadFile(path + ".damaged")
				require.NoError(t, e)
				require.Equal(t, before, aside)
				require.Empty(t, value(t, s, "drive"), "put aside")
				require.NoError(t, s.Save(bg, "drive", core.NewSecret("next")))
				require.Equal(t, "next", value(t, s, "drive"))
				return
			}
			unlock, lockErr := s.Lock(bg, "drive")
			if lockErr == nil {
				unlock()
			}
			saveErr := s.Save(bg, "drive", core.NewSecret("next"))
			for _, err := range []error{err, lockErr, saveErr} {
				if err == nil {
					continue // the fault does not concern this call
				}
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.Equal(t, core.CodeBadConfig, core.CodeOf(err))
				require.NotErrorIs(t, err, core.ErrDamaged)
				require.ErrorContains(t, err, c.want)
				require.NotContains(t, err.Error(), "canary")
			}
			require.Error(t, lockErr, "before anything is spent")
			require.Error(t, saveErr)
			require.Equal(t, before, content(path), "nothing is touched")
		})
	}
}

// The file of one key cannot replace that of another key.
func TestFileOfAnotherKey(t *testing.T) {
	opts := options(t)
	s := store.File(opts)
	require.NoError(t, s.Save(bg, "a", core.NewSecret("one")))
	require.NoError(t, s.Save(bg, "b", core.NewSecret("two")))
	first, second := only(t, opts.Dir, "a-*.credential"), only(t, opts.Dir, "b-*.credential")
	require.NoError(t, os.Rename(first, second))
	_, err := s.Load(bg, "b")
	require.ErrorIs(t, err, core.ErrDamaged)
	require.Empty(t, value(t, s, "a"))
}

// The files that a crashed holder of the lock has left are used again or removed.
func TestFileLeftovers(t *testing.T) {
	opts := options(t)
	s := store.File(opts)
	require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
	path := only(t, opts.Dir, "*.credential")
	require.NoError(t, os.WriteFile(path+".tmp", make([]byte, 100_000), 0o400))
	unlock, err := s.Lock(bg, "drive")
	require.NoError(t, err)
	require.NoError(t, s.Save(bg, "drive", core.NewSecret("next")))
	require.NoFileExists(t, path+".tmp")
	unlock()
	require.Equal(t, "next", value(t, s, "drive"))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Less(t, info.Size(), int64(100))
}

func TestFileRoomGrows(t *testing.T) {
	opts := options(t)
	s := store.File(opts)
	require.NoError(t, s.Save(bg, "drive", core.NewSecret(strings.Repeat("x", 20_000))))
	unlock, err := s.Lock(bg, "drive")
	require.NoError(t, err)
	info, err := os.Stat(only(t, opts.Dir, "*.tmp"))
	require.NoError(t, err)
	require.Greater(t, info.Size(), int64(40_000))
	unlock()
	require.NoFileExists(t, only(t, opts.Dir, "*.credential")+".tmp")
	err = s.Save(bg, "drive", core.NewSecret(strings.Repeat("x", 1<<20+1)))
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "too large to be stored")
	require.NoError(t, s.Save(bg, "drive", core.NewSecret(strings.Repeat("x", 1<<20))))
	require.Len(t, value(t, s, "drive"), 1<<20)
}

// Lock reports a folder that cannot be used.
func TestFileFolder(t *testing.T) {
	base := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(base, "file"), nil, 0o600))
	for name, opts := range map[string]store.FileOptions{
		"below a file":     {Dir: filepath.Join(base, "file", "x"), KeyFile: filepath.Join(base, "key")},
		"a file":           {Dir: filepath.Join(base, "file"), KeyFile: filepath.Join(base, "key")},
		"key below a file": {Dir: filepath.Join(base, "x"), KeyFile: filepath.Join(base, "file", "key")},
		"key is a folder":  {Dir: filepath.Join(base, "y"), KeyFile: base},
		"no room at all":   {Dir: "/proc/self/nothing", KeyFile: filepath.Join(base, "key")},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := store.File(opts).Lock(bg, "drive")
			require.ErrorIs(t, err, core.CodeBadConfig)
		})
	}
	t.Run("relative", func(t *testing.T) {
		t.Chdir(base)
		s := store.File(store.FileOptions{Dir: "here", KeyFile: "key"})
		t.Chdir(t.TempDir())
		require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
		there := store.File(store.FileOptions{
			Dir: filepath.Join(base, "here"), KeyFile: filepath.Join(base, "key"),
		})
		require.Equal(t, "token", value(t, there, "drive"))
	})
	t.Run("default", func(t *testing.T) {
		home := t.TempDir()
		t.Setenv("XDG_CONFIG_HOME", home)
		t.Setenv("HOME", home)
		s := store.File(store.FileOptions{KeyFile: filepath.Join(base, "key")})
		require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
		config, err := os.UserConfigDir()
		require.NoError(t, err)
		only(t, filepath.Join(config, "authsession", "credentials"), "drive-*.credential")
	})
	t.Run("no default", func(t *testing.T) {
		t.Setenv("XDG_CONFIG_HOME", "")
		t.Setenv("HOME", "")
		_, err := store.File(store.FileOptions{}).Load(bg, "drive")
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "name the store's folder")
	})
}
