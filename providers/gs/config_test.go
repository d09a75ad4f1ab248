package gs_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/gs"
	"github.com/stretchr/testify/require"
)

func TestConformance(t *testing.T) {
	token := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token": "a-good-token", "token_type": "Bearer", "expires_in": 7199}`)
	})
	client := func(s providertest.Server) map[string]any {
		return map[string]any{
			"client_id": "app", "client_secret": core.NewSecret(s.Secret),
			"api_url": "https://api.example.com", "token_url": s.TLSURL + "/as/token.oauth2", "ca": s.CA,
		}
	}
	for name, f := range map[string]providertest.Fixture{
		"client credentials": {Settings: client, Good: token},
		"token": {Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"token": s.Secret}
		}},
		"gssso": {Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"gssso": s.Secret, "csrf_token": "csrf-" + s.Secret}
		}},
		"marquee login": {Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"marquee_login": s.Secret}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f.Factory, f.Environment = gs.Factory, gs.QA
			settings := f.Settings
			f.Settings = func(s providertest.Server) map[string]any {
				// The kit takes every header of a credential for a secret, and
				// looks for these two in all that is printed.
				out := settings(s)
				out["application"], out["version"] = "kit-application", "kit-version"
				return out
			}
			providertest.Run(t, f)
		})
	}
}

func good() gs.Config {
	return gs.Config{ClientID: "id", ClientSecret: core.NewSecret("sec")}
}

func TestBadSettings(t *testing.T) {
	secret := core.NewSecret("sec")
	for name, c := range map[string]struct {
		env  core.Environment
		cfg  gs.Config
		want string
	}{
		"nothing": {gs.Prod, gs.Config{},
			"nothing to authenticate with: give client_id and client_secret, or token, or gssso and " +
				"csrf_token, or marquee_login"},
		"two ways": {gs.Prod, gs.Config{ClientID: "id", ClientSecret: secret, Token: secret},
			"client_id, token: give one way to authenticate, not several"},
		"three ways": {gs.Prod, gs.Config{Token: secret, GSSSO: secret, MarqueeLogin: secret},
			"token, gssso, marquee_login: give one way"},
		"no secret": {gs.Prod, gs.Config{ClientID: "id"},
			"client_secret: missing; client_id needs it"},
		"no id": {gs.Prod, gs.Config{ClientSecret: secret},
			"client_id: missing; client_secret needs it"},
		"no CSRF token": {gs.Prod, gs.Config{GSSSO: secret},
			"csrf_token: missing; gssso needs it"},
		"CSRF alone": {gs.Prod, gs.Config{CSRFToken: secret},
			"gssso: missing; csrf_token needs it"},
		"environment": {"PROD", good(),
			`unknown environment "PROD", did you mean "prod"?; known: dev, qa, prod`},
		"no environment": {"", good(), `unknown environment ""`},
		"a URL as environment": {"https://api.gs.example", good(),
			`unknown environment "https://api.gs.example"; known: dev, qa, prod`},
		"domain": {gs.Prod, with(func(c *gs.Config) { c.Domain = "mds_eest" }),
			`domain: want one of app, mds_east, mds_web, marquee_web, did you mean "mds_east"?`},
		"api alone": {gs.Prod, with(func(c *gs.Config) { c.APIURL = "https://a.example" }),
			"token_url: missing; an api_url of one's own comes with its token_url"},
		"token URL alone": {gs.Prod, with(func(c *gs.Config) { c.TokenURL = "https://a.example" }),
			"api_url: missing; a token_url of one's own comes with its api_url"},
		"plain http": {gs.Prod, gs.Config{Token: secret, APIURL: "http://api.example.com"},
			"api_url: must be https"},
		"plain token URL": {gs.Prod,
			with(func(c *gs.Config) { c.APIURL, c.TokenURL = "https://a.example", "http://b.example/t" }),
			"token_url: must be https"},
		"no URL": {gs.Prod, gs.Config{Token: secret, APIURL: "api.example.com"},
			"api_url: want a URL"},
		"user in URL": {gs.Prod, gs.Config{Token: secret, APIURL: "https://u:p@a.example"},
			"api_url: must not hold a user"},
		"query in URL": {gs.Prod, gs.Config{Token: secret, APIURL: "https://a.example?x=1"},
			"api_url: must not hold a user, a query or a fragment"},
		"api and domain": {gs.Prod,
			gs.Config{Token: secret, APIURL: "https://a.example", Domain: gs.MDSWeb},
			"domain: api_url takes the place of the domains"},
		"cookie to gsapis": {gs.Prod, gs.Config{MarqueeLogin: secret, Domain: gs.MDSEast},
			"domain: cookies go to hosts of gs.com alone"},
		"bearer twice": {gs.Prod, gs.Config{Token: core.NewSecret("Bearer abc")},
			`token: begins with "Bearer ": give the token alone`},
		"cookie": {gs.Prod, gs.Config{GSSSO: core.NewSecret("a; b=c"), CSRFToken: secret},
			"gssso: has a character that a cookie cannot hold"},
		"application": {gs.Prod, with(func(c *gs.Config) { c.Application = "a\r\nX: y" }),
			"application: has characters that may not be sent in a header"},
		"version": {gs.Prod, with(func(c *gs.Config) { c.Version = " 1" }),
			"version: has characters"},
		"API version": {gs.Prod, with(func(c *gs.Config) { c.APIVersion = "../v1" }),
			"api_version: want a name"},
		"scope": {gs.Prod, with(func(c *gs.Config) { c.Scopes = []string{"a", "b c"} }),
			"scopes.1: want one scope"},
		"both roots": {gs.Prod, with(func(c *gs.Config) { c.CAFile, c.CA = "x", secret }),
			"ca: give either ca or ca_file"},
		"roots missing": {gs.Prod, with(func(c *gs.Config) { c.CAFile = "testdata/none.pem" }),
			"testdata/none.pem"},
		"roots are none": {gs.Prod, with(func(c *gs.Config) { c.CAFile = "testdata/gs-wire.json" }),
			"gs-wire.json"},
		"two faults": {gs.Prod, gs.Config{ClientID: "id", APIVersion: "/"},
			"client_secret: missing; client_id needs it; api_version: want a name"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := gs.Get(c.env, c.cfg, nil)
			require.Nil(t, s)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "sec;")
		})
	}
}

func with(change func(*gs.Config)) gs.Config {
	c := good()
	change(&c)
	return c
}

// The table of environments, as the credential of a session shows it.
func TestEnvironments(t *testing.T) {
	for env, want := range map[core.Environment][4]string{
		gs.Prod: {"https://api.gs.com", "https://us-east.data.gsapis.com", "https://data.gs.com",
			"https://marquee.gs.com"},
		gs.QA: {"https://api.marquee-qa.gs.com", "https://qa.us-east.data.gsapis.com",
			"https://data-qa.gs.com", "https://marquee-qa.gs.com"},
		gs.Dev: {"https://api.marquee-dev-ext.web.gs.com", "https://dev.us-east.data.gsapis.com",
			"https://data-dev.gs.com", "https://marquee-dev.web.gs.com"},
	} {
		for i, d := range []gs.Domain{gs.App, gs.MDSEast, gs.MDSWeb, gs.MarqueeWeb} {
			c := credential(t, env, map[string]any{"token": "tok", "domain": string(d)})
			require.ElementsMatch(t, want[:], c.Origins)
			require.Equal(t, want[i], c.Attributes["base_url"])
			require.Equal(t, string(env), c.Attributes["environment"])
			require.Equal(t, "v1", c.Attributes["api_version"])
			require.Equal(t, "authsession", c.Attach.Header["X-Application"].Reveal())

			c = credential(t, env, map[string]any{"marquee_login": "cookie"})
			require.ElementsMatch(t, []string{want[0], want[2], want[3]}, c.Origins,
				"cookies stay with gs.com")
			require.Equal(t, want[0], c.Attributes["base_url"])
		}
	}
	c := credential(t, gs.Dev,
		map[string]any{"token": "tok", "api_url": "https://api.example.com:8443/base/"})
	require.Equal(t, []string{"https://api.example.com:8443"}, c.Origins)
	require.Equal(t, "https://api.example.com:8443/base", c.Attributes["base_url"])
}

func TestPassThrough(t *testing.T) {
	type texts = map[string]string
	const jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2ln"
	for name, c := range map[string]struct {
		settings        map[string]any
		headers, cookie texts
	}{
		"token": {map[string]any{"token": "tok"}, texts{"Authorization": "Bearer tok"}, nil},
		"gssso": {map[string]any{"gssso": "sso", "csrf_token": "csrf"},
			texts{"X-Marquee-Csrf-Token": "csrf"}, texts{"GSSSO": "sso", "MARQUEE-CSRF-TOKEN": "csrf"}},
		"login": {map[string]any{"marquee_login": "login=="}, nil, texts{"MarqueeLogin": "login=="}},
		"jwt":   {map[string]any{"marquee_login": jwt}, texts{"Authorization": "Bearer " + jwt}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			c.settings["application"], c.settings["version"] = "app", "7"
			cred := credential(t, gs.Prod, c.settings)
			want := texts{"X-Application": "app", "X-Version": "7"}
			for name, value := range c.headers {
				want[name] = value
			}
			require.Equal(t, want, reveal(cred.Attach.Header))
			require.Equal(t, c.cookie, reveal(cred.Attach.Cookie))
			require.True(t, cred.Expiry.IsZero())
		})
	}
}

func credential(t *testing.T, env core.Environment, settings map[string]any) core.Credential {
	p, err := gs.Factory.Open(context.Background(), env, settings)
	require.NoError(t, err)
	c, err := p.Authenticate(context.Background(), core.Request{})
	require.NoError(t, err)
	return c
}

func reveal(m map[string]core.Secret) map[string]string {
	if m == nil {
		return nil
	}
	out := map[string]string{}
	for name, s := range m {
		out[name] = s.Reveal()
	}
	return out
}
