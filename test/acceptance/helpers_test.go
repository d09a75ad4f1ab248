// Package acceptance proves sessions that come from a configuration file
// against servers that are not ours. The tests that need no more than Go
// modules run by themselves; those with the build tag acceptance need the
// servers that `make servers` installs, and fail without them.
package acceptance

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/test/servers"
)

// program stands for the test binary where a session runs a command.
const program = "AUTHSESSION_ACCEPTANCE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		os.Exit(command(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// load loads a configuration from a file of the test's. Its sessions trust APIs
// that have a certificate of ca; with nil, whom their settings say. Variables
// are given as "NAME=value".
func load(t testing.TB, ca *servers.CA, text string, variables ...string) *config.Config {
	t.Helper()
	var base core.Options
	if ca != nil {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}
		t.Cleanup(transport.CloseIdleConnections)
		base.Transport = transport
	}
	file := filepath.Join(t.TempDir(), "authsession.yaml")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	cfg, err := config.Load(t.Context(), config.Options{
		Files:     []string{file},
		Factories: providers.Builtin(),
		Scope:     new(core.Scope),
		Session:   base,
		Environ:   append([]string{"HOME=" + t.TempDir()}, variables...),
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cfg.Close(context.Background()) })
	return cfg
}

// session returns a session of cfg, not yet initialised.
func session(t testing.TB, cfg *config.Config, name string) *core.Session {
	t.Helper()
	s, err := cfg.Session(name)
	require.NoError(t, err)
	return s
}

// initialised returns a session of cfg that is ready.
func initialised(t testing.TB, cfg *config.Config, name string) *core.Session {
	t.Helper()
	s := session(t, cfg, name)
	require.NoError(t, s.Init(t.Context()))
	return s
}

// get sends a GET with the session and returns status and body.
func get(t testing.TB, s *core.Session, url string) (int, string) {
	t.Helper()
	status, body, err := try(t.Context(), s, url)
	require.NoError(t, err)
	return status, body
}

func try(ctx context.Context, s *core.Session, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// says asserts that the API answers 200 and says so.
func says(t testing.TB, s *core.Session, url, want string) {
	t.Helper()
	status, body := get(t, s, url)
	require.Equal(t, http.StatusOK, status, body)
	require.Equal(t, want, strings.TrimSpace(body))
}

// soon asserts that something becomes true while real servers take their time.
func soon(t testing.TB, what func() bool) {
	t.Helper()
	require.Eventually(t, what, 20*time.Second, 50*time.Millisecond)
}

// noSecret asserts that an error tells none of the secrets.
func noSecret(t testing.TB, err error, secrets ...string) {
	t.Helper()
	require.Error(t, err)
	for _, secret := range secrets {
		require.NotContains(t, fmt.Sprintf("%v %+v %#v", err, err, err), secret)
	}
}
