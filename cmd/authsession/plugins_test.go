package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlugins: a configuration that names plugins is served by authsession-plugins,
// which authsession runs in its own place. The plugin here is one of this module.
func TestPlugins(t *testing.T) {
	dir := t.TempDir()
	for _, pkg := range []string{".", "./authsession-plugins", "./internal/testplugin"} {
		build := exec.Command("go", "build", "-o", dir, pkg)
		out, err := build.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	plugin := filepath.Join(dir, "testplugin")
	program, err := os.ReadFile(plugin)
	require.NoError(t, err)
	file := filepath.Join(dir, "authsession.yaml")
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `
plugins:
  mine: {path: %q, sha256: %x, kinds: [fixed]}
sessions:
  one: {provider: fixed, origins: ["https://a.example.com"], settings: {token: sesame}}
`, plugin, sha256.Sum256(program)), 0o600))
	run := func(args ...string) string {
		cmd := exec.Command(filepath.Join(dir, "authsession"), append([]string{"-c", file}, args...)...)
		cmd.Env = append(os.Environ(), "HOME="+dir)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return string(out)
	}
	require.Equal(t, "sesame\n", run("token", "one"))
	require.Contains(t, run("config", "check", "--start-plugins"), "no faults")
	require.Contains(t, run("config", "schema"), "fixed")
	require.Contains(t, run("__complete", "token", ""), "one\n")
}
