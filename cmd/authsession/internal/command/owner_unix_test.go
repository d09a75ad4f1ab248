//go:build unix

package command

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOwnedByOthers: the file, each link to it and the folder of each count.
func TestOwnedByOthers(t *testing.T) {
	dir := t.TempDir()
	folder := func(name string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Mkdir(path, 0o700))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	file := func(folder string, mode os.FileMode) string {
		path := filepath.Join(folder, "config.yaml")
		require.NoError(t, os.WriteFile(path, nil, 0o600))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	link := func(name, target string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.Symlink(target, path))
		return path
	}
	private, open := folder("private", 0o755), folder("open", 0o777)
	sticky := folder("sticky", os.ModeSticky|0o777)
	good, inOpen, inSticky := file(private, 0o644), file(open, 0o644), file(sticky, 0o644)
	written := file(folder("written", 0o755), 0o664)
	pipe := filepath.Join(private, "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	const folderOfOthers = "is in a folder that others may write to"
	for name, tt := range map[string]struct{ path, want string }{
		"file":                   {good, ""},
		"in a sticky folder":     {inSticky, ""},
		"in an open folder":      {inOpen, folderOfOthers},
		"written by a group":     {written, "may be written by others"},
		"pipe":                   {pipe, "is a pipe"},
		"link":                   {link("a", good), ""},
		"relative link":          {link("b", "private/config.yaml"), ""},
		"link to an open folder": {link("c", inOpen), "leads to " + inOpen + ", which " + folderOfOthers},
		"relative to open":       {link("d", "open/config.yaml"), folderOfOthers},
		"link in an open folder": {link("open/e", good), folderOfOthers},
		"through an open folder": {link("f", "open/e"), folderOfOthers},
		"link to a link":         {link("g", "a"), ""},
		"link to written":        {link("h", written), "may be written by others"},
		"link to a pipe":         {link("i", pipe), "is a pipe"},
		"through a linked folder": {link("k", filepath.Join(link("j", open), "config.yaml")),
			folderOfOthers},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := ownedByOthers(tt.path)
			require.NoError(t, err)
			if tt.want == "" {
				require.Empty(t, got)
			}
			require.Contains(t, got, tt.want)
		})
	}
	for _, path := range []string{link("loop", "loop"), link("nowhere", "missing"), dir + "/missing"} {
		_, err := ownedByOthers(path)
		require.Error(t, err)
	}
}
