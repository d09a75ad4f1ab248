package oauth2

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/jose"
)

// BearerAssertion says what the grant jwt_bearer trades (RFC 7523 §3).
type BearerAssertion struct {
	File     string         `json:"file" identity:"true" doc:"A file with the JWT, read again each time."`
	Text     core.Secret    `json:"text" doc:"The JWT itself."`
	Issuer   string         `json:"issuer" identity:"true" doc:"Who says it (iss), in a JWT that is made. Default: client_id."`
	Subject  string         `json:"subject" identity:"true" doc:"Whom the token is to speak for (sub). Default: the issuer of the JWT."`
	Audience string         `json:"audience" identity:"true" doc:"Who it is for (aud). Default: the issuer setting, or the token endpoint if there is none."`
	Lifetime time.Duration  `json:"lifetime" default:"1m" doc:"How long it is good, at most 1h."`
	Claims   map[string]any `json:"claims" identity:"true" doc:"Further claims."`
	Key      jose.KeyConfig `json:"key" doc:"What signs it, as client_key. Default: client_key."`
}

func (a *BearerAssertion) isZero() bool {
	return a.File == "" && a.Text.IsZero() && a.Issuer == "" && a.Subject == "" && a.Audience == "" && a.Claims == nil && a.Key.IsZero()
}

// given reports whether the JWT is there and need not be made.
func (a *BearerAssertion) given() bool { return a.File != "" || !a.Text.IsZero() }

func (a *BearerAssertion) validate(client *ClientSettings) error {
	faults := []error{Assertion{Lifetime: a.Lifetime}.validate("assertion")}
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if !a.Key.IsZero() {
		faults = append(faults, a.Key.Check("assertion.key"))
	}
	switch {
	case a.File != "" && !a.Text.IsZero():
		add("assertion", "give either text or file")
	case a.given() && (a.Issuer != "" || a.Subject != "" || a.Audience != "" || a.Claims != nil || !a.Key.IsZero()):
		add("assertion", "a JWT that is given says all; the rest is for one that is made")
	case !a.given() && a.Key.IsZero() && !client.hasKey():
		add("assertion", "missing; the grant %s needs a file, a text or a key", JWTBearer)
	}
	for name := range a.Claims {
		if slices.Contains([]string{"iss", "sub", "aud", "exp", "iat", "jti"}, name) {
			faults = append(faults, core.Fault{Path: []string{"assertion", "claims", name}, Problem: "belongs to the grant; there is a setting for it"})
		}
	}
	if _, err := json.Marshal(revealed(a.Claims)); err != nil {
		add("assertion.claims", "cannot be written as JSON")
	}
	return errors.Join(faults...)
}

// revealed returns a copy of claims with the text of the secrets in them, which
// come from variables.
func revealed(v any) any {
	switch v := v.(type) {
	case core.Secret:
		return v.Reveal()
	case map[string]any:
		if v == nil {
			return v
		}
		shown := make(map[string]any, len(v))
		for name, value := range v {
			shown[name] = revealed(value)
		}
		return shown
	case []any:
		shown := make([]any, len(v))
		for i, value := range v {
			shown[i] = revealed(value)
		}
		return shown
	}
	return v
}

// jwtBearer trades an assertion for a token (RFC 7523 §2.1). One that is given
// may be good for one use; one that is made is new in each request.
func (p *provider) jwtBearer(ctx context.Context, conn *connection) (token grant.Token, err error) {
	send := func() error {
		assertion, failed := p.assertion(conn.meta)
		if failed != nil {
			return failed
		}
		form := url.Values{"grant_type": {grantTypes[JWTBearer]}, "assertion": {assertion.Reveal()}}
		token, failed = conn.client.Exchange(ctx, form, assertion)
		return failed
	}
	if p.cfg.Assertion.given() {
		err = send()
	} else {
		err = providerhttp.Retry(ctx, conn.req, send)
	}
	return token, err
}

// assertion returns the JWT to trade: as it is in its file or setting, or a
// new one.
func (p *provider) assertion(meta *metadata) (core.Secret, error) {
	a := &p.cfg.Assertion
	if a.given() {
		return readToken("assertion", a.Text, a.File)
	}
	signer, err := p.assertionKey()
	if err != nil {
		return core.Secret{}, err
	}
	claims := Assertion{Audience: a.Audience, Lifetime: a.Lifetime}
	if claims.Audience == "" {
		claims.Audience = meta.audience()
	}
	all := claims.of(p.cfg.assertionIssuer(), p.cfg.assertionSubject())
	for name, value := range a.Claims {
		all[name] = value
	}
	return signer.Sign(all)
}

func (p *provider) assertionKey() (*jose.Signer, error) {
	if p.cfg.Assertion.Key.IsZero() {
		return p.cfg.signer()
	}
	s, err := p.cfg.Assertion.Key.Load()
	if err != nil {
		return nil, core.Prefix(err, "assertion.key")
	}
	return s, nil
}

func (c *Config) assertionIssuer() string {
	if c.Assertion.Issuer != "" {
		return c.Assertion.Issuer
	}
	return c.ClientID
}

// assertionSubject returns whom a token of the grant jwt_bearer speaks for.
func (c *Config) assertionSubject() string {
	if c.Assertion.Subject != "" {
		return c.Assertion.Subject
	}
	return c.assertionIssuer()
}
