// Package acceptance proves sessions that come from a configuration file
// against servers that are not ours. The tests that need no more than Go
// modules run by themselves; those with the build tag acceptance need the
// servers that `make servers` installs, and fail without them.
package acceptance

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
	"github.com/authsession/authsession/test/servers"
)

// program stands for the test binary where a session runs a command.
const program = "AUTHSESSION_ACCEPTANCE_COMMAND"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv("AUTHSESSION_PLUGIN") != "": // started by a plugin host
		plugins.Serve(oauth2.Factory)
		os.Exit(0)
	case os.Getenv(program) != "":
		os.Exit(command(os.Args[1:]))
	case os.Getenv(worker) != "":
		os.Exit(work(os.Getenv(worker)))
	}
	code := m.Run()
	if err := host.Close(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// ways are how a session may have its provider: in this process, and in a
// plugin, which is this program.
var ways = []string{"in process", "plugin"}

// host runs the plugin, one for all tests.
var host = new(plugins.Host)

var myself = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(path)
	return fmt.Sprintf("plugins: {oauth2: {path: %q, sha256: %x}}\n", path, sha256.Sum256(data)), err
})

// setup is how a test loads a configuration. The zero value will do.
type setup struct {
	ca  *servers.CA // who has a certificate of it is trusted by sessions; nil: what their settings say
	way string      // one of ways; empty: in process
	ui  *core.UI    // nil: nobody can be asked

	storeKey string // core.Options.StoreKey
}

// load loads a configuration from a file of the test's. Its sessions trust APIs
// that have a certificate of ca; with nil, whom their settings say. Variables
// are given as "NAME=value".
func load(t testing.TB, ca *servers.CA, text string, variables ...string) *config.Config {
	t.Helper()
	return setup{ca: ca}.load(t, text, variables...)
}

func (u setup) load(t testing.TB, text string, variables ...string) *config.Config {
	t.Helper()
	opts := config.Options{
		Factories: providers.Builtin(),
		Stores:    store.Builtin(),
		Scope:     new(core.Scope),
		Session:   core.Options{UI: u.ui, StoreKey: u.storeKey},
		Environ:   append([]string{"HOME=" + t.TempDir()}, variables...),
	}
	if u.ca != nil {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: u.ca.Pool()}}
		t.Cleanup(transport.CloseIdleConnections)
		opts.Session.Transport = transport
	}
	if u.way == "plugin" {
		section, err := myself()
		require.NoError(t, err)
		text, opts.Plugins, opts.Factories = section+text, host, nil
	}
	opts.Files = []string{filepath.Join(t.TempDir(), "authsession.yaml")}
	require.NoError(t, os.WriteFile(opts.Files[0], []byte(text), 0o600))
	cfg, err := config.Load(t.Context(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { _ = cfg.Close(context.Background()) })
	return cfg
}

// person returns how to talk to somebody who has a browser and does what the
// pages say. It reports how often they were asked.
func person(t testing.TB, ca *servers.CA) (*core.UI, *atomic.Int64) {
	b, asked := servers.NewBrowser(t, ca), new(atomic.Int64)
	open := func(ctx context.Context, link string) error {
		asked.Add(1)
		_, err := b.Open(ctx, link)
		return err
	}
	return &core.UI{
		Show: func(context.Context, string) error { return nil },
		Open: open,
		ShowDevicePrompt: func(ctx context.Context, v core.DevicePrompt) error {
			return open(ctx, v.VerificationURIComplete)
		},
	}, asked
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
