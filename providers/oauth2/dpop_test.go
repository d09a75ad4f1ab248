package oauth2_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

func TestBoundConformance(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		Factory: oauth2.Factory,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{
				"token_url": s.TLSURL + "/token", "client_id": "app", "client_secret": s.Secret,
				"tls": map[string]any{"ca": s.CA}, "dpop": true,
			}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("DPoP") == "" && r.URL.Path == "/token" {
				writeJSON(w, 400, map[string]any{"error": "invalid_dpop_proof"})
				return
			}
			writeJSON(w, 200,
				map[string]any{"access_token": "an-access-token", "token_type": "DPoP", "expires_in": 3600,
					"refresh_token": "a-refresh-token"})
		}),
	})
}

// post sends a body, that can be had again unless it streams, and returns the
// status.
func post(t *testing.T, s *core.Session, url, body string, stream bool) int {
	t.Helper()
	var r io.Reader = strings.NewReader(body)
	if stream {
		r = io.MultiReader(r)
	}
	resp, err := s.Client().Post(url, "text/plain", r)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// TestBoundSession checks DPoP with a session, an authorization server and an API. Each server
// accepts a nonce for one proof, and no proof twice.
func TestBoundSession(t *testing.T) {
	for _, algorithm := range []string{"ES256", "EdDSA", "RS256", "PS256"} {
		t.Run(algorithm, func(t *testing.T) {
			s := newBoundServers(t).wantNonces()
			s.refresh = true
			session := s.session(t, map[string]any{"dpop_algorithm": algorithm})
			require.Equal(t, 2, s.tokens, "the first nonce costs a request")

			require.Equal(t, 200, post(t, session, s.api.URL+"/items?page=2", "one", false))
			require.Equal(t, []string{"one"}, s.bodies)
			require.Equal(t, 2, s.calls, "the first nonce costs a request")
			for range 3 {
				require.Equal(t, 200, post(t, session, s.api.URL+"/items", "more", false))
			}
			require.Equal(t, 5, s.calls, "later ones are known")
			require.Equal(t, 200, post(t, session, s.api.URL+"/items", "flowing", true))

			before, err := session.Credential(t.Context())
			require.NoError(t, err)
			// all access tokens end
			s.set(func() { s.bound = map[string]string{refreshOf(t, before): s.bound[tokenOf(before)]} })
			require.Equal(t, 200, post(t, session, s.api.URL+"/items", "replayed", false))
			require.Equal(t, "replayed", s.bodies[len(s.bodies)-1])
			require.Equal(t, []string{"client_credentials", "refresh_token"}, s.grants,
				"the refresh token is bound to the same key")
			after, err := session.Credential(t.Context())
			require.NoError(t, err)
			require.NotEqual(t, tokenOf(before), tokenOf(after))
			require.Equal(t, 3, s.tokens, "the nonce of the authorization server is remembered")
		})
	}
}

func tokenOf(c core.Credential) string {
	return strings.TrimPrefix(c.Attach.Header["Authorization"].Reveal(), "DPoP ")
}

// refreshOf looks into the renewal, which is opaque outside of the provider.
func refreshOf(t *testing.T, c core.Credential) string {
	t.Helper()
	_, rest, ok := strings.Cut(c.RefreshState.Reveal(), `"refresh_token":"`)
	require.True(t, ok)
	token, _, _ := strings.Cut(rest, `"`)
	return token
}

// zeros counts what is read of it.
type zeros struct{ read *atomic.Int64 }

func (z zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read.Add(int64(len(p)))
	return len(p), nil
}

// TestLargeBodiesAreReadOnce: neither a bearer token nor a proof needs the body.
func TestLargeBodiesAreReadOnce(t *testing.T) {
	const size = 64 << 20
	for _, bound := range []bool{false, true} {
		s := newBoundServers(t)
		session, url := s.session(t, nil), s.api.URL
		if !bound {
			api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
			}))
			t.Cleanup(api.Close)
			session, url = core.New("bearer", newServer(t).open(t, nil), nil), api.URL
			require.NoError(t, session.Init(t.Context()))
		}
		var opened, read atomic.Int64
		open := func() (io.ReadCloser, error) {
			opened.Add(1)
			return io.NopCloser(io.LimitReader(zeros{&read}, size)), nil
		}
		body, err := open()
		require.NoError(t, err)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/upload", body)
		require.NoError(t, err)
		req.GetBody, req.ContentLength = open, size
		resp, err := session.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 200, resp.StatusCode)
		require.EqualValues(t, 1, opened.Load(), "bound: %v", bound)
		require.EqualValues(t, size, read.Load(), "bound: %v", bound)
	}
}

func TestStreamMeetsNonce(t *testing.T) {
	s := newBoundServers(t).wantNonces()
	session := s.session(t, nil)
	require.Equal(t, 401, post(t, session, s.api.URL, "flowing", true), "it cannot be sent again")
	require.Equal(t, 200, post(t, session, s.api.URL, "flowing", true), "and the nonce is known now")
	require.Len(t, s.grants, 1, "the credential was not the reason")
}

func TestBoundRedirect(t *testing.T) {
	s := newBoundServers(t).wantNonces()
	session := s.session(t, nil)
	require.Equal(t, 200, post(t, session, s.api.URL+"/moved", "moved", false))
	require.Equal(t, []string{"moved"}, s.bodies, "another address, another proof")
}

// TestBoundTogether checks a provider that serves more sessions at once than its cache has keys.
func TestBoundTogether(t *testing.T) {
	s := newBoundServers(t)
	p := s.open(t, nil)
	var sessions sync.WaitGroup
	for range 6 {
		sessions.Go(func() {
			c, err := p.Authenticate(t.Context(), core.Request{})
			if err != nil {
				t.Error(err)
				return
			}
			for range 20 {
				callBound(t, s, p, c)
			}
		})
	}
	sessions.Wait()
}

// callBound sends a request with the credential and a proof to the API. It may be called in any
// goroutine.
func callBound(t *testing.T, s *boundServers, p core.Provider, c core.Credential) {
	r := httptest.NewRequest(http.MethodGet, s.api.URL+"/", nil)
	a, err := p.(core.Authorizer).Authorize(t.Context(), c,
		core.Outgoing{Method: r.Method, URL: r.URL.String()})
	if err != nil {
		t.Error(err)
		return
	}
	for name, value := range a.Header {
		r.Header.Set(name, value.Reveal())
	}
	w := httptest.NewRecorder()
	if s.call(w, r); w.Code != 200 {
		t.Error("refused:", w.Header())
	}
}

// TestKeyOfSession checks where the key lives, and what becomes of it.
func TestKeyOfSession(t *testing.T) {
	s := newBoundServers(t)
	s.refresh = true
	first, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	again := core.Request{Reason: core.ReasonExpiring, Previous: first}

	t.Run("another process renews", func(t *testing.T) {
		second, err := s.open(t, nil).Authenticate(t.Context(), again)
		require.NoError(t, err)
		require.Equal(t, s.bound[tokenOf(first)], s.bound[tokenOf(second)])
		again.Previous = second
	})
	t.Run("another session has another key", func(t *testing.T) {
		other, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
		require.NotEqual(t, s.bound[tokenOf(first)], s.bound[tokenOf(other)])
	})
	t.Run("another algorithm wants another key", func(t *testing.T) {
		other, err := s.open(t, map[string]any{"dpop_algorithm": "EdDSA"}).Authenticate(t.Context(),
			again)
		require.NoError(t, err)
		require.NotEqual(t, s.bound[tokenOf(first)], s.bound[tokenOf(other)])
	})
	t.Run("dpop turned off", func(t *testing.T) {
		plain := newServer(t)
		_, err := plain.open(t, nil).Authenticate(t.Context(), again)
		require.NoError(t, err)
		for _, r := range plain.seen("/token") {
			require.NotContains(t, r.form.Encode(), "kty", "the key goes nowhere")
		}
		require.Equal(t, refreshOf(t, again.Previous), plain.seen("/token")[0].form.Get("refresh_token"))
	})
	t.Run("without a refresh token", func(t *testing.T) {
		s.set(func() { s.refresh = false })
		p := s.open(t, nil)
		one, err := p.Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
		two, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: one})
		require.NoError(t, err)
		require.Equal(t, s.bound[tokenOf(one)], s.bound[tokenOf(two)])
	})
}

// TestForeignCredential checks that a credential which cannot be proven makes
// room for one that can.
func TestForeignCredential(t *testing.T) {
	s := newBoundServers(t)
	p := s.open(t, nil)
	good, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	bearer := core.Attachment{
		Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " +
			"a-token")}}
	for name, c := range map[string]core.Credential{
		"zero":        {},
		"a bearer":    {Attach: bearer, RefreshState: good.RefreshState},
		"no key":      {Attach: good.Attach},
		"a plain one": {Attach: good.Attach, RefreshState: core.NewSecret("a-refresh-token")},
		"a torn key":  {Attach: good.Attach, RefreshState: core.NewSecret(good.RefreshState.Reveal()[:60])},
	} {
		_, err := p.(core.Authorizer).Authorize(t.Context(), c,
			core.Outgoing{Method: "GET", URL: s.api.URL})
		require.ErrorIs(t, err, core.CodeDenied, name)
	}
	// As if a store had kept it from before dpop was set.
	first := true
	session := core.New("bound", struct {
		core.Provider
		core.Authorizer
	}{core.ProviderFunc(func(ctx context.Context, req core.Request) (core.Credential, error) {
		if first {
			first = false
			return core.Credential{Attach: bearer}, nil
		}
		return p.Authenticate(ctx, req)
	}), p.(core.Authorizer)}, &core.Options{Origins: []string{s.api.URL}})
	require.NoError(t, session.Init(t.Context()))
	defer session.Close(t.Context())
	_, err = session.Client().Get(s.api.URL)
	require.ErrorIs(t, err, core.CodeDenied)
	require.Equal(t, 200, post(t, session, s.api.URL, "next", false))
}

func TestBoundFaults(t *testing.T) {
	t.Run("a bearer token", func(t *testing.T) {
		s := newBoundServers(t)
		s.answer["token_type"] = "Bearer"
		_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "does not support DPoP")
		require.Equal(t, 1, s.tokens)
	})
	t.Run("clock ten minutes off", func(t *testing.T) {
		s := newBoundServers(t)
		s.loginWants.fast = 10 * time.Minute
		_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.Regexp(t, `clock is (10m0s|9m59s) behind`, err.Error())
	})
	t.Run("a nonce that does not help", func(t *testing.T) {
		s := newBoundServers(t)
		s.loginWants.nonce = `"quoted"`
		_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.Equal(t, 2, s.tokens)
	})
	t.Run("an algorithm that the server does not take", func(t *testing.T) {
		s := newServer(t)
		s.metadata["/.well-known/oauth-authorization-server"] = map[string]any{
			"issuer": s.URL, "token_endpoint": s.URL + "/token",
			"dpop_signing_alg_values_supported": []string{"ES256", "PS256"},
		}
		p := s.open(t,
			map[string]any{"issuer": s.URL, "token_url": nil, "dpop": true, "dpop_algorithm": "EdDSA"})
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, `signed with "ES256, PS256", not EdDSA: set dpop_algorithm`)
		require.Empty(t, s.seen("/token"))
	})
	t.Run("settings", func(t *testing.T) {
		s := newServer(t)
		_, err := oauth2.Factory.Open(t.Context(), "",
			s.settings(map[string]any{"dpop": true, "dpop_algorithm": "HS256"}))
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "dpop_algorithm")
		_, err = oauth2.New(oauth2.Config{
			TokenURL: s.URL, ClientID: "a", ClientSecret: core.NewSecret(secret),
			DPoP: true, DPoPAlgorithm: "none",
		})
		require.ErrorContains(t, err, "dpop_algorithm: want one of ES256, EdDSA, RS256, PS256")
	})
	t.Run("for x/oauth2", func(t *testing.T) {
		_, err := oauth2.TokenSource(t.Context(), newBoundServers(t).session(t, nil)).Token()
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "a proof for each request")
	})
	t.Run("without dpop, no Authorizer", func(t *testing.T) {
		_, ok := newServer(t).open(t, nil).(core.Authorizer)
		require.False(t, ok)
	})
}

// TestNothingShown looks for the key and the token in what may be printed.
func TestNothingShown(t *testing.T) {
	s := newBoundServers(t)
	p := s.open(t, nil)
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	_, private, ok := strings.Cut(c.RefreshState.Reveal(), `"d":"`)
	require.True(t, ok)
	private, _, _ = strings.Cut(private, `"`)
	s.set(func() { s.loginWants.nonce = "n" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err)
	a, err := p.(core.Authorizer).Authorize(t.Context(), c,
		core.Outgoing{Method: "GET", URL: s.api.URL + "/?key=1"})
	require.NoError(t, err)
	require.NotContains(t, a.Header["DPoP"].Reveal(), private)
	s.set(func() { s.loginWants.fast = time.Hour })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	requireClean(t, err)
	require.NotContains(t, err.Error(), private)
	require.NotContains(t, err.Error(), "eyJ", "the server's echo of the proof is not shown")
}
