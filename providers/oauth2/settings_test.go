package oauth2_test

import (
	"os"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

// with returns a copy of settings with the changes. A change to nil removes a setting.
func with(settings, changes map[string]any) map[string]any {
	merged := map[string]any{}
	for _, from := range []map[string]any{settings, changes} {
		for name, value := range from {
			if merged[name] = value; value == nil {
				delete(merged, name)
			}
		}
	}
	return merged
}

func TestSettingsFaults(t *testing.T) {
	base := func(changes map[string]any) map[string]any {
		settings := map[string]any{"token_url": "https://login.example.com/token", "client_id": "app",
			"client_secret": "hunter2hunter2"}
		for name, value := range changes {
			settings[name] = value
		}
		return settings
	}
	for _, tt := range []struct {
		name    string
		changes map[string]any
		fault   string // "": none
	}{
		{"good", nil, ""},
		{"no server", map[string]any{"token_url": ""}, "token_url: missing; give issuer or token_url"},
		{"two servers", map[string]any{"issuer": "https://login.example.com"},
			""},
		{"plain HTTP", map[string]any{"token_url": "http://login.example.com/token"},
			"token_url: is not https"},
		{"plain HTTP allowed",
			map[string]any{"token_url": "http://login.example.com/token", "allow_http": true}, ""},
		{"plain HTTP on the loopback", map[string]any{"token_url": "http://[::1]:8080/token"}, ""},
		{"no URL", map[string]any{"token_url": "login.example.com"}, "token_url: is not an https URL"},
		{"user in URL", map[string]any{"token_url": "https://me:hunter2@login.example.com"},
			"token_url: must not hold a user or password"},
		{"plain HTTP revocation", map[string]any{"revocation_url": "http://login.example.com/revoke"},
			"revocation_url: is not https"},
		{"query in issuer", map[string]any{"token_url": nil, "issuer": "https://login.example.com?x=1"},
			"issuer: must not have a query"},
		{"base URL", map[string]any{"base_url": "https://me:hunter2@api.example.com"},
			"base_url: want the address of the API"},
		{"empty client id", map[string]any{"client_id": ""}, "client_id: is empty"},
		{"no secret", map[string]any{"client_secret": nil}, "client_secret: missing"},
		{"certificate for a secret",
			map[string]any{"client_secret": nil, "tls": map[string]any{"cert_file": "client.pem"}}, ""},
		{"two certificates",
			map[string]any{"tls": map[string]any{"cert_file": "client.pem", "cert": "x"}},
			"tls.cert: give either"},
		{"refresh grant without token", map[string]any{"grant": "refresh_token"},
			"refresh_token: missing"},
		{"refresh grant of a public client",
			map[string]any{"grant": "refresh_token", "refresh_token": "r", "client_secret": nil}, ""},
		{"refresh token without grant", map[string]any{"refresh_token": "r"},
			"refresh_token: is for the grant"},
		{"misspelt grant", map[string]any{"grant": "client_credential"},
			`did you mean "client_credentials"?`},
		{"scope list in one", map[string]any{"scopes": []any{"ok", "a b"}},
			"scopes: number 2 is not a scope"},
		{"relative resource", map[string]any{"resource": []any{"api"}},
			"resource: number 1 is not an absolute URI"},
		{"reserved parameter", map[string]any{"params": map[string]any{"grant_type": "password"}},
			"params.grant_type: belongs to the grant"},
		{"parameter twice", map[string]any{"audience": "a", "params": map[string]any{"audience": "b"}},
			"params.audience: is given as a setting, too"},
		{"nameless parameter", map[string]any{"params": map[string]any{"": "b"}},
			"params: a parameter has no name"},
		{"several faults", map[string]any{"client_id": "", "scopes": []any{""}},
			"client_id: is empty; scopes: number 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := oauth2.Factory.Check("", base(tt.changes))
			if tt.fault == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, tt.fault)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

func TestNew(t *testing.T) {
	s := newServer(t)
	p, err := oauth2.New(oauth2.Config{
		TokenURL: s.URL + "/token", ClientID: clientID, ClientSecret: core.NewSecret(secret),
	})
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err, "zero settings are the defaults")

	_, err = oauth2.New(oauth2.Config{TokenURL: s.URL, Grant: "password", ClientAuth: "both"})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "grant: want one of client_credentials, ")
	require.ErrorContains(t, err,
		"client_id: is empty; client_auth: want one of client_secret_basic, client_secret_post, "+
			"client_secret_jwt, private_key_jwt, ")
}

// TestPageShowsTheExample compares the first Go code of the page with the example, which runs.
func TestPageShowsTheExample(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers/oauth2.md")
	require.NoError(t, err)
	example, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	_, text, _ := strings.Cut(string(page), "\n```go\n")
	code, _, ok := strings.Cut(text, "```\n")
	require.True(t, ok)
	require.Contains(t, code, "oauth2.Config{")
	require.Contains(t, string(example), "\n"+code+"\n")
}
