// How the client authenticates to the authorization server (RFC 6749 §2.3, RFC 7523, RFC 8705).
//
// Read on in connection.go.

package oauth2

import (
	"cmp"
	"context"
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

var authMethods = []string{
	SecretBasic, SecretPost, SecretJWT, PrivateKeyJWT, TLSClient, SelfSignedTLS, NoClientAuth,
}

const (
	defaultAssertionLifetime = time.Minute
	maxAssertionLifetime     = time.Hour
	assertionBackdate        = 3 * time.Second // how old a new assertion claims to be
	// RFC 7523 §2.2
	clientAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// authMethod returns how the client authenticates: as ClientAuth says, or as what is configured
// suggests.
func (c *Config) authMethod() string {
	switch {
	case c.ClientAuth != "":
		return c.ClientAuth
	case c.hasClientKey(), c.ClientAssertion.isGiven():
		return PrivateKeyJWT
	case !c.ClientSecret.IsZero():
		return SecretBasic
	case c.clientCertificates().HasClient():
		return TLSClient
	}
	return NoClientAuth
}

func (c *Config) hasClientKey() bool { return c.Signer != nil || c.ClientKey != PrivateKey{} }

func (c *Config) clientCertificates() certs.Config {
	t := c.TLS
	return certs.Config{
		CertFile: t.CertFile, Cert: t.Cert, KeyFile: t.KeyFile, Key: t.Key, KeyPassword: t.KeyPassword,
		CAFile: t.CAFile, CA: t.CA, P12File: t.P12File, P12: t.P12, P12Password: t.P12Password,
		Renegotiation: certs.Renegotiation(t.Renegotiation),
	}
}

// authenticatesByTLS reports whether the TLS handshake authenticates the client.
func (c *Config) authenticatesByTLS() bool {
	return c.authMethod() == TLSClient || c.authMethod() == SelfSignedTLS
}

// bindsCertificate reports whether tokens are bound to the client's certificate (RFC 8705 §3).
func (c *Config) bindsCertificate() bool { return c.CertificateBound || c.authenticatesByTLS() }

// checkClient reports, as core faults, what is wrong with the settings of the client.
func (c *Config) checkClient() error {
	faults := []error{c.clientCertificates().Check("tls"), c.checkClientKey()}
	faults = append(faults, checkLifetime("client_assertion", c.ClientAssertion.Lifetime))
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if c.ClientID == "" {
		add("client_id", "is empty")
	}
	method := c.authMethod()
	if !slices.Contains(authMethods, method) {
		add("client_auth", "want one of %s", strings.Join(authMethods, ", "))
		return errors.Join(faults...)
	}
	faults = append(faults, c.checkAuthMethod(method))
	if c.CertificateBound && !c.clientCertificates().HasClient() {
		add("certificate_bound", "tls has no certificate")
	}
	if method != SecretJWT && c.ClientAssertion.Algorithm != "" {
		add("client_assertion.algorithm", "is for %s; that of a key is client_key.algorithm", SecretJWT)
	}
	return errors.Join(faults...)
}

// checkAuthMethod reports what is missing for an authentication method, or not used by it.
func (c *Config) checkAuthMethod(method string) error {
	needsSecret := strings.HasPrefix(method, "client_secret_")
	switch {
	case needsSecret && c.ClientSecret.IsZero():
		return core.Faultf("client_secret", "missing; client_auth is %s", method)
	case !needsSecret && !c.ClientSecret.IsZero():
		return core.Faultf("client_secret", "is not used; client_auth is %s", method)
	case c.authenticatesByTLS() && !c.clientCertificates().HasClient():
		return core.Faultf("tls", "has no certificate; client_auth is %s", method)
	case method == PrivateKeyJWT && !c.hasClientKey() && !c.ClientAssertion.isGiven():
		return core.Faultf("client_key",
			"missing; client_auth is %s; give a key, client_assertion.file or client_assertion.input", method)
	case c.ClientAssertion.isGiven() && (method != PrivateKeyJWT || c.hasClientKey()):
		return core.Faultf("client_assertion",
			"a JWT is given, which needs client_auth %s and no client_key", PrivateKeyJWT)
	case c.ClientAssertion.File != "" && c.ClientAssertion.Input:
		return core.Faultf("client_assertion", "give either file or input")
	case method == SecretJWT:
		if _, err := jose.NewMAC(c.ClientSecret, c.ClientAssertion.Algorithm); err != nil {
			return core.Faultf("client_secret", "%v", errors.Unwrap(err))
		}
	}
	return nil
}

func (c *Config) checkClientKey() error {
	key := jose.KeyConfig(c.ClientKey)
	switch {
	case !c.hasClientKey():
		return nil
	case c.Signer == nil:
		return key.Check("client_key")
	case key.File != "" || !key.Text.IsZero() || !key.Password.IsZero():
		return core.Faultf("client_key", "the program gives a Signer; only id and algorithm belong here")
	}
	if _, err := c.loadClientKey(context.Background()); err != nil {
		return core.Faultf("client_key", "%v", errors.Unwrap(err))
	}
	return nil
}

// checkLifetime reports what is wrong with the lifetime of an assertion. Zero is the default.
func checkLifetime(setting string, lifetime time.Duration) error {
	if lifetime < 0 || lifetime > maxAssertionLifetime || lifetime > 0 && lifetime < time.Second {
		return core.Faultf(setting+".lifetime", "want 1s to 1h")
	}
	return nil
}

// loadClientKey returns the client's private key; it reads the key's file again at each call.
func (c *Config) loadClientKey(ctx context.Context) (*jose.Signer, error) {
	if c.Signer != nil {
		return jose.NewSigner(c.Signer, c.ClientKey.ID, c.ClientKey.Algorithm)
	}
	return loadKey(ctx, "client_key", c.ClientKey)
}

// loadKey returns the key of a setting.
func loadKey(ctx context.Context, setting string, key PrivateKey) (*jose.Signer, error) {
	s, err := jose.KeyConfig(key).Load(ctx)
	if err != nil {
		return nil, core.Prefix(err, setting)
	}
	return s, nil
}

// assertionSigner returns what signs the client's assertions; nil if the client authenticates in
// another way.
func (c *Config) assertionSigner(ctx context.Context) (*jose.Signer, error) {
	switch c.authMethod() {
	case SecretJWT:
		return jose.NewMAC(c.ClientSecret, c.ClientAssertion.Algorithm)
	case PrivateKeyJWT:
		if !c.ClientAssertion.isGiven() {
			return c.loadClientKey(ctx)
		}
	}
	return nil, nil
}

// isGiven reports whether the client's JWT comes from elsewhere, so that the provider makes none.
func (a *Assertion) isGiven() bool { return a.File != "" || a.Input }

// givenAssertion returns the client's JWT from a file or an input; zero if the client has none.
func (c *Config) givenAssertion(
	ctx context.Context, inputs map[string]core.Credential,
) (core.Secret, error) {
	const role = "client_assertion"
	if c.ClientAssertion.File != "" {
		return readToken(ctx, role, core.Secret{}, c.ClientAssertion.File)
	}
	if _, ok := inputs[role]; !ok && !c.ClientAssertion.Input {
		return core.Secret{}, nil
	}
	token, err := inputToken(role, inputs)
	if err == nil && token.IsZero() {
		err = core.Errorf(core.CodeBadConfig, "there is no session for %s: name one in inputs", role)
	}
	return token, err
}

// sendAssertion returns a grant.Auth that sends a JWT from elsewhere (RFC 7523 §2.2).
func sendAssertion(token core.Secret) grant.Auth {
	return func(r *grant.AuthRequest) error {
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_assertion_type", clientAssertionType)
		r.Form.Set("client_assertion", token.Reveal())
		r.Secrets = append(r.Secrets, token)
		return nil
	}
}

// authenticator returns what authenticates the client in requests to the server of meta; nil if
// nothing in the request does. signer is the result of assertionSigner.
func (c *Config) authenticator(meta *metadata, signer *jose.Signer) grant.Auth {
	switch c.authMethod() {
	case SecretBasic:
		return grant.Basic(c.ClientSecret)
	case SecretPost:
		return grant.Post(c.ClientSecret)
	}
	if signer == nil {
		return nil
	}
	audience := c.clientAudience(meta)
	// The server may reject a JWT that it has seen before, so that each request carries a new one.
	return func(r *grant.AuthRequest) error {
		token, err := signer.Sign(newClaims(r.ClientID, r.ClientID, audience, c.ClientAssertion.Lifetime))
		if err != nil {
			return err
		}
		r.Form.Set("client_id", r.ClientID)
		r.Form.Set("client_assertion_type", clientAssertionType)
		r.Form.Set("client_assertion", token.Reveal())
		r.Secrets = append(r.Secrets, token, c.ClientSecret)
		return nil
	}
}

// clientAudience returns the audience of the client's assertions for the server of meta.
func (c *Config) clientAudience(meta *metadata) string {
	return cmp.Or(c.ClientAssertion.Audience, meta.assertionAudience())
}

// newClaims returns the claims of a new assertion (RFC 7523 §3). A lifetime of zero is the default.
func newClaims(issuer, subject, audience string, lifetime time.Duration) map[string]any {
	if lifetime == 0 {
		lifetime = defaultAssertionLifetime
	}
	now := time.Now()
	// A server whose clock is behind would refuse an assertion from its future. The whole lifetime
	// stays as it is set, as servers limit it.
	issued := now.Add(-min(assertionBackdate, lifetime/2))
	return map[string]any{
		"iss": issuer, "sub": subject, "aud": audience, "jti": rand.Text(),
		"iat": issued.Unix(), "exp": issued.Add(lifetime).Unix(),
	}
}

// httpClient returns the HTTP client for the requests of one call by the session, and the
// certificate that it presents, which is zero if there is none. It keeps no idle connection.
func (c *Config) httpClient(ctx context.Context,
	req core.Request) (*http.Client, certs.Bundle, error) {
	opts := providerhttp.Options{AllowHTTP: c.AllowHTTP, MayRetry: req.MayRetry}
	if c.clientCertificates().IsZero() {
		return providerhttp.NewClient(&opts), certs.Bundle{}, nil
	}
	bundle, err := c.clientCertificates().Load(ctx, req.Reason != core.ReasonInitial)
	if err != nil {
		return nil, certs.Bundle{}, err
	}
	if opts.TLS, err = bundle.TLSConfig(); err != nil {
		return nil, certs.Bundle{}, err
	}
	return providerhttp.NewClient(&opts), bundle, nil
}

// attachCertificate adds the certificate that a token is bound to, if it is bound to one, to the
// credential of the token. The credential then expires with the earlier of the two.
func (c *Config) attachCertificate(cred *core.Credential, bundle certs.Bundle) {
	if !c.bindsCertificate() || bundle.Leaf == nil {
		return
	}
	cred.Attach.Cert = bundle.Cert
	if cred.Expiry.IsZero() || bundle.Leaf.NotAfter.Before(cred.Expiry) {
		cred.Expiry = bundle.Leaf.NotAfter
	}
}
