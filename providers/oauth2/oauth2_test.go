package oauth2_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	for name, more := range map[string]map[string]any{
		"client credentials": {},
		"post and more": {"client_auth": "client_secret_post", "audience": "api",
			"resource": []any{"https://api.example.com"}, "scopes": []any{"read"}},
		"refresh token": {"grant": "refresh_token", "refresh_token": "the-first-refresh-token"},
		"discovery":     {"token_url": nil, "issuer": ""},
		"private key": {"client_secret": nil,
			"client_key": map[string]any{"text": keyPEM(t, ecKey)}},
		"JWT bearer": {"grant": "jwt_bearer",
			"assertion": map[string]any{"key": map[string]any{"text": keyPEM(t, ecKey)}}},
		"token exchange": {"grant": "token_exchange", "subject_token": "the-subject-token"},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Fixture{
				Factory: oauth2.Factory,
				Settings: func(s providertest.Server) map[string]any {
					settings := with(map[string]any{
						"token_url": s.TLSURL + "/token", "client_id": "app", "client_secret": s.Secret,
						"tls": map[string]any{"ca": s.CA},
					}, more)
					if name == "private key" { // the secret of the kit must be somewhere
						settings["params"] = map[string]any{"pin": s.Secret}
					}
					if name == "discovery" {
						settings["issuer"] = s.TLSURL
					}
					return settings
				},
				Good:     http.HandlerFunc(good),
				Endpoint: map[bool]string{true: "/token"}[name == "discovery"],
				Secrets:  []string{"the-first-refresh-token", "the-subject-token"},
			})
		})
	}
}

// good is an authorization server that does not authenticate its clients.
func good(w http.ResponseWriter, r *http.Request) {
	host := "https://" + r.Host
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		writeJSON(w, 200,
			map[string]any{"issuer": host, "token_endpoint": host + "/token",
				"revocation_endpoint": host + "/revoke"})
	case "/token":
		writeJSON(w, 200,
			map[string]any{"access_token": "an-access-token", "token_type": "Bearer", "expires_in": 3600,
				"refresh_token": "a-refresh-token"})
	case "/revoke":
	default:
		http.NotFound(w, r)
	}
}

func TestTokenRequest(t *testing.T) {
	for _, tt := range []struct {
		name    string
		changes map[string]any
		form    url.Values
		basic   bool
	}{
		{"basic", nil, url.Values{"grant_type": {"client_credentials"}}, true},
		{"post", map[string]any{"client_auth": "client_secret_post"}, url.Values{
			"grant_type": {"client_credentials"}, "client_id": {clientID}, "client_secret": {secret},
		}, false},
		{"all parameters", map[string]any{
			"scopes": []any{"a", "b"}, "audience": "aud", "resource": []any{"https://x", "urn:y"},
			"params": map[string]any{"tenant": "t1"},
		}, url.Values{
			"grant_type": {"client_credentials"}, "scope": {"a b"}, "audience": {"aud"},
			"resource": {"https://x", "urn:y"}, "tenant": {"t1"},
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			c, err := s.open(t, tt.changes).Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Contains(t, c.Attach.Header["Authorization"].Reveal(), "Bearer at-")
			require.Equal(t, clientID, c.Subject)
			require.Empty(t, c.Origins)
			require.WithinDuration(t, time.Now().Add(time.Hour), c.Expiry, 10*time.Second)
			got := s.seen("/token")
			require.Len(t, got, 1)
			require.Equal(t, tt.form, got[0].form)
			require.Equal(t, tt.basic, got[0].auth != "")
		})
	}
}

func TestBaseURL(t *testing.T) {
	s := newServer(t)
	c, err := s.open(t,
		map[string]any{"base_url": "https://api.example.com/v2"}).Authenticate(t.Context(),
		core.Request{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"base_url": "https://api.example.com/v2"}, c.Attributes)
	require.Equal(t, []string{"https://api.example.com"}, c.Origins)
}

func TestRefreshAfterClientCredentials(t *testing.T) {
	s := newServer(t)
	s.refresh, s.rotate = "some", true
	p := s.open(t, map[string]any{"scopes": []any{"a"}, "audience": "aud"})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	first := c.RefreshState
	require.False(t, first.IsZero())

	c, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err)
	require.False(t, c.RefreshState.Equal(first), "the server rotates")
	got := s.seen("/token")
	require.Equal(t,
		url.Values{"grant_type": {"refresh_token"}, "refresh_token": {first.Reveal()},
			"audience": {"aud"}}, got[1].form)

	s.set(func() { s.rotate = false })
	kept, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonRejected, Previous: c})
	require.NoError(t, err)
	require.True(t, kept.RefreshState.Equal(c.RefreshState), "the server returned none: the old one is kept")

	s.set(func() { s.refresh = "spent by somebody else" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: kept})
	require.NoError(t, err, "the client's credentials still do")
	got = s.seen("/token")
	require.Len(t, got, 5)
	require.Equal(t, "refresh_token", got[3].form.Get("grant_type"))
	require.Equal(t, "client_credentials", got[4].form.Get("grant_type"))
}

func TestRefreshDoesNotFallBack(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		body   map[string]any
		code   core.Code
		sent   int
	}{
		{"server down", 503, nil, core.CodeUnavailable, 1},
		{"client refused", 401, map[string]any{"error": "invalid_client"}, core.CodeDenied, 1},
		{"empty refusal", 400, nil, core.CodeDenied, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.override = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, tt.status, tt.body) }
			_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{
				Reason: core.ReasonExpiring, Previous: core.Credential{RefreshState: core.NewSecret("rt")},
			})
			require.ErrorIs(t, err, tt.code)
			require.Len(t, s.seen("/token"), tt.sent)
		})
	}
}

func TestRefreshGrant(t *testing.T) {
	s := newServer(t)
	s.refresh, s.rotate = "configured", true
	p := s.open(t,
		map[string]any{"grant": "refresh_token", "refresh_token": "configured", "scopes": []any{"a"}})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	c, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err, "the rotated one is used")
	require.Equal(t, "a", s.seen("/token")[0].form.Get("scope"))

	s.set(func() { s.refresh = "another" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "invalid_grant")
	require.ErrorIs(t, p.(core.Revoker).Revoke(t.Context(), c), errors.ErrUnsupported)

	s.set(func() { s.refresh = "configured" })
	before := len(s.seen("/token"))
	_, err = p.Authenticate(t.Context(),
		core.Request{Reason: core.ReasonExpiring,
			Previous: core.Credential{RefreshState: core.NewSecret("revoked")}})
	require.NoError(t, err, "the one in the settings is tried where the stored one is refused")
	require.Len(t, s.seen("/token"), before+2)
}

// TestRefreshTokenOfTheSettings checks that a refused token of the settings is not sent a second
// time, and that it is not revoked with the tokens that were obtained with it.
func TestRefreshTokenOfTheSettings(t *testing.T) {
	s := newServer(t)
	s.refresh = "configured" // which the server does not replace
	p := s.open(t, map[string]any{
		"grant": "refresh_token", "refresh_token": "configured", "revocation_url": s.URL + "/revoke",
	})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.ErrorIs(t, p.(core.Revoker).Revoke(t.Context(), c), errors.ErrUnsupported)
	require.Empty(t, s.seen("/revoke"))

	s.set(func() { s.refresh = "another" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.ErrorIs(t, err, core.CodeDenied)
	require.Len(t, s.seen("/token"), 2)
}

func TestWrongSecret(t *testing.T) {
	s := newServer(t)
	s.override = func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 401,
			map[string]any{"error": "invalid_client",
				"error_description": r.Header.Get("Authorization") + " " + secret})
	}
	_, err := s.open(t, nil).Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "invalid_client")
	requireClean(t, err)
	require.Len(t, s.seen("/token"), 1, "no other way of authentication is tried")
}

func TestRevoke(t *testing.T) {
	s := newServer(t)
	s.refresh = "some"
	p := s.open(t, map[string]any{"revocation_url": s.URL + "/revoke"})
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	r := p.(core.Revoker)
	require.NoError(t, r.Revoke(t.Context(), c))
	require.Equal(t, []string{"refresh_token", "access_token"}, s.revoked)
	require.Contains(t, c.Attach.Header["Authorization"].Reveal(),
		s.seen("/revoke")[1].form.Get("token"))
	require.NoError(t, r.Revoke(t.Context(), core.Credential{}), "nothing to revoke")

	require.ErrorIs(t, s.open(t, nil).(core.Revoker).Revoke(t.Context(), c), errors.ErrUnsupported)
	gone := s.open(t, map[string]any{"revocation_url": s.URL + "/gone"})
	require.ErrorIs(t, gone.(core.Revoker).Revoke(t.Context(), c), core.CodeBadConfig)
}

// TestSession checks renewal, a 401 and the revocation at the end with a session.
func TestSession(t *testing.T) {
	s := newServer(t)
	s.expiresIn = "garbage"
	refuse := false
	var seen []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Get("Authorization"))
		if refuse {
			refuse = false
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(api.Close)
	session := core.New("api", s.open(t, map[string]any{"revocation_url": s.URL + "/revoke"}),
		&core.Options{Origins: []string{api.URL}})
	ctx := t.Context()
	get := func() error {
		resp, err := session.Client().Get(api.URL)
		if err != nil {
			return err
		}
		require.Equal(t, 200, resp.StatusCode)
		return resp.Body.Close()
	}
	require.ErrorIs(t, get(), core.CodeNotInitialized)
	require.NoError(t, session.Init(ctx))
	require.NoError(t, get())
	require.NoError(t, get())
	require.Equal(t, seen[0], seen[1])
	refuse = true
	require.NoError(t, get())
	require.NotEqual(t, seen[2], seen[3])
	require.Len(t, s.seen("/token"), 2)
	require.NoError(t, session.Close(ctx))
	require.Equal(t, []string{"access_token"}, s.revoked)
	require.NoError(t, session.Init(ctx))
	require.NoError(t, get())
	require.NoError(t, session.Close(context.WithoutCancel(ctx)))
}
