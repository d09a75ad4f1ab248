package servers

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
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
// in a process of its own. It always knows the clients [ServiceID] (client
// credentials, HTTP Basic), PostID (the same, in the form) and [WebID], and
// those of its options. It rotates refresh tokens, and one that comes again ends
// the whole family. JWT access tokens (those for a resource) are ES256.
type OIDCProvider struct {
	Issuer string

	client *http.Client
}

// PostID is the client of [OIDCProvider] that must authenticate in the form.
// Its secret is [ServiceSecret].
const PostID = "service-post"

// OIDCOptions say how [StartOIDC] starts the provider.
type OIDCOptions struct {
	Lifetime time.Duration // of access tokens, in whole seconds
	// serves TLS with a certificate of CA and asks clients for theirs; nil: plain HTTP
	CA      *CA
	Clients []map[string]any // further clients, as [OIDCClient] makes them
	Nonces  bool             // DPoP proofs need a nonce, at the token and the userinfo endpoint
	// a person signs in or refuses on a page; false: ada has signed in at once
	Pages bool
	Skew  time.Duration // how far the provider's clock is ahead, in whole seconds
}

// OIDCClient returns the metadata of a client that has every grant and
// authenticates by the given method, with [ServiceSecret] where that is a
// secret. Its redirects are to the loopback, on any port. more is added, such as
// jwks, tls_client_auth_subject_dn or require_pushed_authorization_requests.
func OIDCClient(id, method string, more map[string]any) map[string]any {
	client := map[string]any{
		"client_id": id, "token_endpoint_auth_method": method, "application_type": "native",
		"grant_types": []string{
			"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
			"client_credentials",
		},
		"redirect_uris":  []string{"http://127.0.0.1/", "http://localhost/", "http://[::1]/"},
		"response_types": []string{"code"},
	}
	if strings.HasPrefix(method, "client_secret") {
		client["client_secret"] = ServiceSecret
	}
	if method == "none" {
		client["grant_types"] = client["grant_types"].([]string)[:3]
	}
	maps.Copy(client, more)
	return client
}

// StartOIDCProvider starts the provider over plain HTTP with its own clients
// only. Its access tokens live for lifetime, in whole seconds.
func StartOIDCProvider(t testing.TB, lifetime time.Duration) *OIDCProvider {
	t.Helper()
	return StartOIDC(t, OIDCOptions{Lifetime: lifetime})
}

// StartOIDC starts the provider.
func StartOIDC(t testing.TB, opts OIDCOptions) *OIDCProvider {
	t.Helper()
	p := &OIDCProvider{client: http.DefaultClient}
	settings := map[string]any{
		"lifetime": int(opts.Lifetime / time.Second),
		"clients":  append(oidcClients(), opts.Clients...),
		"nonces":   opts.Nonces,
		"pages":    opts.Pages,
		"skew":     int(opts.Skew / time.Second),
	}
	if opts.CA != nil {
		pair := opts.CA.Issue(t, "localhost")
		settings["tls"] = map[string]string{"cert": pair.Cert, "key": pair.Key, "ca": opts.CA.PEM}
		transport := &http.Transport{TLSClientConfig: opts.CA.trust()}
		t.Cleanup(transport.CloseIdleConnections)
		p.client = &http.Client{Transport: transport}
	}
	p.Issuer = startNode(t, "oidc-provider", "oidc-provider", settings)
	return p
}

func oidcClients() []map[string]any {
	service := func(id, method string) map[string]any {
		return map[string]any{
			"client_id": id, "client_secret": ServiceSecret, "token_endpoint_auth_method": method,
			"grant_types": []string{"client_credentials"}, "redirect_uris": []string{},
			"response_types": []string{},
		}
	}
	return []map[string]any{
		service(ServiceID, "client_secret_basic"),
		service(PostID, "client_secret_post"),
		{
			"client_id": WebID, "client_secret": WebSecret,
			"token_endpoint_auth_method": "client_secret_post",
			"grant_types":                []string{"authorization_code", "refresh_token"},
			"redirect_uris":              []string{RedirectURI},
			"response_types":             []string{"code"},
		},
	}
}

// TokenURL returns the token endpoint.
func (p *OIDCProvider) TokenURL() string { return p.Issuer + "/token" }

// Check asks the introspection endpoint about an opaque token.
func (p *OIDCProvider) Check() Check {
	return introspect(p.client, p.Issuer+"/token/introspection", WebID, WebSecret)
}

// CheckJWT returns a check of signed access tokens for one resource, with the
// provider's published keys.
func (p *OIDCProvider) CheckJWT(resource string) Check {
	verifier := op.NewAccessTokenVerifier(p.Issuer, rp.NewRemoteKeySet(p.client, p.Issuer+"/jwks"),
		op.WithSupportedAccessTokenSigningAlgorithms("ES256"))
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
type Counts struct {
	Requests, Granted, Refused int // at the token endpoint
	Revoked                    int // at the revocation endpoint
	SignIns                    int // of people
	// codes and refresh tokens that came again and ended all that was granted
	Reused int
	Errors map[string]int // refusals of the token endpoint by error
}

// Counts asks the provider.
func (p *OIDCProvider) Counts(t testing.TB) Counts {
	t.Helper()
	var c Counts
	getJSON(t, p.client, p.Issuer+"/counts", &c)
	return c
}

// SignIn signs ada in with the code flow and returns the refresh token that
// [WebID] gets.
func (p *OIDCProvider) SignIn(t testing.TB) string {
	t.Helper()
	return signIn(t, p.client, p.Issuer+"/auth", p.TokenURL())
}

// Revoke ends a token at the revocation endpoint (RFC 7009).
func (p *OIDCProvider) Revoke(t testing.TB, id, secret, token string) {
	t.Helper()
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		p.Issuer+"/token/revocation", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(id), url.QueryEscape(secret))
	resp, err := p.client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// Replay sends a token request that was seen, and returns the status.
func (p *OIDCProvider) Replay(t testing.TB, form url.Values) int {
	t.Helper()
	resp, err := p.client.PostForm(p.TokenURL(), form)
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}
