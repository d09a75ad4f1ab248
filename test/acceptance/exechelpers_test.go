//go:build acceptance

package acceptance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// headerOf returns the Authorization header of the only session of a configuration, or its error.
func headerOf(t *testing.T, settings string) (string, error) {
	t.Helper()
	cfg := load(t, servers.NewCA(t), fmt.Sprintf(`
sessions:
  helper:
    provider: exec
    origins: [https://api.example.com]
    timeout: 1m
    settings: %s
`, settings))
	s, err := cfg.Session("helper")
	require.NoError(t, err)
	if err := s.Init(t.Context()); err != nil {
		return "", err
	}
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	return c.Attach.Header["Authorization"].Reveal(), nil
}

// TestExecGit checks that git gives what its credential helpers keep, and asks nobody.
func TestExecGit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	config, kept := filepath.Join(dir, "config"), filepath.Join(dir, "kept")
	require.NoError(t, os.WriteFile(config, []byte("[credential]\n\thelper = store --file "+kept+"\n"), 0o600))
	require.NoError(t, os.WriteFile(kept, []byte("https://u:p%40w@git.example.com\n"), 0o600))
	settings := func(host string) string {
		return fmt.Sprintf(`{command: git, args: [credential, fill], input: "protocol=https\nhost=%s\n\n",
      stderr: log, env: {GIT_CONFIG_GLOBAL: %q, GIT_CONFIG_NOSYSTEM: "1"}}`, host, config)
	}
	header, err := headerOf(t, settings("git.example.com"))
	require.NoError(t, err)
	require.Equal(t, "Basic dTpwQHc=", header)
	_, err = headerOf(t, settings("other.example.com"))
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "set interactive: true")
	require.ErrorContains(t, err, "could not read Username for 'https://other.example.com'")
}

// TestExecGCloud checks the document of gcloud.
func TestExecGCloud(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("gcloud"); err != nil {
		t.Skip("gcloud is not installed")
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "token")
	require.NoError(t, os.WriteFile(file, []byte("ya29.token"), 0o600))
	header, err := headerOf(t, fmt.Sprintf(`{command: gcloud, args: [config, config-helper, --format=json],
      env: {CLOUDSDK_CONFIG: %q, CLOUDSDK_AUTH_ACCESS_TOKEN_FILE: %q}}`, dir, file))
	require.NoError(t, err)
	require.Equal(t, "Bearer ya29.token", header)
}
