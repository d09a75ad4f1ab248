//go:build acceptance

package acceptance

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

const signInOpenID = "scopes: [openid, offline_access]\n      authorization_params: {prompt: consent}\n      "

// Tokens that are bound to a key. The provider is the resource server, too, with
// its userinfo endpoint, and wants nonces at both.
func TestDPoP(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	p := startFor(t, ca, servers.OIDCOptions{Nonces: true}, list)
	me := p.Issuer + "/me"
	for _, c := range list {
		if c.id == "tls" || c.id == "self-signed" {
			continue // bound to a certificate already
		}
		for _, alg := range []string{"ES256", "EdDSA", "RS256"} {
			if c.id != "public" && alg != "ES256" {
				continue
			}
			for _, way := range ways {
				t.Run(c.id+" "+alg+" "+way, func(t *testing.T) {
					t.Parallel()
					ui, asked := person(t, ca)
					text := c.config(
						p.Issuer,
						p.Issuer,
						"authorization_code",
						signInOpenID+"dpop: true\n      dpop_algorithm: "+alg,
					)
					s := initialised(t, setup{ca: ca, way: way, ui: ui}.load(t, text, secretVariable), "it")
					for range 3 {
						says(t, s, me, `{"sub":"ada"}`)
					}
					require.Zero(t, s.Status().Refusals, "a nonce is no refusal")
					cred, err := s.Credential(t.Context())
					require.NoError(t, err)
					s.Reject(cred, "")
					says(t, s, me, `{"sub":"ada"}`)
					require.EqualValues(t, 1, asked.Load())

					cred, err = s.Credential(t.Context())
					require.NoError(t, err)
					require.Regexp(t, "^DPoP ", cred.Attach.Header["Authorization"].Reveal())
					status, _ := stolen(t, ca, nil, me, cred)
					require.Contains(
						t,
						[]int{http.StatusBadRequest, http.StatusUnauthorized},
						status,
						"without a proof",
					)
				})
			}
		}
	}
}

// A client whose tokens the server binds, or else gives none.
func TestDPoPWanted(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	must := servers.OIDCClient("must", "client_secret_basic", map[string]any{"dpop_bound_access_tokens": true})
	p := servers.StartOIDC(
		t,
		servers.OIDCOptions{Lifetime: 3 * time.Second, CA: ca, Nonces: true, Clients: []map[string]any{must}},
	)
	c := client{id: "must", settings: `client_id: must
      client_secret: "${env:SECRET}"
      tls: {ca_file: ` + ca.File + `}`}

	s := initialised(
		t,
		load(t, ca, c.config(p.Issuer, p.Issuer, "client_credentials", "dpop: true"), secretVariable),
		"it",
	)
	first, err := s.Credential(t.Context())
	require.NoError(t, err)
	soon(t, func() bool { // renewed with a nonce that is known by now
		cred, err := s.Credential(t.Context())
		require.NoError(t, err)
		return !cred.Attach.Header["Authorization"].Equal(first.Attach.Header["Authorization"])
	})
	require.LessOrEqual(t, p.Counts(t).Refused, 1, "one question for a nonce")

	plain := session(t, load(t, ca, c.config(p.Issuer, p.Issuer, "client_credentials", ""), secretVariable), "it")
	err = plain.Init(t.Context())
	require.ErrorIs(t, err, core.CodeDenied) // invalid_grant is all that the server says
	noSecret(t, err, servers.ServiceSecret)
}
