package servers

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zitadel/oidc/v3/pkg/client/rp"
	"github.com/zitadel/oidc/v3/pkg/oidc"
	"github.com/zitadel/oidc/v3/pkg/op"
)

// OIDCProvider is the npm package oidc-provider, a certified OpenID provider,
// in a process of its own. Its clients are [ServiceID] (client credentials,
// HTTP Basic), PostID (the same, in the form) and [WebID].
type OIDCProvider struct {
	Issuer string
}

// PostID is the client of [OIDCProvider] that must authenticate in the form.
// Its secret is [ServiceSecret].
const PostID = "service-post"

// StartOIDCProvider starts the provider. Its access tokens live for lifetime,
// in whole seconds.
func StartOIDCProvider(t testing.TB, lifetime time.Duration) *OIDCProvider {
	t.Helper()
	node := need(t, "node", "nodejs")
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), "oidc-provider")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "oidc-provider")); err != nil {
		t.Fatal("oidc-provider is not installed: run `make servers` first")
	}

	var log notes
	cmd := exec.Command(node, "server.mjs")
	cmd.Dir = dir
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())

	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	require.NoError(t, json.NewEncoder(stdin).Encode(map[string]any{
		"lifetime": int(lifetime / time.Second),
		"clients":  oidcClients(),
	}))
	p := &OIDCProvider{}
	select {
	case p.Issuer = <-line:
	case <-time.After(30 * time.Second):
	}
	endWith(t, cmd, func() { _ = stdin.Close() })
	require.NotEmpty(t, p.Issuer, "oidc-provider did not start: %s", &log)
	return p
}

func oidcClients() []map[string]any {
	service := func(id, method string) map[string]any {
		return map[string]any{
			"client_id": id, "client_secret": ServiceSecret, "token_endpoint_auth_method": method,
			"grant_types": []string{"client_credentials"}, "redirect_uris": []string{}, "response_types": []string{},
		}
	}
	return []map[string]any{
		service(ServiceID, "client_secret_basic"),
		service(PostID, "client_secret_post"),
		{
			"client_id": WebID, "client_secret": WebSecret, "token_endpoint_auth_method": "client_secret_post",
			"grant_types": []string{"authorization_code", "refresh_token"}, "redirect_uris": []string{RedirectURI},
			"response_types": []string{"code"},
		},
	}
}

// TokenURL returns the token endpoint.
func (p *OIDCProvider) TokenURL() string { return p.Issuer + "/token" }

// Check asks the introspection endpoint about an opaque token.
func (p *OIDCProvider) Check() Check {
	return Introspect(p.Issuer+"/token/introspection", WebID, WebSecret)
}

// CheckJWT returns a check of signed access tokens for one resource, with the
// provider's published keys.
func (p *OIDCProvider) CheckJWT(resource string) Check {
	verifier := op.NewAccessTokenVerifier(p.Issuer, rp.NewRemoteKeySet(http.DefaultClient, p.Issuer+"/jwks"))
	return func(ctx context.Context, token string) (string, error) {
		claims, err := op.VerifyAccessToken[*oidc.AccessTokenClaims](ctx, token, verifier)
		if err != nil {
			return "", err
		}
		if !slices.Contains(claims.Audience, resource) {
			return "", errors.New("the token is for another resource")
		}
		return claims.ClientID, nil
	}
}

// Counts is what the provider has seen at its endpoints.
type Counts struct{ Granted, Refused, Revoked int }

// Counts asks the provider.
func (p *OIDCProvider) Counts(t testing.TB) Counts {
	t.Helper()
	resp, err := http.Get(p.Issuer + "/counts")
	require.NoError(t, err)
	defer resp.Body.Close()
	var c Counts
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&c))
	return c
}

// SignIn signs ada in with the code flow and returns the refresh token that
// [WebID] gets.
func (p *OIDCProvider) SignIn(t testing.TB) string {
	t.Helper()
	return signIn(t, http.DefaultClient, p.Issuer+"/auth", p.TokenURL(), nil)
}

// Revoke ends a token at the revocation endpoint (RFC 7009).
func (p *OIDCProvider) Revoke(t testing.TB, id, secret, token string) {
	t.Helper()
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.Issuer+"/token/revocation", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}
