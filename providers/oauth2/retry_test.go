package oauth2_test

import (
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

// cutOff resets the connection of a request that has arrived.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	if conn, _, err := w.(http.Hijacker).Hijack(); err == nil {
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	}
}

func busy(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }

// TestWhatIsRepeated: after a request that arrived and had no answer, only
// what spends nothing is sent again, and what must be new in it is.
func TestWhatIsRepeated(t *testing.T) {
	given := filepath.Join(t.TempDir(), "assertion")
	require.NoError(t, os.WriteFile(given, []byte("e30.e30.c2ln"), 0o600))
	type settings = map[string]any
	key := settings{"text": keyPEM(t, ecKey)}
	assertion := func(a settings) settings { return settings{"grant": "jwt_bearer", "assertion": a} }
	previous := core.Credential{RefreshState: core.NewSecret("rt-1")}
	for name, tc := range map[string]struct {
		settings settings
		previous core.Credential
		again    bool
		differs  string // the parameter that must not be the same
	}{
		"client credentials": {settings: settings{}, again: true},
		"with an assertion": {
			settings: settings{"client_secret": nil, "client_key": key}, again: true,
			differs: "client_assertion",
		},
		"an assertion that is made": {settings: assertion(settings{"key": key}), again: true,
			differs: "assertion"},
		"an assertion that is given": {settings: assertion(settings{"file": given})},
		"a refresh token": {settings: settings{"grant": "refresh_token",
			"refresh_token": "rt-0"}},
		"a refresh token that rotates": {settings: settings{}, previous: previous},
		"a subject's token": {settings: settings{"grant": "token_exchange",
			"subject_token": "st-1"}},
	} {
		for kind, bad := range map[string]http.HandlerFunc{
			"503":   busy,
			"reset": cutOff,
		} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				s := newServer(t)
				s.proof = func(*http.Request) bool { return true }
				s.override = func(w http.ResponseWriter, r *http.Request) {
					s.override = nil // which the server's lock guards
					bad(w, r)
				}
				req := core.Request{Previous: tc.previous, MayRetry: true}
				_, err := s.open(t, tc.settings).Authenticate(t.Context(), req)
				sent := s.seen("/token")
				if !tc.again {
					require.ErrorIs(t, err, core.CodeUnavailable)
					require.Len(t, sent, 1)
					return
				}
				require.NoError(t, err)
				require.Len(t, sent, 2)
				if tc.differs != "" {
					require.NotEmpty(t, sent[0].form.Get(tc.differs))
					require.NotEqual(t, sent[0].form.Get(tc.differs), sent[1].form.Get(tc.differs))
				}
			})
		}
	}
	t.Run("nothing after a failure", func(t *testing.T) {
		s := newServer(t)
		s.override = cutOff
		_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.Len(t, s.seen("/token"), 1)
	})
}

// TestDocumentsAreRepeated: a sign-in does not end because the server's
// metadata or keys were missed once.
func TestDocumentsAreRepeated(t *testing.T) {
	for _, path := range []string{rfc8414, "/jwks"} {
		for _, mayRetry := range []bool{true, false} {
			s := newPeople(t)
			s.override[path] = func(w http.ResponseWriter, r *http.Request) {
				delete(s.override, path) // which the server's lock guards
				cutOff(w, r)
			}
			p := s.open(t, nil).(core.InteractiveProvider)
			_, err := p.SignIn(t.Context(), core.Request{MayRetry: mayRetry}, newWindow().ui())
			require.Equal(t, mayRetry, err == nil, "%s: %v", path, err)
			if !mayRetry {
				require.ErrorIs(t, err, core.CodeUnavailable)
			}
		}
	}
}

// TestLocalFaults: what is wrong with a file is local as long as nothing was
// sent, and does not make the provider ask the server where its endpoints are.
func TestLocalFaults(t *testing.T) {
	local := func(err error) bool {
		var e *core.Error
		return errors.As(err, &e) && e.Local
	}
	none := filepath.Join(t.TempDir(), "none")
	for name, settings := range map[string]map[string]any{
		"client_key": {"client_secret": nil, "client_key": map[string]any{"file": none}},
		"tls":        {"tls": map[string]any{"ca_file": none}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			settings["issuer"], settings["token_url"] = s.URL, nil
			_, err := s.open(t, settings).Authenticate(t.Context(), core.Request{})
			require.ErrorContains(t, err, "does not exist")
			require.True(t, local(err))
			require.Empty(t, s.seen(rfc8414))
		})
	}
	t.Run("assertion.key", func(t *testing.T) {
		s := newServer(t)
		p := s.open(t, map[string]any{
			"grant": "jwt_bearer", "assertion": map[string]any{"key": map[string]any{"file": none}},
		})
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.ErrorContains(t, err, "assertion.key: file")
		require.True(t, local(err))
	})
	t.Run("subject_token", func(t *testing.T) {
		s := newServer(t)
		s.metadata[rfc8414] = map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token"}
		file := filepath.Join(t.TempDir(), "token")
		p := s.open(t, map[string]any{
			"grant": "token_exchange", "subject_token_file": file, "issuer": s.URL, "token_url": nil,
		})
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.ErrorContains(t, err, "subject_token: file")
		require.False(t, local(err), "the server was asked for its endpoints")
		for range 3 {
			_, err = p.Authenticate(t.Context(), core.Request{})
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.True(t, local(err))
		}
		require.Len(t, s.seen(rfc8414), 1)
		spent := core.Credential{RefreshState: core.NewSecret("spent")}
		_, err = p.Authenticate(t.Context(), core.Request{Previous: spent})
		require.ErrorContains(t, err, "subject_token: file")
		require.False(t, local(err), "a refresh token was sent")
		require.NoError(t, os.WriteFile(file, []byte("two words"), 0o600))
		_, err = p.Authenticate(t.Context(), core.Request{})
		require.ErrorContains(t, err, "does not hold one token")
		require.True(t, local(err))
		require.NoError(t, os.WriteFile(file, []byte("token\n"), 0o600))
		_, err = p.Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
	})
	t.Run("a server that cannot be reached", func(t *testing.T) {
		s := newServer(t)
		p := s.open(t, nil)
		s.Close()
		began := time.Now()
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.False(t, local(err))
		require.Less(t, time.Since(began), 10*time.Second)
		require.False(t, strings.Contains(err.Error(), secret))
	})
}
