// The grant jwt_bearer: a token for a signed assertion.
//
// Read on in tokenexchange.go.

package oauth2

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/url"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/jose"
)

const jwtBearerParameter = "urn:ietf:params:oauth:grant-type:jwt-bearer" // RFC 7523 §2.1

// jwtBearer is the grant of RFC 7523 §2.1.
var jwtBearer = grantType{
	name:      JWTBearer,
	parameter: jwtBearerParameter,
	settings:  []string{"assertion"},
	check:     (*Config).checkAssertion,
	request:   exchangeAssertion,
	renew:     renewOrRequest,
	advice:    assertionAdvice,
	subject: func(c *Config, _ map[string]core.Credential) string {
		if c.Assertion.exists() {
			return ""
		}
		return c.assertionSubject()
	},
}

// exists reports whether the settings hold a JWT, so that the provider makes none.
func (a *BearerAssertion) exists() bool { return a.File != "" || !a.Text.IsZero() }

// describesJWT reports whether the settings describe a JWT that the provider makes.
func (a *BearerAssertion) describesJWT() bool {
	return a.Issuer != "" || a.Subject != "" || a.Audience != "" || a.Claims != nil ||
		a.Key != PrivateKey{}
}

// ownClaims are the claims that the provider sets; the others are free.
var ownClaims = []string{"iss", "sub", "aud", "exp", "iat", "jti"}

func (c *Config) checkAssertion() error {
	a := &c.Assertion
	faults := []error{checkLifetime("assertion", a.Lifetime)}
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if a.Key != (PrivateKey{}) {
		faults = append(faults, jose.KeyConfig(a.Key).Check("assertion.key"))
	}
	switch {
	case a.File != "" && !a.Text.IsZero():
		add("assertion", "give either text or file")
	case a.exists() && a.describesJWT():
		add("assertion", "the other settings are for a JWT that is made, and a JWT is given")
	case !a.exists() && a.Key == PrivateKey{} && !c.hasClientKey():
		add("assertion", "missing; the grant %s needs a file, a text or a key", JWTBearer)
	}
	for name := range a.Claims {
		if slices.Contains(ownClaims, name) {
			faults = append(faults, core.Fault{
				Path:    []string{"assertion", "claims", name},
				Problem: "belongs to the grant; there is a setting for it",
			})
		}
	}
	if _, err := json.Marshal(revealSecrets(a.Claims)); err != nil {
		add("assertion.claims", "cannot be written as JSON")
	}
	return errors.Join(faults...)
}

// exchangeAssertion exchanges an assertion for a token (RFC 7523 §2.1). An assertion of the
// settings is sent once, as the server may accept it only once. One that the provider makes is new
// in each request, so that the request may be repeated.
func exchangeAssertion(ctx context.Context, conn *connection,
	_ map[string]core.Credential) (token grant.Token, err error) {
	send := func() error {
		assertion, err := conn.bearerAssertion()
		if err != nil {
			return err
		}
		form := url.Values{"grant_type": {jwtBearerParameter}, "assertion": {assertion.Reveal()}}
		token, err = conn.client.Exchange(ctx, form, assertion)
		return err
	}
	if conn.cfg.Assertion.exists() {
		err = send()
	} else {
		err = providerhttp.Retry(ctx, conn.req, send)
	}
	return token, err
}

// bearerAssertion returns the JWT to exchange: that of the file or the text, or a new one.
func (conn *connection) bearerAssertion() (core.Secret, error) {
	c, a := conn.cfg, &conn.cfg.Assertion
	if a.exists() {
		return readToken("assertion", a.Text, a.File)
	}
	signer, err := c.loadAssertionKey()
	if err != nil {
		return core.Secret{}, err
	}
	claims := newClaims(c.assertionIssuer(), c.assertionSubject(), conn.bearerAudience(), a.Lifetime)
	maps.Copy(claims, a.Claims)
	return signer.Sign(claims)
}

// bearerAudience returns the audience of a JWT that the provider makes.
func (conn *connection) bearerAudience() string {
	return cmp.Or(conn.cfg.Assertion.Audience, conn.meta.assertionAudience())
}

// assertionAdvice is grantType.advice.
func assertionAdvice(conn *connection) string {
	if conn.cfg.Assertion.exists() {
		return "check the JWT of assertion: its audience, its times and its key"
	}
	return "check assertion.issuer, subject and key, and whether the server wants another audience " +
		"than " + conn.cfg.quoted(conn.bearerAudience()) + ": set assertion.audience"
}

// loadAssertionKey returns the key that signs the JWT: its own, or that of the client.
func (c *Config) loadAssertionKey() (*jose.Signer, error) {
	if c.Assertion.Key == (PrivateKey{}) {
		return c.loadClientKey()
	}
	return loadKey("assertion.key", c.Assertion.Key)
}

func (c *Config) assertionIssuer() string {
	if c.Assertion.Issuer != "" {
		return c.Assertion.Issuer
	}
	return c.ClientID
}

func (c *Config) assertionSubject() string {
	if c.Assertion.Subject != "" {
		return c.Assertion.Subject
	}
	return c.assertionIssuer()
}

// revealSecrets returns a deep copy of claims with the secrets in them as text. Values that come
// from variables of the configuration are secrets.
func revealSecrets(v any) any {
	switch v := v.(type) {
	case core.Secret:
		return v.Reveal()
	case map[string]any:
		if v == nil {
			return v
		}
		revealed := make(map[string]any, len(v))
		for name, value := range v {
			revealed[name] = revealSecrets(value)
		}
		return revealed
	case []any:
		revealed := make([]any, len(v))
		for i, value := range v {
			revealed[i] = revealSecrets(value)
		}
		return revealed
	}
	return v
}
