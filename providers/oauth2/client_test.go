package oauth2_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/oauth2"
	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
)

var (
	ecKey, _  = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, _ = rsa.GenerateKey(rand.Reader, 2048)
	edKey     = ed25519.NewKeyFromSeed(make([]byte, 32))
	longKey   = strings.Repeat("k&=~+", 16)
)

func keyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// checkAssertion verifies a JWT as an authorization server does (RFC 7523 §3)
// and returns its header and claims.
func checkAssertion(t *testing.T, text string, public any, algorithm, audience string,
	lifetime time.Duration) (gojose.Header, jwt.Claims) {
	t.Helper()
	token, err := jwt.ParseSigned(text,
		[]gojose.SignatureAlgorithm{gojose.SignatureAlgorithm(algorithm)})
	require.NoError(t, err)
	var claims jwt.Claims
	require.NoError(t, token.Claims(public, &claims))
	require.NoError(t,
		claims.Validate(jwt.Expected{AnyAudience: jwt.Audience{audience}, Time: time.Now()}))
	require.Len(t, claims.Audience, 1)
	require.WithinDuration(t, time.Now(), claims.IssuedAt.Time(), 5*time.Second)
	require.Equal(t, lifetime, claims.Expiry.Time().Sub(claims.IssuedAt.Time()))
	require.GreaterOrEqual(t, len(claims.ID), 16)
	return token.Headers[0], claims
}

func TestAssertions(t *testing.T) {
	for _, tt := range []struct {
		name       string
		settings   map[string]any
		public     any
		algorithm  string
		audience   string // "": the token endpoint
		lifetime   time.Duration
		kid        string
		discovered bool
	}{
		{"EC", map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey), "id": "k1"}},
			ecKey.Public(), "ES256", "", time.Minute, "k1", false},
		{"RSA", map[string]any{"client_key": map[string]any{"text": keyPEM(t, rsaKey),
			"algorithm": "PS256"}}, rsaKey.Public(), "PS256", "", time.Minute, "", false},
		{"Ed25519 and all settings", map[string]any{
			"client_auth": "private_key_jwt", "client_key": map[string]any{"text": keyPEM(t, edKey)},
			"client_assertion": map[string]any{"audience": "urn:server", "lifetime": "5m"},
		}, edKey.Public(), "EdDSA", "urn:server", 5 * time.Minute, "", false},
		{"an issuer is the audience",
			map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey)}}, ecKey.Public(), "ES256",
			"issuer", time.Minute, "", true},
		{"secret", map[string]any{"client_auth": "client_secret_jwt", "client_secret": longKey},
			[]byte(longKey), "HS256", "", time.Minute, "", false},
		{"secret with HS512", map[string]any{
			"client_auth": "client_secret_jwt", "client_secret": longKey,
			"client_assertion": map[string]any{"algorithm": "HS512"},
		}, []byte(longKey), "HS512", "", time.Minute, "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			s.proof = func(r *http.Request) bool { return r.PostForm.Get("client_assertion") != "" }
			settings := map[string]any{"client_secret": nil, "revocation_url": s.URL + "/revoke"}
			for name, value := range tt.settings {
				settings[name] = value
			}
			want := s.URL + "/token"
			if tt.discovered {
				settings["token_url"], settings["issuer"], want = nil, s.URL, s.URL
				s.metadata["/.well-known/oauth-authorization-server"] = map[string]any{"issuer": s.URL,
					"token_endpoint": s.URL + "/token"}
			}
			if tt.audience != "" && !tt.discovered {
				want = tt.audience
			}
			s.refresh, s.rotate = "some", true
			p := s.open(t, settings)
			c, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			c, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
			require.NoError(t, err, "refreshing is authenticated in the same way")
			require.NoError(t, p.(core.Revoker).Revoke(t.Context(), c), "so is revoking")
			all := append(s.seen("/token"), s.seen("/revoke")...)
			require.Len(t, all, 4)
			require.Equal(t, "refresh_token", all[1].form.Get("grant_type"))
			ids := map[string]bool{}
			for _, r := range all {
				require.Empty(t, r.auth)
				require.NotContains(t, r.form, "client_secret")
				require.Equal(t, clientID, r.form.Get("client_id"))
				require.Equal(t, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
					r.form.Get("client_assertion_type"))
				header, claims := checkAssertion(t, r.form.Get("client_assertion"), tt.public, tt.algorithm,
					want, tt.lifetime)
				require.Equal(t, tt.kid, header.KeyID)
				require.Equal(t, []string{clientID, clientID}, []string{claims.Issuer, claims.Subject})
				ids[claims.ID] = true
			}
			require.Len(t, ids, 4, "each assertion is new")
		})
	}
}

// TestKeyRotates reads the key from its file at each request.
func TestKeyRotates(t *testing.T) {
	s := newServer(t)
	s.proof = func(*http.Request) bool { return true }
	file := filepath.Join(t.TempDir(), "client.pem")
	p := s.open(t, map[string]any{"client_secret": nil, "client_key": map[string]any{"file": file}})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "client_key: file")
	for i, key := range []crypto.Signer{ecKey, edKey} {
		require.NoError(t, os.WriteFile(file, []byte(keyPEM(t, key)), 0o600))
		_, err := p.Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
		checkAssertion(t, s.seen("/token")[i].form.Get("client_assertion"), key.Public(),
			[]string{"ES256", "EdDSA"}[i], s.URL+"/token", time.Minute)
	}
}

func TestSigner(t *testing.T) {
	s := newServer(t)
	s.proof = func(*http.Request) bool { return true }
	cfg := oauth2.Config{TokenURL: s.URL + "/token",
		ClientID: clientID, Signer: struct{ crypto.Signer }{ecKey},
		ClientKey: oauth2.PrivateKey{ID: "hsm-1"},
	}
	p, err := oauth2.New(cfg)
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	header, _ := checkAssertion(t, s.seen("/token")[0].form.Get("client_assertion"), ecKey.Public(),
		"ES256", s.URL+"/token", time.Minute)
	require.Equal(t, "hsm-1", header.KeyID)

	cfg.ClientKey.Algorithm = "RS256"
	_, err = oauth2.New(cfg)
	require.ErrorContains(t, err, "client_key: the key is EC P-256 and cannot sign with RS256")
	cfg.ClientKey = oauth2.PrivateKey{File: "x"}
	_, err = oauth2.New(cfg)
	require.ErrorContains(t, err, "client_key: the program gives a Signer")
}

func TestClientFaults(t *testing.T) {
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	for _, tt := range []struct {
		name     string
		settings map[string]any
		fault    string
	}{
		{"no key", map[string]any{"client_auth": "private_key_jwt"},
			"client_key: missing; client_auth is private_key_jwt"},
		{"short key", map[string]any{"client_key": map[string]any{"text": keyPEM(t, short)}},
			"client_key.text: the RSA key has 1024 bits"},
		{"wrong key",
			map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey), "algorithm": "RS256"}},
			"cannot sign with RS256"},
		{"key and secret",
			map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey)},
				"client_secret": "hunter2"}, "client_secret: is not used; client_auth is private_key_jwt"},
		{"short secret", map[string]any{"client_auth": "client_secret_jwt", "client_secret": "hunter2"},
			"client_secret: the secret is shorter than the 32 bytes that HS256 needs"},
		{"no secret", map[string]any{"client_auth": "client_secret_jwt"},
			"client_secret: missing; client_auth is client_secret_jwt"},
		{"algorithm of a secret",
			map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey)},
				"client_assertion": map[string]any{"algorithm": "HS256"}},
			"client_assertion.algorithm: is for client_secret_jwt"},
		{"lifetime",
			map[string]any{"client_key": map[string]any{"text": keyPEM(t, ecKey)},
				"client_assertion": map[string]any{"lifetime": "2h"}},
			"client_assertion.lifetime: want 1s to 1h"},
		{"no certificate", map[string]any{"client_auth": "self_signed_tls_client_auth"},
			"tls: has no certificate; client_auth is self_signed_tls_client_auth"},
		{"nothing to be bound to", map[string]any{"client_secret": "hunter2", "certificate_bound": true},
			"certificate_bound: tls has no certificate"},
		{"an old name", map[string]any{"client_secret": "hunter2", "client_auth": "basic"},
			"client_auth: want one of client_secret_basic"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			settings := map[string]any{"token_url": "https://login.example.com/token", "client_id": "app"}
			for name, value := range tt.settings {
				settings[name] = value
			}
			err := oauth2.Factory.Check("", settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, tt.fault)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestCertificateBound uses the aliases of the metadata (RFC 8705 §5), and puts
// the certificate that the token endpoint saw on the credential.
func TestCertificateBound(t *testing.T) {
	ca := certstest.NewCA(t, "servers")
	var aliased, plain []string
	var host string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		seen := "nobody"
		if len(r.TLS.PeerCertificates) > 0 {
			seen = r.TLS.PeerCertificates[0].Subject.CommonName
		}
		switch r.URL.Path {
		case "/.well-known/oauth-authorization-server":
			writeJSON(w, 200, map[string]any{
				"issuer": host, "token_endpoint": host + "/token", "revocation_endpoint": host + "/revoke",
				"mtls_endpoint_aliases": map[string]any{"token_endpoint": host + "/mtls/token",
					"revocation_endpoint": "http://example.com/"},
			})
		case "/mtls/token":
			aliased = append(aliased, seen+" "+r.PostForm.Encode())
			writeJSON(w, 200, map[string]any{"access_token": "at", "expires_in": 86400})
		default:
			plain = append(plain, seen+" "+r.URL.Path)
			writeJSON(w, 200, map[string]any{"access_token": "at"})
		}
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t,
		certstest.Options{Name: "login"}).TLS(t)}, ClientAuth: tls.RequestClientCert}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	host = srv.URL

	own := certstest.NewCA(t, "ourselves").Issue(t, certstest.Options{Name: "app"})
	open := func(more map[string]any) core.Provider {
		settings := map[string]any{
			"issuer": host, "client_id": "app",
			"tls": map[string]any{"ca": string(ca.PEM), "cert": string(own.Cert), "key": string(own.Key)},
		}
		for name, value := range more {
			settings[name] = value
		}
		p, err := oauth2.Factory.Open(t.Context(), "", settings)
		require.NoError(t, err)
		return p
	}
	for name, more := range map[string]map[string]any{
		"by default":  {},
		"self-signed": {"client_auth": "self_signed_tls_client_auth"},
		"a secret": {"client_secret": "s", "client_auth": "client_secret_post",
			"certificate_bound": true},
	} {
		t.Run(name, func(t *testing.T) {
			aliased, plain = nil, nil
			p := open(more)
			c, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Len(t, aliased, 1)
			require.True(t, strings.HasPrefix(aliased[0], "app client_id=app&"), aliased[0])
			require.Contains(t, c.Attach.Cert.Reveal(), string(own.Cert))
			require.Empty(t, c.Attach.Roots, "the API's roots are not the server's")
			require.Equal(t, own.X509.NotAfter, c.Expiry, "the certificate ends first")
			require.NoError(t, p.(core.Revoker).Revoke(t.Context(), c))
			require.Equal(t, []string{"app /revoke"}, plain, "an alias in clear is not used")
		})
	}
	aliased, plain = nil, nil
	c, err := open(map[string]any{"client_secret": "s"}).Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Empty(t, aliased)
	require.Equal(t, []string{"app /token"}, plain)
	require.True(t, c.Attach.Cert.IsZero(), "the token is not bound")
}

// TestServerLacks says what the server does not offer, once it has refused.
func TestServerLacks(t *testing.T) {
	for _, tt := range []struct {
		name, answer, text string
		code               core.Code
		metadata           map[string]any
	}{
		{"grant", "unsupported_grant_type",
			"the server does not offer the grant client_credentials, but authorization_code", core.CodeBadConfig,
			map[string]any{"grant_types_supported": []string{"authorization_code"}}},
		{"grant of the client", "unauthorized_client", "does not offer the grant", core.CodeBadConfig,
			map[string]any{"grant_types_supported": []string{"authorization_code\x1b"}}},
		{"method", "invalid_client",
			"the server does not offer the client_auth client_secret_basic, but none", core.CodeBadConfig,
			map[string]any{"token_endpoint_auth_methods_supported": []string{"none"}}},
		{"a wrong secret", "invalid_client", "invalid_client", core.CodeDenied,
			map[string]any{"token_endpoint_auth_methods_supported": []string{"client_secret_basic"}}},
		{"nothing said", "unsupported_grant_type", "unsupported_grant_type", core.CodeBadConfig, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newServer(t)
			doc := map[string]any{"issuer": s.URL, "token_endpoint": s.URL + "/token"}
			for name, value := range tt.metadata {
				doc[name] = value
			}
			s.metadata["/.well-known/oauth-authorization-server"] = doc
			s.override = func(w http.ResponseWriter,
				_ *http.Request) {
				writeJSON(w, 400, map[string]any{"error": tt.answer})
			}
			_, err := s.open(t, map[string]any{"token_url": nil, "issuer": s.URL}).Authenticate(t.Context(),
				core.Request{})
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, tt.text)
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}
