//go:build acceptance

package acceptance

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

func oidcConfig(where, id, auth, origin, more string) string {
	return fmt.Sprintf(`
sessions:
  service:
    provider: oauth2
    origins: [%q]
    settings:
      %s
      client_id: %q
      client_secret: "${env:SECRET}"
      client_auth: %s
      scopes: [read]
      %s
`, origin, where, id, auth, more)
}

func TestOIDCProviderClientCredentials(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, time.Minute)
	api := servers.StartAPI(t, ca, p.Check())
	for name, c := range map[string]struct{ where, id, auth string }{
		"basic, by issuer":   {"issuer: " + p.Issuer, servers.ServiceID, "client_secret_basic"},
		"basic, by endpoint": {"token_url: " + p.TokenURL(), servers.ServiceID, "client_secret_basic"},
		"post, by issuer":    {"issuer: " + p.Issuer, servers.PostID, "client_secret_post"},
		"post, by endpoint":  {"token_url: " + p.TokenURL(), servers.PostID, "client_secret_post"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, ca, oidcConfig(c.where, c.id, c.auth, api.URL, ""), "SECRET="+servers.ServiceSecret)
			says(t, initialised(t, cfg, "service"), api.URL, c.id)
		})
	}
}

func TestOIDCProviderResource(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, time.Minute)
	const resource = "https://orders.example.com/v1"
	api := servers.StartAPI(t, ca, p.CheckJWT(resource))
	for name, c := range map[string]struct {
		more string
		ok   bool
	}{
		"the API's own": {"resource: [" + resource + "]", true},
		"another":       {"resource: [https://stock.example.com]", false},
		"none":          {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := oidcConfig("issuer: "+p.Issuer, servers.ServiceID, "client_secret_basic", api.URL, c.more)
			s := initialised(t, load(t, ca, text, "SECRET="+servers.ServiceSecret), "service")
			if c.ok {
				says(t, s, api.URL, servers.ServiceID)
				return
			}
			status, _ := get(t, s, api.URL)
			require.Equal(t, 401, status, "the second refusal is the caller's")
		})
	}
}

func TestOIDCProviderExpiryAndRenewal(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, 3*time.Second)
	api := servers.StartAPI(t, ca, p.Check())
	text := oidcConfig("issuer: "+p.Issuer, servers.ServiceID, "client_secret_basic", api.URL, "")
	s := initialised(t, load(t, ca, text, "SECRET="+servers.ServiceSecret), "service")
	soon(t, func() bool {
		says(t, s, api.URL, servers.ServiceID)
		return len(api.Tokens()) >= 3
	})
	counts := p.Counts(t)
	require.LessOrEqual(t, counts.Granted, len(api.Tokens())+1)
	require.Zero(t, counts.Refused)
}

func TestOIDCProviderRevokesAndSurvives401(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, time.Hour)
	api := servers.StartAPI(t, ca, p.Check())
	text := oidcConfig("issuer: "+p.Issuer, servers.ServiceID, "client_secret_basic", api.URL, "")
	cfg := load(t, ca, text, "SECRET="+servers.ServiceSecret)
	s := initialised(t, cfg, "service")
	says(t, s, api.URL, servers.ServiceID)

	// Another session ends the first one's token at the server, as an operator
	// would. The first one gets a new token without its caller noticing.
	p.Revoke(t, servers.ServiceID, servers.ServiceSecret, api.Tokens()[0])
	says(t, s, api.URL, servers.ServiceID)
	require.Equal(t, 2, p.Counts(t).Granted)

	require.NoError(t, s.Close(t.Context()))
	_, err := p.Check()(t.Context(), api.Tokens()[1])
	require.ErrorContains(t, err, "not active", "the token still works after Close")
}

func TestOIDCProviderWrongSecret(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, time.Minute)
	text := oidcConfig("issuer: "+p.Issuer, servers.ServiceID, "client_secret_basic", "https://api.example.com", "")
	s := session(t, load(t, ca, text, "SECRET=canary-in-a-coal-mine"), "service")
	for range 20 {
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
		noSecret(t, err, "canary")
	}
	require.LessOrEqual(t, p.Counts(t).Refused, 2)
}

func TestOIDCProviderRotatesRefreshTokens(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	p := servers.StartOIDCProvider(t, 3*time.Second)
	api := servers.StartAPI(t, ca, p.Check())
	s := initialised(t, load(t, ca, refreshConfig(p.Issuer, api.URL, ca.File), "REFRESH="+p.SignIn(t)), "person")
	soon(t, func() bool {
		says(t, s, api.URL, "ada")
		return len(api.Tokens()) >= 3
	})
	require.Zero(t, p.Counts(t).Refused, "a spent refresh token was used again")
}

// Another program sends a refresh token that was replaced: the provider ends all that was
// granted. The session's next request is refused, and the person signs in again at once. Only
// if another refusal came just before, as after Reject, the refusals are spaced: the caller gets
// the 401, and the session recovers about a second later.
func TestOIDCProviderReuse(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	known := servers.OIDCClient("app", "client_secret_post", nil)
	settings := client{settings: `client_id: app
      client_auth: client_secret_post
      client_secret: "${env:SECRET}"`}
	// The session renews long before the end, so that no request is refused meanwhile.
	const more = "scopes: [openid, offline_access]\n      authorization_params: {prompt: consent}" +
		"\n    early: 4s"
	for name, c := range map[string]struct {
		lifetime time.Duration
		renew    func(*core.Session, core.Credential)
		within   time.Duration // of the first request after the end
	}{
		"renewed in time": {8 * time.Second, func(*core.Session, core.Credential) {}, 0},
		"renewed after a refusal": {time.Hour,
			func(s *core.Session, c core.Credential) { s.Reject(c, "") }, 5 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := servers.StartOIDC(t, servers.OIDCOptions{Lifetime: c.lifetime,
				Clients: []map[string]any{known}})
			api := servers.StartAPI(t, ca, p.Check())
			ui, asked := person(t, nil)
			s := initialised(t, setup{ca: ca, ui: ui}.load(t, settings.config(p.Issuer, api.URL,
				"authorization_code", more), secretVariable), "it")
			says(t, s, api.URL, "ada")
			first, err := s.Credential(t.Context())
			require.NoError(t, err)
			c.renew(s, first)
			soon(t, func() bool {
				says(t, s, api.URL, "ada")
				return len(api.Tokens()) == 2
			})
			require.EqualValues(t, 1, asked.Load())
			require.Equal(t, 400, p.Replay(t, url.Values{"grant_type": {"refresh_token"},
				"refresh_token": {first.RefreshState.Reveal()}, "client_id": {"app"},
				"client_secret": {servers.ServiceSecret}}))
			require.Equal(t, 1, p.Counts(t).Reused)

			start := time.Now()
			status, _ := get(t, s, api.URL)
			for status == 401 && time.Since(start) < c.within {
				time.Sleep(100 * time.Millisecond)
				status, _ = get(t, s, api.URL)
			}
			require.Equal(t, 200, status)
			says(t, s, api.URL, "ada")
			require.EqualValues(t, 2, asked.Load(), "the person has signed in again")
			require.Equal(t, 1, p.Counts(t).Reused, "the session did not send a spent token")
		})
	}
}
