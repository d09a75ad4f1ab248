//go:build unix

package command

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestApplyKeepsLinks: a file is written through a link, also through one to a file that
// does not exist yet, with the owner and the mode that it had.
func TestApplyKeepsLinks(t *testing.T) {
	for name, c := range map[string]struct {
		links  []string // each to the next one
		exists bool
	}{
		"a file":                   {nil, true},
		"no file":                  {nil, false},
		"a link":                   {[]string{"to/real"}, true},
		"a link to no file":        {[]string{"to/real"}, false},
		"links to no file":         {[]string{"to/link", "real"}, false},
		"a link up":                {[]string{"to/../to/real"}, false},
		"a link to a linked place": {[]string{"also/link", "../to/real"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(dir, "to"), 0o700))
			require.NoError(t, os.Symlink("to", filepath.Join(dir, "also")))
			path := filepath.Join(dir, "config")
			last := path
			for _, to := range c.links {
				require.NoError(t, os.Symlink(to, last))
				last = filepath.Join(filepath.Dir(last), to)
			}
			if c.exists {
				require.NoError(t, os.WriteFile(last, []byte("old\n"), 0o640))
				if os.Geteuid() == 0 {
					require.NoError(t, os.Chown(last, 12, 34))
				}
			}
			var out bytes.Buffer
			change, err := readForChange(path)
			require.NoError(t, err)
			change.after += "new\n"
			require.NoError(t, (&app{stdout: &out}).apply(change))
			text, err := os.ReadFile(last)
			require.NoError(t, err)
			require.Equal(t, change.after, string(text))
			info, err := os.Lstat(last)
			require.NoError(t, err)
			require.True(t, info.Mode().IsRegular())
			if len(c.links) > 0 {
				link, err := os.Lstat(path)
				require.NoError(t, err)
				require.NotZero(t, link.Mode()&os.ModeSymlink, "the link is there still")
			}
			want := os.FileMode(0o600)
			if c.exists {
				want = 0o640
			}
			require.Equal(t, want, info.Mode().Perm())
			if owner := info.Sys().(*syscall.Stat_t); c.exists && os.Geteuid() == 0 {
				require.Equal(t, []uint32{12, 34}, []uint32{owner.Uid, owner.Gid})
			}
		})
	}
}

// TestApplyRefuses: what cannot be replaced by a file is not.
func TestApplyRefuses(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{
		"nowhere": "no/such/folder", "circle": "circle", "folder": ".",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(to, path))
		_, err := readForChange(path)
		require.Error(t, err, name)
	}
	pipe := filepath.Join(dir, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	_, err := readForChange(pipe)
	require.ErrorContains(t, err, "not a regular file")
}
