package acceptance

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	xoauth2 "golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/authsession/authsession/test/servers"
)

// zitadelConfig has the session "service": client credentials at the zitadel
// provider, found by its issuer, for one API.
func zitadelConfig(z *servers.Zitadel, ca *servers.CA, origin string) string {
	return fmt.Sprintf(`
sessions:
  service:
    provider: oauth2
    origins: [%q]
    settings:
      issuer: %q
      client_id: %q
      client_secret: %q
      scopes: [openid]
      tls: {ca_file: %q}
`, origin, z.Issuer, servers.ServiceID, servers.ServiceSecret, ca.File)
}

func TestZitadelClientCredentials(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	api := servers.StartAPI(t, ca, z.Check)
	for name, where := range map[string]string{
		"basic, by issuer":   "issuer: " + z.Issuer + "\n      client_auth: client_secret_basic",
		"post, by issuer":    "issuer: " + z.Issuer + "\n      client_auth: client_secret_post",
		"basic, by endpoint": "token_url: " + z.TokenURL() + "\n      client_auth: client_secret_basic",
		"post, by endpoint":  "token_url: " + z.TokenURL() + "\n      client_auth: client_secret_post",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := load(t, ca, fmt.Sprintf(`
sessions:
  service:
    provider: oauth2
    origins: [%s]
    settings:
      %s
      client_id: %q
      client_secret: "${env:SECRET}"
      scopes: [openid]
      tls: {ca_file: %s}
`, api.URL, where, servers.ServiceID, ca.File), "SECRET="+servers.ServiceSecret)
			s := session(t, cfg, "service")
			_, _, err := try(t.Context(), s, api.URL)
			require.ErrorIs(t, err, core.CodeNotInitialized)

			require.NoError(t, s.Init(t.Context()))
			before := z.TokenRequests()
			for range 3 {
				says(t, s, api.URL, servers.ServiceID)
			}
			require.Equal(t, before, z.TokenRequests(), "the token is not used again")

			require.NoError(t, s.Close(t.Context()))
			_, _, err = try(t.Context(), s, api.URL)
			require.ErrorIs(t, err, core.CodeClosed)
			require.NoError(t, s.Init(t.Context()))
			says(t, s, api.URL, servers.ServiceID)
		})
	}
}

func TestZitadelExpiryAndRenewal(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, 3*time.Second)
	api := servers.StartAPI(t, ca, z.Check)
	s := initialised(t, load(t, ca, zitadelConfig(z, ca, api.URL)), "service")
	soon(t, func() bool {
		says(t, s, api.URL, servers.ServiceID) // no call fails on the way
		return len(api.Tokens()) >= 4
	})
	require.LessOrEqual(t, z.TokenRequests(), len(api.Tokens())+1, "tokens are fetched and not used")
}

func TestZitadelSurvives401(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Hour)
	api := servers.StartAPI(t, ca, z.Check)
	s := initialised(t, load(t, ca, zitadelConfig(z, ca, api.URL)), "service")
	says(t, s, api.URL, servers.ServiceID)
	require.Equal(t, 1, z.TokenRequests())

	// The server forgets the token. A hundred callers notice at the same time;
	// all are served, with one token request.
	z.RevokeAll()
	var done sync.WaitGroup
	errs := make([]error, 100)
	for i := range errs {
		done.Go(func() {
			status, _, err := try(t.Context(), s, api.URL)
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("the API answers %d", status)
			}
			errs[i] = err
		})
	}
	done.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, 2, z.TokenRequests())
	require.EqualValues(t, 1, s.Status().Refusals)
}

func TestZitadelWrongSecret(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	cfg := load(
		t,
		ca,
		zitadelConfig(z, ca, "https://api.example.com"),
		"AUTHSESSION_SESSIONS__SERVICE__SETTINGS__CLIENT_SECRET=canary-in-a-coal-mine",
	)
	s := session(t, cfg, "service")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeDenied)
	noSecret(t, err, "canary")
	for range 20 {
		require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied)
	}
	require.LessOrEqual(t, z.TokenRequests(), 2, "a wrong secret becomes a storm")
}

func TestZitadelUntrusted(t *testing.T) {
	t.Parallel()
	ca, stranger := servers.NewCA(t), servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	s := session(t, load(t, ca, zitadelConfig(z, stranger, "https://api.example.com")), "service")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "certificate")
	noSecret(t, err, servers.ServiceSecret)
	require.Zero(t, z.TokenRequests())
}

func TestZitadelRevokesOnClose(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	api := servers.StartAPI(t, ca, z.Check)
	s := initialised(t, load(t, ca, zitadelConfig(z, ca, api.URL)), "service")
	says(t, s, api.URL, servers.ServiceID)
	require.NoError(t, s.Close(t.Context()))
	require.Equal(t, 1, z.Revoked())
	_, err := z.Check(context.Background(), api.Tokens()[0])
	require.Error(t, err, "the token still works after Close")
}

// A person has signed in elsewhere; the configuration has the refresh token of
// that. The server rotates it with each use.
func TestZitadelRefreshToken(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, 3*time.Second)
	api := servers.StartAPI(t, ca, z.Check)
	cfg := load(t, ca, refreshConfig(z.Issuer, api.URL, ca.File), "REFRESH="+z.SignIn(t))
	s := initialised(t, cfg, "person")
	soon(t, func() bool {
		says(t, s, api.URL, "ada")
		return len(api.Tokens()) >= 3
	})
	require.NoError(t, s.Close(t.Context()))
}

func refreshConfig(issuer, origin, ca string) string {
	return fmt.Sprintf(`
sessions:
  person:
    provider: oauth2
    origins: [%q]
    settings:
      issuer: %q
      client_id: %q
      client_secret: %q
      client_auth: client_secret_post
      grant: refresh_token
      refresh_token: "${env:REFRESH}"
      tls: {ca_file: %q}
`, origin, issuer, servers.WebID, servers.WebSecret, ca)
}

// A session is a token source for libraries that use x/oauth2, and the other
// way round.
func TestZitadelAndXOAuth2(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	api := servers.StartAPI(t, ca, z.Check)
	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.Pool()}}}
	defer trusting.CloseIdleConnections()
	ctx := context.WithValue(t.Context(), xoauth2.HTTPClient, trusting)

	s := initialised(t, load(t, ca, zitadelConfig(z, ca, api.URL)), "service")
	resp, err := xoauth2.NewClient(ctx, oauth2.TokenSource(t.Context(), s)).Get(api.URL)
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)

	theirs := clientcredentials.Config{
		ClientID: servers.ServiceID, ClientSecret: servers.ServiceSecret, TokenURL: z.TokenURL(), Scopes: []string{
			"openid",
		},
	}
	ours := core.New(
		"theirs",
		oauth2.FromTokenSource(theirs.TokenSource(ctx)),
		&core.Options{Transport: trusting.Transport},
	)
	require.NoError(t, ours.Init(t.Context()))
	says(t, ours, api.URL, servers.ServiceID)
	require.NoError(t, ours.Close(t.Context()))
}
