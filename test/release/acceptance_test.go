//go:build acceptance

package main

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestThisRepository makes a trial of the commit that is checked out.
func TestThisRepository(t *testing.T) {
	root := filepath.Join(t.TempDir(), "repository")
	_, err := git("../..", "clone", "--quiet", "--no-tags", ".", root)
	require.NoError(t, err)
	for _, key := range []string{"user.name", "user.email"} {
		_, err := git(root, "config", key, "trial@example.com")
		require.NoError(t, err)
	}
	var printed bytes.Buffer
	require.NoError(t, run(options{root: root, version: "v0.1.0", trial: true}, &printed))
	t.Log(printed.String())
}
