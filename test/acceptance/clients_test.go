//go:build acceptance

package acceptance

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// client is one way for a client to prove who it is: what its settings say and
// what the server knows of it.
type client struct {
	id, settings string
	known        map[string]any
}

// clients are all that oidc-provider knows. The name of a client is that of its
// method, or begins with it.
func clients(t testing.TB, ca *servers.CA) []client {
	t.Helper()
	dir := t.TempDir()
	trust := fmt.Sprintf("tls: {ca_file: %q}", ca.File)
	secret := `client_secret: "${env:SECRET}"`
	new := func(id, method, settings string, more map[string]any) client {
		return client{
			id,
			fmt.Sprintf("client_id: %s\n      client_auth: %s\n      %s", id, method, settings),
			servers.OIDCClient(id, method, more),
		}
	}
	list := []client{
		new("basic", "client_secret_basic", secret+"\n      "+trust, nil),
		new("post", "client_secret_post", secret+"\n      "+trust, nil),
		new("secret-jwt", "client_secret_jwt", secret+"\n      "+trust, nil),
		new("public", "none", trust, nil),
	}
	for alg, key := range keys(t) {
		file := filepath.Join(dir, alg+".pem")
		writeKey(t, file, key)
		settings := fmt.Sprintf("client_key: {file: %q, id: k1}\n      %s", file, trust)
		if alg == "PS256" {
			settings = fmt.Sprintf("client_key: {file: %q, id: k1, algorithm: PS256}\n      %s", file, trust)
		}
		list = append(list, new("key-"+alg, "private_key_jwt", settings, map[string]any{
			"jwks": jwks(
				jose.JSONWebKey{KeyID: "k1", Use: "sig", Key: key.Public()},
			), "token_endpoint_auth_signing_alg": alg,
		}))
	}
	bound := func(pair servers.Pair, name string) string {
		cert, key := pair.Write(t, dir, name)
		return fmt.Sprintf("tls: {ca_file: %q, cert_file: %q, key_file: %q}", ca.File, cert, key)
	}
	known, own := ca.Issue(t, "tls-client"), servers.SelfSigned(t, "own")
	leaf, err := x509.ParseCertificate(own.TLS.Certificate[0])
	require.NoError(t, err)
	return append(list,
		new("tls", "tls_client_auth", bound(known, "known"), map[string]any{
			"tls_client_auth_subject_dn": "CN=tls-client", "tls_client_certificate_bound_access_tokens": true,
		}),
		new("self-signed", "self_signed_tls_client_auth", bound(own, "own"), map[string]any{
			"jwks": jwks(jose.JSONWebKey{Key: leaf.PublicKey, Certificates: []*x509.Certificate{leaf}}),
			"tls_client_certificate_bound_access_tokens": true,
		}),
	)
}

// startFor starts oidc-provider with TLS and all clients.
func startFor(t testing.TB, ca *servers.CA, opts servers.OIDCOptions, list []client) *servers.OIDCProvider {
	t.Helper()
	for _, c := range list {
		opts.Clients = append(opts.Clients, c.known)
	}
	opts.CA = ca
	if opts.Lifetime == 0 {
		opts.Lifetime = time.Minute
	}
	return servers.StartOIDC(t, opts)
}

// config returns a session "it" of a client.
func (c client) config(issuer, origin, grant, more string) string {
	return fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    settings:
      issuer: %q
      grant: %s
      %s
      %s
`, origin, issuer, grant, c.settings, more)
}

const secretVariable = "SECRET=" + servers.ServiceSecret

// Every grant with every way for the client to prove who it is, in process and
// in a plugin. The sign-ins are renewed with their refresh token.
func TestOIDCProviderGrants(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	list := clients(t, ca)
	p := startFor(t, ca, servers.OIDCOptions{}, list)
	api := servers.StartAPI(t, ca, p.Check())
	type run struct {
		name, who string
		signIns   int64
		s         *core.Session
		asked     *atomic.Int64
		err       error
	}
	var runs []*run
	for _, c := range list {
		for grant, more := range map[string]string{
			"client_credentials": "scopes: [read]",
			"authorization_code": "scopes: [openid, offline_access]\n      authorization_params: {prompt: consent}",
			"device_code":        "scopes: [openid, offline_access]",
		} {
			if c.id == "public" && grant == "client_credentials" {
				continue // such a client proves nothing
			}
			for _, way := range ways {
				r := &run{name: c.id + " " + grant + " " + way, who: "ada", signIns: 1}
				if grant == "client_credentials" {
					r.who, r.signIns = c.id, 0
				}
				var ui *core.UI
				ui, r.asked = person(t, ca)
				cfg := setup{
					ca:  ca,
					way: way,
					ui:  ui,
				}.load(
					t,
					c.config(p.Issuer, api.URL, grant, more),
					secretVariable,
				)
				r.s = session(t, cfg, "it")
				runs = append(runs, r)
			}
		}
	}
	var all sync.WaitGroup
	for _, r := range runs { // at the same time: each device waits 5 s (RFC 8628 §3.2)
		all.Go(func() { r.err = r.s.Init(t.Context()) })
	}
	all.Wait()
	for _, r := range runs {
		t.Run(r.name, func(t *testing.T) {
			require.NoError(t, r.err)
			says(t, r.s, api.URL, r.who)
			require.Equal(t, r.who, r.s.Status().Subject)

			cred, err := r.s.Credential(t.Context())
			require.NoError(t, err)
			r.s.Reject(cred, "")
			says(t, r.s, api.URL, r.who)
			next, err := r.s.Credential(t.Context())
			require.NoError(t, err)
			require.False(t, next.Attach.Header["Authorization"].Equal(cred.Attach.Header["Authorization"]))
			require.Equal(t, r.signIns, r.asked.Load())
		})
	}
}

// keys are one for each algorithm of assertions.
func keys(t testing.TB) map[string]crypto.Signer {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return map[string]crypto.Signer{"ES256": ec, "PS256": rsaKey(t), "EdDSA": ed}
}

func jwks(keys ...jose.JSONWebKey) jose.JSONWebKeySet { return jose.JSONWebKeySet{Keys: keys} }
