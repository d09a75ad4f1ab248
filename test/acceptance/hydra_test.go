//go:build acceptance

package acceptance

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// hydraClients are one for each method of Hydra's. It takes assertions for its token
// endpoint only.
func hydraClients(t testing.TB) []client {
	t.Helper()
	const secret = `client_secret: "${env:SECRET}"`
	list := []client{
		{"basic", "client_auth: client_secret_basic\n      " + secret, nil},
		{"post", "client_auth: client_secret_post\n      " + secret, nil},
		{"public", "client_auth: none", nil},
	}
	for i, method := range []string{"client_secret_basic", "client_secret_post", "none"} {
		list[i].known = servers.HydraClient(list[i].id, method, nil)
	}
	for alg, key := range keys(t) {
		if alg == "EdDSA" {
			continue // Hydra does not know it
		}
		file := filepath.Join(t.TempDir(), alg+".pem")
		writeKey(t, file, key)
		id := "key-" + alg
		list = append(list, client{
			id,
			fmt.Sprintf("client_auth: private_key_jwt\n      client_key: {file: %q, id: k1, algorithm: %s}", file, alg),
			servers.HydraClient(id, "private_key_jwt", map[string]any{
				"jwks":                            jwks(jose.JSONWebKey{KeyID: "k1", Use: "sig", Algorithm: alg, Key: key.Public()}),
				"token_endpoint_auth_signing_alg": alg,
			}),
		})
	}
	for i := range list {
		list[i].settings = "client_id: " + list[i].id + "\n      " + list[i].settings
	}
	return list
}

func known(list []client) (all []map[string]any) {
	for _, c := range list {
		all = append(all, c.known)
	}
	return all
}

const hydraAudience = "\n      client_assertion: {audience: %s/oauth2/token}"

// Every grant with every way for the client to prove who it is, in process and in a
// plugin; renewal with rotated refresh tokens, and revocation.
func TestHydraGrants(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := hydraClients(t)
	h := servers.StartHydra(t, time.Hour, known(list)...)
	api := servers.StartAPI(t, ca, h.Check)
	for _, c := range list {
		for grant, more := range map[string]string{
			"client_credentials": "scopes: [read]",
			"authorization_code": "scopes: [openid, offline_access, read]",
		} {
			if c.id == "public" && grant == "client_credentials" {
				continue // such a client proves nothing
			}
			for _, way := range ways {
				// One after the other: in memory, Hydra fails if requests come at the same time.
				t.Run(c.id+" "+grant+" "+way, func(t *testing.T) {
					more := more
					if strings.HasPrefix(c.id, "key") {
						more += fmt.Sprintf(hydraAudience, h.Issuer)
					}
					ui, asked := person(t, nil)
					cfg := setup{ca: ca, way: way, ui: ui}.load(t, c.config(h.Issuer, api.URL, grant, more), secretVariable)
					s := initialised(t, cfg, "it")
					who, signIns := c.id, int64(0)
					if grant == "authorization_code" {
						who, signIns = "ada", 1
					}
					var cred core.Credential
					for range 3 {
						says(t, s, api.URL, who)
						require.Equal(t, who, s.Status().Subject)
						var err error
						cred, err = s.Credential(t.Context())
						require.NoError(t, err)
						s.Reject(cred, "") // so that the next round renews
					}
					says(t, s, api.URL, who)
					require.Equal(t, signIns, asked.Load())
					cred, err := s.Credential(t.Context())
					require.NoError(t, err)
					require.NoError(t, s.SignOut(t.Context()))
					_, err = h.Check(t.Context(), cred.Attach.Header["Authorization"].Reveal()[len("Bearer "):])
					require.ErrorContains(t, err, "not active", "the token still works after SignOut")
				})
			}
		}
	}
}

// The issuer is the default audience of an assertion, which Hydra refuses: the error
// names what was sent and the setting.
func TestHydraAudience(t *testing.T) {
	t.Parallel()
	list := hydraClients(t)
	h := servers.StartHydra(t, time.Hour, known(list)...)
	for _, c := range list {
		if !strings.HasPrefix(c.id, "key") {
			continue
		}
		cfg := load(t, nil, c.config(h.Issuer, "https://api.example.com", "client_credentials", ""))
		err := session(t, cfg, "it").Init(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
		require.ErrorContains(t, err, `another audience than "`+h.Issuer+`": set client_assertion.audience`)
	}
}

// What Hydra refuses, and why, in the error: its texts are long, and end with the remedy.
func TestHydraRefusals(t *testing.T) {
	t.Parallel()
	list := hydraClients(t)
	only := servers.HydraClient("only", "client_secret_post", map[string]any{})
	only["grant_types"] = []string{"authorization_code"}
	h := servers.StartHydra(t, time.Hour, append(known(list), only)...)
	for name, c := range map[string]struct {
		settings, grant, secret string
		code                    core.Code
		text                    string
	}{
		"wrong secret": {"client_id: basic\n      client_secret: x", "client_credentials", "x",
			core.CodeDenied, "invalid_client"},
		"another method": {"client_id: post\n      client_auth: client_secret_basic\n      " + `client_secret: "${env:SECRET}"`,
			"client_credentials", servers.ServiceSecret, core.CodeDenied,
			"The OAuth 2.0 Client supports client authentication method 'client_secret_post', but method 'client_secret_basic' was requested"},
		"scope": {list[0].settings + "\n      scopes: [write]", "client_credentials", servers.ServiceSecret,
			core.CodeBadConfig, "is not allowed to request scope 'write'"},
		"audience": {list[0].settings + "\n      audience: https://a.example.com", "client_credentials",
			servers.ServiceSecret, core.CodeBadConfig, "https://a.example.com"},
		"grant": {"client_id: only\n      client_auth: client_secret_post\n      " + `client_secret: "${env:SECRET}"`,
			"client_credentials", servers.ServiceSecret, core.CodeDenied,
			"not allowed to use authorization grant 'client_credentials'"},
		"refresh token": {list[0].settings + "\n      refresh_token: none", "refresh_token", servers.ServiceSecret,
			core.CodeDenied, "invalid_grant"},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, load(t, nil, client{settings: c.settings}.config(h.Issuer, "https://api.example.com",
				c.grant, ""), secretVariable), "it")
			err := s.Init(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, c.text)
			noSecret(t, err, servers.ServiceSecret)
		})
	}
}

// The session never uses a rotated refresh token again: Hydra would end the grant.
func TestHydraReuse(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := hydraClients(t)
	h := servers.StartHydra(t, time.Hour, known(list)...)
	api := servers.StartAPI(t, ca, h.Check)
	c := list[1] // HTTP POST
	ui, asked := person(t, nil)
	text := c.config(h.Issuer, api.URL, "authorization_code", "scopes: [openid, offline_access]")
	s := initialised(t, setup{ca: ca, ui: ui}.load(t, text, secretVariable), "it")
	says(t, s, api.URL, "ada")
	first, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(first, "")
	says(t, s, api.URL, "ada")
	second, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.False(t, second.RefreshState.Equal(first.RefreshState), "the refresh token is rotated")
	require.EqualValues(t, 1, asked.Load())

	require.Equal(t, 400, h.Replay(t, c.id, first.RefreshState.Reveal()))
	_, err = h.Check(t.Context(), second.Attach.Header["Authorization"].Reveal()[len("Bearer "):])
	require.ErrorContains(t, err, "not active", "all that was granted has ended")
	require.Equal(t, 400, h.Replay(t, c.id, second.RefreshState.Reveal()))
}

// An assertion about somebody (RFC 7523 §2.1), signed with a key that Hydra trusts.
func TestHydraAssertion(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := hydraClients(t)
	h := servers.StartHydra(t, time.Hour, known(list)...)
	api := servers.StartAPI(t, ca, h.Check)
	key := keys(t)["ES256"]
	file := filepath.Join(t.TempDir(), "assertion.pem")
	writeKey(t, file, key)
	h.Trust(t, "https://issuer.example.com", "ada", jose.JSONWebKey{
		KeyID: "a1", Use: "sig", Algorithm: "ES256", Key: key.Public()})
	for audience, text := range map[string]string{h.Issuer + "/oauth2/token": "", h.Issuer: "audience"} {
		more := fmt.Sprintf(`scopes: [read]
      assertion: {issuer: "https://issuer.example.com", subject: ada, audience: %q, key: {file: %q, id: a1}}`,
			audience, file)
		s := session(t, load(t, ca, list[0].config(h.Issuer, api.URL, "jwt_bearer", more), secretVariable), "it")
		err := s.Init(t.Context())
		if text == "" {
			require.NoError(t, err)
			says(t, s, api.URL, "ada")
			continue
		}
		require.ErrorIs(t, err, core.CodeDenied)
		require.ErrorContains(t, err, text)
	}
}
