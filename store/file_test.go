package store_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
	"github.com/stretchr/testify/require"
)

var bg = context.Background()

// options are those of a new store of files.
func options(t testing.TB) store.FileOptions {
	dir := t.TempDir()
	return store.FileOptions{Dir: filepath.Join(dir, "credentials"), KeyFile: filepath.Join(dir, "key")}
}

// only returns the one file of dir that matches.
func only(t testing.TB, dir, pattern string) string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(dir, pattern))
	require.NoError(t, err)
	require.Len(t, list, 1)
	return list[0]
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
