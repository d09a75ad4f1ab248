package main

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary be its own plugin.
func TestMain(m *testing.M) {
	servePlugin()
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	t.Setenv("TMPDIR", tempDir(t))
	var out bytes.Buffer
	require.NoError(t, run(t.Context(), &out), out.String())
	var want []string
	for _, s := range []string{
		"reports  from oauth2 to oauth2-plugin", "prices   from apikey to apikey-plugin",
		"reports  from oauth2-plugin to oauth2", "prices   from apikey-plugin to apikey",
	} {
		want = append(want, s+`: \d+ requests so far, none failed`)
	}
	require.Regexp(t, "^"+strings.Join(want, "\n")+"\n$", out.String())
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left, "the program leaves nothing behind")
}

// tempDir is a folder with a short name, as sockets need one.
func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "e")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, run(ctx, new(bytes.Buffer)), context.Canceled)
}
