package files_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/files"
	"github.com/stretchr/testify/require"
)

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(strings.Repeat("x", size)), 0o600))
		return path
	}
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), link))
	for _, c := range []struct{ name, path, want string }{
		{"missing", filepath.Join(dir, "none"), "does not exist"},
		{"dangling link", link, "does not exist"},
		{"empty", write("empty", 0), "is empty"},
		{"huge", write("huge", files.Limit+1), "is larger than 1 MiB"},
		{"directory", dir, "is a directory"},
		{"device", os.DevNull, "is not a regular file"},
		{"impossible name", "a\x00b", `file "a\x00b"`},
		{"no name", "", `file "" does not exist`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := files.Read(t.Context(), c.path)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.True(t, coded.Local)
			require.ErrorContains(t, err, fmt.Sprintf("%q", c.path))
			require.NotContains(t, err.Error(), "xxx")
		})
	}
}

func TestReadOnlyForOthers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o000))
	if f, err := os.Open(path); err == nil { // root reads everything
		require.NoError(t, f.Close())
		return
	}
	_, err := files.Read(t.Context(), path)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "may not be read")
}

func TestReadUpToTheLimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "full")
	require.NoError(t, os.WriteFile(path, make([]byte, files.Limit), 0o600))
	data, err := files.Read(t.Context(), path)
	require.NoError(t, err)
	require.Len(t, data, files.Limit)
}

func TestLater(t *testing.T) {
	_, err := files.Read(t.Context(), "no/such/token")
	require.EqualError(t, files.Unavailable(err), `unavailable: file "no/such/token" does not exist`)
	require.NotErrorIs(t, files.Unavailable(err), core.CodeBadConfig)
}

func ExampleRead() {
	_, err := files.Read(context.Background(), "no/such/token")
	fmt.Println(err)
	// Output: bad config: file "no/such/token" does not exist
}
