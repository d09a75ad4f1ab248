package oauth2_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

const (
	rfc8414 = "/.well-known/oauth-authorization-server"
	oidc    = "/.well-known/openid-configuration"
)

func TestDiscovery(t *testing.T) {
	for _, tt := range []struct {
		name, path, place string // path of the issuer, place of its metadata
		asked             []string
	}{
		{"RFC 8414", "", rfc8414, []string{rfc8414}},
		{"OpenID Connect", "", oidc, []string{rfc8414, oidc}},
		{"RFC 8414 with a path", "/realms/a", rfc8414 + "/realms/a", []string{rfc8414 + "/realms/a"}},
		{"OpenID Connect with a path", "/realms/a", "/realms/a" + oidc,
			[]string{rfc8414 + "/realms/a", "/realms/a" + oidc}},
		{"slash at the end", "/", oidc, []string{rfc8414, oidc}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.metadata[tt.place] = map[string]any{
				"issuer": s.URL + tt.path, "token_endpoint": s.URL + "/token",
				"revocation_endpoint": s.URL + "/revoke",
			}
			p := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL + tt.path})
			var c core.Credential
			for range 2 {
				var err error
				c, err = p.Authenticate(t.Context(), core.Request{})
				require.NoError(t, err)
			}
			for i, path := range tt.asked {
				require.Equal(t, path, s.requests[i].path)
			}
			require.Len(t, s.requests, len(tt.asked)+2, "metadata is asked for once")
			require.NoError(t, p.(core.Revoker).Revoke(t.Context(), c))
			require.Equal(t, []string{"access_token"}, s.revoked)
		})
	}
}

func TestDiscoveryRefuses(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(s *server, doc map[string]any)
		code   core.Code
		text   string
	}{
		{"no metadata", func(s *server, _ map[string]any) { clear(s.metadata) }, core.CodeBadConfig,
			"publishes no metadata"},
		{"another issuer",
			func(_ *server, doc map[string]any) { doc["issuer"] = "https://evil.example.com" },
			core.CodeBadConfig, `is for "https://evil.example.com"`},
		{"slash more", func(s *server, doc map[string]any) { doc["issuer"] = s.URL + "/" },
			core.CodeBadConfig, "to the letter"},
		{"no issuer", func(_ *server, doc map[string]any) { delete(doc, "issuer") }, core.CodeBadConfig,
			`is for ""`},
		{"no token endpoint", func(_ *server, doc map[string]any) { delete(doc, "token_endpoint") },
			core.CodeBadConfig, "token_endpoint is missing"},
		{"plain HTTP",
			func(_ *server, doc map[string]any) { doc["token_endpoint"] = "http://login.example.com" },
			core.CodeBadConfig, "token_endpoint is not https"},
		{"wrong type", func(_ *server, doc map[string]any) { doc["token_endpoint"] = 5 },
			core.CodeBadConfig, "token_endpoint is missing"},
		{"huge", func(_ *server, doc map[string]any) { doc["x"] = strings.Repeat("x", 2<<20) },
			core.CodeUnavailable, "more than 1024 KiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			doc := map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token"}
			s.metadata[oidc] = doc
			tt.change(s, doc)
			_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL}).Authenticate(t.Context(),
				core.Request{})
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, tt.text)
			require.Empty(t, s.seen("/token"), "nothing is sent")
		})
	}
}

func TestDiscoveryUnreachable(t *testing.T) {
	s := newServer(t)
	p := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL})
	s.Close()
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeUnavailable)
}

// TestDiscoveryAgain: an endpoint that fails may have moved.
func TestDiscoveryAgain(t *testing.T) {
	s := newServer(t)
	doc := map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/old"}
	s.metadata[rfc8414] = doc
	p := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	s.set(func() { doc["token_endpoint"] = s.URL + "/token" })
	c, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.ErrorIs(t, p.(core.Revoker).Revoke(t.Context(), c), errors.ErrUnsupported,
		"the metadata names no endpoint")
}
