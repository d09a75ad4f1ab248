// What the grants have in common that a person takes part in.
//
// Read on in clientcredentials.go.

package oauth2

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/coreos/go-oidc/v3/oidc"
)

var errSignIn = core.Errorf(core.CodeInteractive, "a person must sign in")

// requirePerson is grantType.request of these grants: without a refresh token, a person must sign
// in.
func requirePerson(context.Context, *connection, map[string]core.Credential) (grant.Token, error) {
	return grant.Token{}, errSignIn
}

// renewSignIn is grantType.renew of these grants. If the server refuses the refresh token, the
// error is Interactive: a person must sign in again. Servers report an unusable refresh token in
// different ways; only a refusal of the client is returned as it is, as another sign-in would not
// help.
func renewSignIn(ctx context.Context, conn *connection, refresh core.Secret,
	_ requestFunc) (grant.Token, error) {
	token, err := conn.renewToken(ctx, refresh)
	tokenRefused := core.CodeOf(err) == core.CodeDenied && !grant.ClientRefused(err)
	if err != nil && (tokenRefused || grant.ErrorCode(err, "invalid_request")) {
		return token, core.Errorf(core.CodeInteractive,
			"the sign-in has ended, a person must sign in again: %w", errors.Unwrap(err))
	}
	return token, err
}

// asksForIDToken reports whether the settings ask for an ID token.
func (c *Config) asksForIDToken() bool { return slices.Contains(c.Scopes, oidc.ScopeOpenID) }

// serverName returns the host of the authorization server, to show to a person; empty: unknown.
func (c *Config) serverName() string {
	for _, address := range []string{c.Issuer, c.AuthorizationURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return ""
}

// authorizationForm returns the parameters that the settings give the request for authorization:
// what the token shall be for, and the further parameters of authorization_params.
func (c *Config) authorizationForm() url.Values {
	form := url.Values{}
	for name, value := range c.AuthorizationParams {
		form.Set(name, value)
	}
	if len(c.Scopes) > 0 {
		form.Set("scope", strings.Join(c.Scopes, " "))
	}
	if c.Audience != "" {
		form.Set("audience", c.Audience)
	}
	if len(c.Resource) > 0 {
		form["resource"] = c.Resource
	}
	return form
}

// signedInCredential returns the credential of a token that a sign-in obtained. Its subject is the
// person that the ID token names; without an ID token the person is unknown.
func (conn *connection) signedInCredential(ctx context.Context, token grant.Token,
	nonce string) (core.Credential, error) {
	cred := conn.credential(token)
	switch {
	case conn.meta.Issuer == "":
		return cred, nil
	case token.ID.IsZero() && conn.cfg.asksForIDToken():
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"the server issued no ID token, which the scope openid asks for (OpenID Connect Core 1.0 "+
				"§3.1.3.3): allow it for this client, or leave out openid")
	case token.ID.IsZero():
		return cred, nil
	}
	who, err := conn.identify(ctx, token, expectation{nonce: nonce})
	if err != nil {
		return core.Credential{}, err
	}
	who.addTo(&cred)
	return cred, nil
}

// renewedCredential returns the credential of a token that renews a sign-in: for the person of
// previous. If the server's keys cannot be fetched, the ID token is not checked: the server has
// already replaced the refresh token, and an error would lose the new one.
func (conn *connection) renewedCredential(ctx context.Context, token grant.Token,
	previous core.Credential) (core.Credential, error) {
	cred := conn.credential(token)
	person{previous.Subject, previous.Attributes}.addTo(&cred)
	if token.ID.IsZero() || conn.meta.Issuer == "" {
		return cred, nil
	}
	keys, err := conn.keys(ctx)
	if err != nil {
		return cred, nil // see above
	}
	who, err := conn.identifyWith(ctx, keys, token, expectation{subject: previous.Subject})
	if err != nil {
		return core.Credential{}, err
	}
	who.addTo(&cred)
	return cred, nil
}
