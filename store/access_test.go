//go:build linux

package store_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
)

// The users and the group of these tests.
const (
	podUser     = 1000
	otherUser   = 1001
	podGroup    = 2000
	namesOwner  = "belongs to user 1001, and this process runs as user "
	ofOtherUser = namesOwner + "1000"
)

// keyOf makes a key file with an owner, a group and a mode.
func keyOf(t *testing.T, path string, owner, group int, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("k", 32)), 0o600))
	require.NoError(t, os.Chown(path, owner, group))
	require.NoError(t, os.Chmod(path, mode))
}

// runAs saves a value in a process of the pod's user and returns its error.
func runAs(t *testing.T, opts store.FileOptions) string {
	t.Helper()
	cmd, out := prepare("podder", "",
		"STORE_TEST_PATH="+opts.Dir, "STORE_TEST_KEY="+opts.KeyFile)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{
		Uid: podUser, Gid: podUser, Groups: []uint32{podGroup},
	}}
	cmd.Dir = "/"
	require.NoError(t, cmd.Run(), out)
	return out.String()
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to other users")
	}
}

// openDir returns a folder that all users can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "store")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	binary := filepath.Join(dir, "test")
	data, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, data, 0o755))
	testBinary = binary
	t.Cleanup(func() { testBinary = os.Args[0] })
	return dir
}

// A process that is not root uses the key file that Kubernetes mounts, and no file that
// another user could have read or made.
func TestFileKeyOfOwners(t *testing.T) {
	requireRoot(t)
	dir := openDir(t)
	for i, c := range []struct {
		owner, group int
		mode         os.FileMode
		want         string // "": the key is used
	}{
		{0, podGroup, 0o440, ""}, // a Secret in a pod with an fsGroup
		{0, podGroup, 0o640, ""},
		{podUser, podUser, 0o400, ""},
		{podUser, podUser, 0o600, ""},
		{0, podGroup, 0o460, "others may read the key file"},
		{0, podGroup, 0o444, "whose mode is 0444: make a new one, as this one may be known, or take " +
			"that from them (it is root's: at most 0640 or 0440, with a group of this process)"},
		{0, 0, 0o604, "others may read the key file"},
		{0, 0, 0o440, "permission denied"},
		{podUser, podUser, 0o440, "take that from them (chmod 600)"},
		{podUser, podGroup, 0o640, "others may read the key file"},
		{otherUser, podGroup, 0o440, ofOtherUser},
		{otherUser, podGroup, 0o444, ofOtherUser},
		{otherUser, otherUser, 0o604, ofOtherUser},
	} {
		t.Run(fmt.Sprintf("%d:%d %03o", c.owner, c.group, c.mode), func(t *testing.T) {
			opts := store.FileOptions{
				Dir:     filepath.Join(dir, fmt.Sprint("store", i)),
				KeyFile: filepath.Join(dir, fmt.Sprint("key", i)),
			}
			keyOf(t, opts.KeyFile, c.owner, c.group, c.mode)
			require.NoError(t, os.Mkdir(opts.Dir, 0o700))
			require.NoError(t, os.Chown(opts.Dir, podUser, podUser))
			got := runAs(t, opts)
			if c.want == "" {
				require.Equal(t, "saved\n", got)
				return
			}
			require.Contains(t, got, "bad config")
			require.Contains(t, got, c.want)
		})
	}
}

// The folder belongs to this user or to root.
func TestFileFolderOfOwners(t *testing.T) {
	requireRoot(t)
	dir := openDir(t)
	key := filepath.Join(dir, "key")
	keyOf(t, key, podUser, podUser, 0o600)
	for i, c := range []struct {
		owner, group int
		mode         os.FileMode
		want         string
	}{
		{podUser, podUser, 0o700, ""},
		{podUser, podUser, 0o755, ""},
		{podUser, podGroup, 0o775, "take that from them (chmod go-w)"},
		{0, podGroup, 0o775, "which is root's: name a folder inside it"},
		{0, 0, 0o777, "which is root's: name a folder inside it"}, // an emptyDir
		{0, 0, 0o755, "permission denied"},
		{otherUser, podGroup, 0o755, ofOtherUser},
		{otherUser, podGroup, 0o777, ofOtherUser},
	} {
		t.Run(fmt.Sprintf("%d:%d %03o", c.owner, c.group, c.mode), func(t *testing.T) {
			folder := filepath.Join(dir, fmt.Sprint("store", i))
			require.NoError(t, os.Mkdir(folder, 0o700))
			require.NoError(t, os.Chown(folder, c.owner, c.group))
			require.NoError(t, os.Chmod(folder, c.mode))
			got := runAs(t, store.FileOptions{Dir: folder, KeyFile: key})
			if c.want == "" {
				require.Equal(t, "saved\n", got)
				return
			}
			require.Contains(t, got, "bad config")
			require.Contains(t, got, c.want)
		})
	}
	t.Run("inside an emptyDir", func(t *testing.T) {
		folder := filepath.Join(dir, "empty")
		require.NoError(t, os.Mkdir(folder, 0o700))
		require.NoError(t, os.Chmod(folder, 0o777))
		inside := filepath.Join(folder, "credentials")
		require.Equal(t, "saved\n", runAs(t, store.FileOptions{Dir: inside, KeyFile: key}))
	})
}

// Each operation refuses the folder of another user, also for root, who could use it.
func TestFileOfAnotherUser(t *testing.T) {
	requireRoot(t)
	want := namesOwner + "0"
	for name, give := range map[string]func(store.FileOptions) string{
		"folder":   func(o store.FileOptions) string { return o.Dir },
		"key file": func(o store.FileOptions) string { return o.KeyFile },
	} {
		t.Run(name, func(t *testing.T) {
			opts := options(t)
			s := store.File(opts)
			require.NoError(t, s.Save(bg, "drive", core.NewSecret("token")))
			require.NoError(t, os.Chown(give(opts), otherUser, otherUser))
			_, loadErr := s.Load(bg, "drive")
			_, lockErr := s.Lock(bg, "drive")
			errs := []error{loadErr, lockErr, s.Save(bg, "drive", core.NewSecret("next"))}
			if name == "folder" {
				errs = append(errs, s.Delete(bg, "drive"))
			}
			for _, err := range errs {
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, want)
			}
		})
	}
}
