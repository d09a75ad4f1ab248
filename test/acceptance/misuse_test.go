//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// Requests that are sent ahead of the person (RFC 9126), to a server that wants
// them so, and without it, if the endpoint is not named.
func TestPushedAuthorization(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	app := servers.OIDCClient("app", "none", map[string]any{"require_pushed_authorization_requests": true})
	p := servers.StartOIDC(t, servers.OIDCOptions{Lifetime: time.Minute, CA: ca, Clients: []map[string]any{app}})
	api := servers.StartAPI(t, ca, p.Check())
	where := func(more string) string {
		return fmt.Sprintf("authorization_url: %s/auth\n      token_url: %s\n      %s", p.Issuer, p.TokenURL(), more)
	}
	for name, c := range map[string]struct {
		where string
		ok    bool
	}{
		"by issuer":   {"issuer: " + p.Issuer, true},
		"by endpoint": {where("pushed_authorization_url: " + p.Issuer + "/request"), true},
		"without":     {where(""), false},
	} {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				ui, asked := person(t, ca)
				s := session(t, setup{ca: ca, way: way, ui: ui}.load(t, appConfig(api.URL, ca, c.where)), "it")
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				err := s.Init(ctx)
				require.EqualValues(t, 1, asked.Load())
				if c.ok {
					require.NoError(t, err)
					says(t, s, api.URL, "ada")
				} else {
					require.Error(t, err)
				}
			})
		}
	}
}

// appConfig has the session "it" of the public client app, for a person.
func appConfig(origin string, ca *servers.CA, where string) string {
	return fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    settings:
      grant: authorization_code
      client_id: app
      scopes: [openid, offline_access]
      authorization_params: {prompt: consent}
      tls: {ca_file: %q}
      %s
`, origin, ca.File, where)
}

// What comes back from the browser is not what the server sent.
func TestSignInTamperedWith(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	app := servers.OIDCClient("app", "none", nil)
	p := servers.StartOIDC(t, servers.OIDCOptions{Lifetime: time.Minute, CA: ca, Clients: []map[string]any{app}})
	elsewhere := func(ctx context.Context, t *testing.T) string { // a code of another sign-in
		var code string
		ui := &core.UI{Open: func(ctx context.Context, link string) error {
			to, err := servers.NewBrowser(t, ca).Catch(ctx, link, "http://127.0.0.1:")
			if err != nil {
				return err
			}
			code = to.Query().Get("code")
			return core.Errorf(core.CodeDenied, "the person closes the tab")
		}}
		_ = session(
			t,
			setup{ca: ca, ui: ui}.load(t, appConfig("https://api.example.com", ca, "issuer: "+p.Issuer)),
			"it",
		).Init(ctx)
		require.NotEmpty(t, code)
		return code
	}
	for name, change := range map[string]func(ctx context.Context, t *testing.T, q url.Values){
		"issuer of another server": func(_ context.Context, _ *testing.T, q url.Values) {
			q.Set("iss", "https://login.example.com")
		},
		"no issuer": func(_ context.Context, _ *testing.T, q url.Values) { q.Del("iss") },
		"a code that is none": func(_ context.Context, _ *testing.T, q url.Values) {
			q.Set("code", "canary-in-a-coal-mine")
		},
		"a code of another sign-in": func(ctx context.Context, t *testing.T, q url.Values) {
			q.Set("code", elsewhere(ctx, t))
		},
		"no code": func(_ context.Context, _ *testing.T, q url.Values) { q.Del("code") },
	} {
		for _, way := range ways {
			t.Run(name+" "+way, func(t *testing.T) {
				t.Parallel()
				err := tampered(t, ca, p, way, change)
				want := core.CodeDenied
				if name == "no code" {
					want = core.CodeUnavailable // a server that is broken, or a page that is not its own
				}
				require.ErrorIs(t, err, want)
				noSecret(t, err, "canary")
			})
		}
	}
}

// tampered signs in and changes the answer on its way back.
func tampered(
	t *testing.T,
	ca *servers.CA,
	p *servers.OIDCProvider,
	way string,
	change func(context.Context, *testing.T, url.Values),
) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	b := servers.NewBrowser(t, ca)
	ui := &core.UI{Open: func(ctx context.Context, link string) error {
		to, err := b.Catch(ctx, link, "http://127.0.0.1:")
		if err != nil {
			return err
		}
		query := to.Query()
		change(ctx, t, query)
		to.RawQuery = query.Encode()
		_, err = b.Open(ctx, to.String())
		return err
	}}
	text := appConfig("https://api.example.com", ca, "issuer: "+p.Issuer)
	return session(t, setup{ca: ca, way: way, ui: ui}.load(t, text), "it").Init(ctx)
}

// The token request comes a second time, as by a proxy that repeats it. The
// server ends all that was granted with the code, and the person signs in again.
// Who saw the code alone, and not the verifier, gets nothing and ends nothing.
func TestReplayedCode(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	app := servers.OIDCClient("app", "none", nil)
	p := servers.StartOIDC(t, servers.OIDCOptions{Lifetime: time.Minute, Clients: []map[string]any{app}})
	api := servers.StartAPI(t, ca, p.Check())
	sent := make(chan url.Values, 10)
	to, err := url.Parse(p.Issuer)
	require.NoError(t, err)
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		sent <- form
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	ui, asked := person(t, nil)
	text := appConfig(
		api.URL,
		ca,
		fmt.Sprintf("authorization_url: %s/auth\n      token_url: %s/token", p.Issuer, front.URL),
	)
	s := initialised(t, setup{ca: ca, ui: ui}.load(t, text), "it")
	says(t, s, api.URL, "ada")

	form := <-sent
	guess := maps.Clone(form)
	guess["code_verifier"] = []string{"a-verifier-that-is-guessed-and-long-enough-for-it"}
	require.Equal(t, http.StatusBadRequest, p.Replay(t, guess))
	require.Zero(t, p.Counts(t).Reused)
	says(t, s, api.URL, "ada")
	require.EqualValues(t, 1, asked.Load())

	require.Equal(t, http.StatusBadRequest, p.Replay(t, form))
	require.Equal(t, 1, p.Counts(t).Reused)
	says(t, s, api.URL, "ada")
	require.EqualValues(t, 2, asked.Load())
}

// The person has a page to decide on, at a server that takes no sign-in for
// granted.
func TestSignInOnAPage(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	app := servers.OIDCClient("app", "none", nil)
	p := servers.StartOIDC(
		t,
		servers.OIDCOptions{Lifetime: time.Minute, CA: ca, Pages: true, Clients: []map[string]any{app}},
	)
	api := servers.StartAPI(t, ca, p.Check())
	for _, grant := range []string{"authorization_code", "device_code"} {
		t.Run(grant, func(t *testing.T) {
			t.Parallel()
			ui, _ := person(t, ca)
			text := strings.Replace(appConfig(api.URL, ca, "issuer: "+p.Issuer), "authorization_code", grant, 1)
			says(t, initialised(t, setup{ca: ca, ui: ui}.load(t, text), "it"), api.URL, "ada")
		})
	}
}

// A person whom the server does not know, by the hint, is refused.
func TestSignInRefused(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	app := servers.OIDCClient("app", "none", nil)
	p := servers.StartOIDC(t, servers.OIDCOptions{Lifetime: time.Minute, CA: ca, Clients: []map[string]any{app}})
	for _, way := range ways {
		t.Run(way, func(t *testing.T) {
			t.Parallel()
			ui, asked := person(t, ca)
			text := strings.Replace(
				appConfig("https://api.example.com", ca, "issuer: "+p.Issuer),
				"{prompt: consent}",
				"{prompt: consent, login_hint: nobody}",
				1,
			)
			s := session(t, setup{ca: ca, way: way, ui: ui}.load(t, text), "it")
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			require.ErrorIs(t, s.Init(ctx), core.CodeDenied)
			require.EqualValues(t, 1, asked.Load())
			require.Zero(t, p.Counts(t).Requests)
		})
	}
}

// The provider's clock is ten minutes ahead, or behind.
func TestClockOff(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	for name, skew := range map[string]time.Duration{"ahead": 10 * time.Minute, "behind": -10 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := startFor(t, ca, servers.OIDCOptions{Skew: skew, Nonces: true}, list)
			api := servers.StartAPI(t, ca, p.Check())
			for _, c := range list {
				t.Run(c.id, func(t *testing.T) {
					ui, _ := person(t, ca)
					ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
					defer cancel()
					if c.id == "public" { // a nonce does without clocks
						text := c.config(p.Issuer, p.Issuer, "authorization_code", signInOpenID+"dpop: true")
						s := session(t, setup{ca: ca, ui: ui}.load(t, text), "it")
						require.NoError(t, s.Init(ctx))
						says(t, s, p.Issuer+"/me", `{"sub":"ada"}`)
						return
					}
					s := session(
						t,
						setup{
							ca: ca,
							ui: ui,
						}.load(
							t,
							c.config(p.Issuer, api.URL, "client_credentials", "scopes: [read]"),
							secretVariable,
						),
						"it",
					)
					err := s.Init(ctx)
					// The server looks at when an assertion ends, not at when it begins.
					if skew > 0 && (c.id == "secret-jwt" || strings.HasPrefix(c.id, "key-")) {
						require.ErrorIs(t, err, core.CodeDenied)
						require.Regexp(t, `clock is (9m5\ds|10m0s|10m1s) behind the server.s`, err.Error())
						noSecret(t, err, servers.ServiceSecret)
						return
					}
					require.NoError(t, err)
					says(t, s, api.URL, c.id)
				})
			}
		})
	}
}

// An assertion for another server is refused, and is no storm.
func TestAssertionForAnotherServer(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	p := startFor(t, ca, servers.OIDCOptions{}, list)
	for _, c := range list {
		for audience, ok := range map[string]bool{
			"https://login.example.com": false, p.TokenURL(): true, p.Issuer: true,
		} {
			if c.id != "secret-jwt" && c.id != "key-ES256" {
				continue
			}
			t.Run(c.id+" "+audience, func(t *testing.T) {
				text := c.config(
					p.Issuer,
					"https://api.example.com",
					"client_credentials",
					"client_assertion: {audience: "+audience+"}",
				)
				s := session(t, load(t, ca, text, secretVariable), "it")
				before := p.Counts(t).Requests
				for range 20 {
					if err := s.Init(t.Context()); ok {
						require.NoError(t, err)
					} else {
						require.ErrorIs(t, err, core.CodeDenied)
					}
				}
				require.LessOrEqual(t, p.Counts(t).Requests-before, 2)
			})
		}
	}
}
