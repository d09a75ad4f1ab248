package oauth2

import (
	"context"
	"crypto"
	"crypto/rand"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/jose"
)

// The values of [ClientSettings.ClientAuth], as servers name them in their
// metadata (token_endpoint_auth_methods_supported).
const (
	SecretBasic   = "client_secret_basic"         // RFC 6749 §2.3.1
	SecretPost    = "client_secret_post"          // RFC 6749 §2.3.1
	SecretJWT     = "client_secret_jwt"           // RFC 7523 §2.2, signed with the secret
	PrivateKeyJWT = "private_key_jwt"             // RFC 7523 §2.2, signed with a private key
	TLSClient     = "tls_client_auth"             // RFC 8705 §2.1
	SelfSignedTLS = "self_signed_tls_client_auth" // RFC 8705 §2.2
	NoClientAuth  = "none"                        // a public client
)

var methods = []string{SecretBasic, SecretPost, SecretJWT, PrivateKeyJWT, TLSClient, SelfSignedTLS, NoClientAuth}

// ClientSettings say who the client is and how it proves it, at every endpoint
// of the authorization server alike.
type ClientSettings struct {
	ClientID         string         `json:"client_id" required:"true" identity:"true" doc:"The client that the server knows."`
	ClientSecret     core.Secret    `json:"client_secret" doc:"Its secret."`
	ClientAuth       string         `json:"client_auth" enum:"client_secret_basic,client_secret_post,client_secret_jwt,private_key_jwt,tls_client_auth,self_signed_tls_client_auth,none" doc:"How the client proves who it is. Default: by what is given, a key (private_key_jwt), a secret (client_secret_basic), a certificate in tls (tls_client_auth), or none."`
	ClientKey        jose.KeyConfig `json:"client_key" doc:"Its private key, for private_key_jwt."`
	ClientAssertion  Assertion      `json:"client_assertion" doc:"What private_key_jwt and client_secret_jwt say."`
	TLS              certs.Config   `json:"tls" doc:"Certificates for the requests to the authorization server."`
	CertificateBound bool           `json:"certificate_bound" identity:"true" doc:"The server binds tokens to the certificate in tls (RFC 8705 §3): the session shows it to the API, too. Implied by tls_client_auth and self_signed_tls_client_auth."`

	// Signer is the private key in the place of a file or text in ClientKey,
	// whose id and algorithm hold for it. It may be held elsewhere, as by a KMS;
	// it is then called for each token request, and nothing bounds its calls.
	// Nil: ClientKey. For programs; a configuration cannot name it.
	Signer crypto.Signer `json:"-"`
}

// Assertion is what the client says of itself in a JWT (RFC 7523 §3).
type Assertion struct {
	Audience  string        `json:"audience" doc:"Who it is for. Default: the issuer, or the token endpoint if there is no issuer."`
	Lifetime  time.Duration `json:"lifetime" default:"1m" doc:"How long it is good, at most 1h."`
	Algorithm string        `json:"algorithm" enum:"HS256,HS384,HS512" doc:"How client_secret_jwt signs. Default: HS256. That of a key is client_key.algorithm."`
}

const (
	assertionLifetime = time.Minute // the default
	maxAssertion      = time.Hour
	assertionType     = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 §2.2
)

// method returns how the client authenticates.
func (c *ClientSettings) method() string {
	switch {
	case c.ClientAuth != "":
		return c.ClientAuth
	case c.hasKey():
		return PrivateKeyJWT
	case !c.ClientSecret.IsZero():
		return SecretBasic
	case c.TLS.HasClient():
		return TLSClient
	}
	return NoClientAuth
}

func (c *ClientSettings) hasKey() bool { return c.Signer != nil || !c.ClientKey.IsZero() }

// byCertificate reports whether the handshake proves who the client is.
func (c *ClientSettings) byCertificate() bool {
	return c.method() == TLSClient || c.method() == SelfSignedTLS
}

// isBound reports whether tokens are bound to the client's certificate.
func (c *ClientSettings) isBound() bool { return c.CertificateBound || c.byCertificate() }

func (c *ClientSettings) validate(whole *Config) error {
	faults := []error{c.TLS.Check("tls"), c.validateKey(), c.ClientAssertion.validate("client_assertion")}
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if c.ClientID == "" {
		add("client_id", "is empty")
	}
	method := c.method()
	wantsSecret := strings.HasPrefix(method, "client_secret_")
	switch {
	case !slices.Contains(methods, method):
		add("client_auth", "want one of %s", strings.Join(methods, ", "))
		return errors.Join(faults...)
	case wantsSecret && c.ClientSecret.IsZero():
		add("client_secret", "missing; client_auth is %s", method)
	case !wantsSecret && !c.ClientSecret.IsZero():
		add("client_secret", "is not used; client_auth is %s", method)
	case c.byCertificate() && !c.TLS.HasClient():
		add("tls", "has no certificate; client_auth is %s", method)
	case method == PrivateKeyJWT && !c.hasKey():
		add("client_key", "missing; client_auth is %s", method)
	case method == NoClientAuth && (whole.Grant == "" || whole.Grant == ClientCredentials):
		add("client_secret", "missing; the grant %s needs a client that proves who it is", ClientCredentials)
	}
	if c.CertificateBound && !c.TLS.HasClient() {
		add("certificate_bound", "tls has no certificate")
	}
	if method == SecretJWT {
		if _, err := jose.NewMAC(c.ClientSecret, c.ClientAssertion.Algorithm); err != nil && !c.ClientSecret.IsZero() {
			add("client_secret", "%v", errors.Unwrap(err))
		}
	} else if c.ClientAssertion.Algorithm != "" {
		add("client_assertion.algorithm", "is for %s; that of a key is client_key.algorithm", SecretJWT)
	}
	return errors.Join(faults...)
}

func (c *ClientSettings) validateKey() error {
	switch {
	case c.Signer == nil && c.ClientKey.IsZero():
		return nil
	case c.Signer == nil:
		return c.ClientKey.Check("client_key")
	case c.ClientKey.File != "" || !c.ClientKey.Text.IsZero() || !c.ClientKey.Password.IsZero():
		return core.Faultf("client_key", "the program gives a Signer; only id and algorithm belong here")
	}
	if _, err := c.signer(); err != nil {
		return core.Faultf("client_key", "%v", errors.Unwrap(err))
	}
	return nil
}

func (a Assertion) validate(at string) error {
	if a.Lifetime < 0 || a.Lifetime > maxAssertion || a.Lifetime > 0 && a.Lifetime < time.Second {
		return core.Faultf(at+".lifetime", "want 1s to 1h")
	}
	return nil
}

// signer returns the client's key as it is now.
func (c *ClientSettings) signer() (*jose.Signer, error) {
	if c.Signer != nil {
		return jose.NewSigner(c.Signer, c.ClientKey.ID, c.ClientKey.Algorithm)
	}
	s, err := c.ClientKey.Load()
	if err != nil {
		return nil, core.Prefix(err, "client_key")
	}
	return s, nil
}

// assertionSigner returns what signs the client's assertions as it is now; nil
// if the client makes none.
func (c *ClientSettings) assertionSigner() (*jose.Signer, error) {
	switch c.method() {
	case SecretJWT:
		return jose.NewMAC(c.ClientSecret, c.ClientAssertion.Algorithm)
	case PrivateKeyJWT:
		return c.signer()
	}
	return nil, nil
}

// auth returns what proves who the client is to the server of meta; nil where
// nothing in the request does. signer is that of assertionSigner.
func (c *ClientSettings) auth(meta *metadata, signer *jose.Signer) grant.Auth {
	switch c.method() {
	case SecretBasic:
		return grant.Basic(c.ClientSecret)
	case SecretPost:
		return grant.Post(c.ClientSecret)
	}
	if signer == nil {
		return nil
	}
	claims := c.ClientAssertion
	if claims.Audience == "" {
		claims.Audience = meta.audience()
	}
	return func(r *grant.AuthRequest) error {
		token, err := signer.Sign(claims.of(r.ClientID, r.ClientID))
		if err != nil {
			return err
		}
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_assertion_type", assertionType)
		r.Form.Set("client_assertion", token.Reveal())
		r.Secrets = append(r.Secrets, token, c.ClientSecret)
		return nil
	}
}

// of returns the claims of a new assertion (RFC 7523 §3).
func (a Assertion) of(issuer, subject string) map[string]any {
	now, lifetime := time.Now(), a.Lifetime
	if lifetime == 0 {
		lifetime = assertionLifetime
	}
	return map[string]any{
		"iss": issuer, "sub": subject, "aud": a.Audience, "jti": rand.Text(),
		"iat": now.Unix(), "exp": now.Add(lifetime).Unix(),
	}
}

// audience returns what an assertion for the server is for: the issuer, so
// that it is good nowhere else, or the token endpoint if there is none.
func (m *metadata) audience() string {
	if m.Issuer != "" {
		return m.Issuer
	}
	return m.TokenEndpoint
}

// web returns the HTTP client for requests to the authorization server, with
// the certificates that it shows. It keeps no connection and serves req alone.
func (c *Config) web(ctx context.Context, req core.Request) (*http.Client, certs.Bundle, error) {
	opts := providerhttp.Options{AllowHTTP: c.AllowHTTP, MayRetry: req.MayRetry}
	if c.TLS.IsZero() {
		return providerhttp.NewClient(&opts), certs.Bundle{}, nil
	}
	own, err := c.TLS.Load(ctx, req.Reason != core.Initial)
	if err != nil {
		return nil, certs.Bundle{}, err
	}
	if opts.TLS, err = own.TLSConfig(); err != nil {
		return nil, certs.Bundle{}, err
	}
	return providerhttp.NewClient(&opts), own, nil
}

// present puts the certificate that a token is bound to on its credential,
// which ends with the earlier of the two.
func (c *ClientSettings) present(cred *core.Credential, own certs.Bundle) {
	if !c.isBound() || own.Leaf == nil {
		return
	}
	cred.Attach.Cert = own.Cert
	if cred.Expiry.IsZero() || own.Leaf.NotAfter.Before(cred.Expiry) {
		cred.Expiry = own.Leaf.NotAfter
	}
}
