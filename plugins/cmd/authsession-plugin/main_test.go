//go:build unix

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
)

// TestMain makes this binary the plugin that its tests use.
func TestMain(m *testing.M) {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		main()
	}
	os.Exit(m.Run())
}

// thisBinary returns this binary as a plugin.
func thisBinary(t *testing.T) plugins.Binary {
	t.Helper()
	path, err := os.Executable()
	require.NoError(t, err)
	file, err := os.ReadFile(path)
	require.NoError(t, err)
	return plugins.Binary{Name: "builtin", Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(file))}
}

// fromPlugin returns the factories by kind, served by this binary.
func fromPlugin(t *testing.T) map[string]core.Factory {
	t.Helper()
	b := thisBinary(t)
	for _, f := range providers.Builtin() {
		b.Kinds = append(b.Kinds, f.Info().Kind)
	}
	host := &plugins.Host{StartTimeout: time.Minute}
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	_, err := host.Describe(t.Context(), b)
	require.NoError(t, err)
	factories, err := host.Factories(b)
	require.NoError(t, err)
	kinds := map[string]core.Factory{}
	for _, f := range factories {
		kinds[f.Info().Kind] = f
	}
	return kinds
}

func TestConformance(t *testing.T) {
	theirs := fromPlugin(t)
	seen := map[string]bool{}
	for name, f := range fixtures(t) {
		kind := f.Factory.Info().Kind
		seen[kind] = true
		t.Run(name, func(t *testing.T) {
			f.Factory = theirs[kind]
			providertest.Run(t, f)
		})
	}
	for _, f := range providers.Builtin() {
		require.True(t, seen[f.Info().Kind], "the kind %q has no fixture", f.Info().Kind)
	}
}

// TestStderrOfAProgramInAPlugin proves that what an exec provider's program writes to its standard
// error is in the host's log, and that the secret is not.
func TestStderrOfAProgramInAPlugin(t *testing.T) {
	var log lockedBuffer
	host := &plugins.Host{StartTimeout: time.Minute, Logger: slog.New(slog.NewJSONHandler(&log, nil))}
	t.Cleanup(func() { require.NoError(t, host.Close(context.Background())) })
	b := thisBinary(t)
	b.Kinds = []string{"exec"}
	factories, err := host.Factories(b)
	require.NoError(t, err)
	p, err := factories[0].Open(t.Context(), "", map[string]any{"command": "/bin/sh", "stderr": "log",
		"args": []any{"-c", "echo the cache is stale >&2; echo TheTicket7 again >&2; echo TheTicket7"}})
	require.NoError(t, err)
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Contains(t, cred.Attach.Header["Authorization"].Reveal(), "TheTicket7")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "the cache is stale") },
		10*time.Second, time.Millisecond)
	require.Contains(t, log.String(), `"plugin":"builtin"`)
	require.NotContains(t, log.String(), "TheTicket7")
}

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// TestDescriptionsAreTheSame compares what a registry can show.
func TestDescriptionsAreTheSame(t *testing.T) {
	theirs := fromPlugin(t)
	for _, f := range providers.Builtin() {
		info := theirs[f.Info().Kind].Info()
		require.NotEmpty(t, info.Plugin, "where it is from")
		require.NotEmpty(t, info.Version)
		info.Plugin, info.Version = "", ""
		require.Equal(t, f.Info(), info)
		require.True(t, reflect.DeepEqual(f.Settings(), theirs[f.Info().Kind].Settings()), f.Info().Kind)
	}
}

// TestErrorsAreTheSame makes both sides fail in the same way.
func TestErrorsAreTheSame(t *testing.T) {
	theirs := fromPlugin(t)
	for name, f := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			plugin := theirs[f.Factory.Info().Kind]
			for what, wrong := range wrongSettings(f) {
				if err := plugin.Check(f.Environment,
					wrong); err != nil { // nil: what Validate finds comes from Open
					same(t, what+": Check", f.Factory.Check(f.Environment, wrong), err)
				}
				_, a := f.Factory.Open(t.Context(), f.Environment, wrong)
				_, b := plugin.Open(t.Context(), f.Environment, wrong)
				same(t, what+": Open", a, b)
			}
			if f.Good == nil {
				return
			}
			for _, status := range []int{200, 302, 400, 401, 404, 429, 503} {
				settings := f.Settings(bad(t, status))
				same(t, fmt.Sprint(status), authenticate(t, f.Factory, f.Environment, settings),
					authenticate(t, plugin, f.Environment, settings))
			}
		})
	}
}

func wrongSettings(f providertest.Fixture) map[string]map[string]any {
	change := func(key string, value any) map[string]any {
		settings := f.Settings(providertest.Server{URL: "http://127.0.0.1:9",
			TLSURL: "https://127.0.0.1:9", CA: noCA, Secret: "Canary"})
		settings[key] = value
		return settings
	}
	all := map[string]map[string]any{"an unknown key": change("clinet_id", 5),
		"a far key": change("unheard_of", nil), "nothing": {}}
	for _, s := range f.Factory.Settings() {
		all["a list for "+s.Name] = change(s.Name, []any{map[string]any{"x": 1.5}})
		all["an object for "+s.Name] = change(s.Name, map[string]any{"x": []any{}})
		all["a text for "+s.Name] = change(s.Name, "\x00 no such thing \n")
		all["a secret for "+s.Name] = change(s.Name, core.NewSecret("no such thing"))
		all["nothing for "+s.Name] = change(s.Name, nil)
	}
	return all
}

// bad is a server that answers with a status.
func bad(t *testing.T, status int) providertest.Server {
	h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://elsewhere.example.com/")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(status)
		fmt.Fprint(w, `{"error": "invalid_client", "error_description": "Canary is\nnobody"}`)
	})
	plain, secure := httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(plain.Close)
	t.Cleanup(secure.Close)
	return providertest.Server{URL: plain.URL, TLSURL: secure.URL, CA: pemOf(secure.Certificate().Raw),
		Secret: "Canary"}
}

func authenticate(t *testing.T, f core.Factory, env core.Environment,
	settings map[string]any) error {
	p, err := f.Open(t.Context(), env, settings)
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	return err
}

// same compares two errors by what they say and by what they are.
func same(t *testing.T, what string, want, got error) {
	t.Helper()
	if want == nil {
		require.NoError(t, got, what)
		return
	}
	require.EqualError(t, got, want.Error(), what)
	require.Equal(t, core.CodeOf(want), core.CodeOf(got), what)
	require.NotRegexp(t, regexp.MustCompile("Canary"), got.Error(), what)
	var a, b core.Faults
	if asFaults(want, &a) {
		require.True(t, asFaults(got, &b), what)
		require.Equal(t, a, b, what)
	}
}
