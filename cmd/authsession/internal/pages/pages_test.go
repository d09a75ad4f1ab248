package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPagesAreCurrent: the pages say what the command says. "go generate" writes them.
func TestPagesAreCurrent(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, write([]string{dir}))
	const pages = "../../../../docs/command"
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Greater(t, len(entries), 20)
	for _, e := range entries {
		want, err := os.ReadFile(filepath.Join(dir, e.Name()))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(pages, e.Name()))
		require.NoError(t, err, "run go generate")
		require.Equal(t, string(want), string(got), "run go generate")
	}
	there, err := filepath.Glob(filepath.Join(pages, "authsession[_.]*"))
	require.NoError(t, err)
	require.Len(t, there, len(entries), "a page of a command that is gone")
}
