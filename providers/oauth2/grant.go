// What differs between the grants, and how their tokens are renewed.
//
// Read on in signin.go.

package oauth2

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// grantType is everything that differs between the grants. Each grant is one value in a file of its
// name, and grants.go lists the values; no other code asks which grant is configured.
type grantType struct {
	name      string // the value of Config.Grant
	parameter string // the parameter grant_type of a token request

	// settings are those of grantSettings that the grant uses. With another grant they are a fault.
	settings []string
	// check reports, as core faults, what the grant needs and c lacks. Nil: the grant needs nothing.
	check func(c *Config) error

	// request requests a token without a refresh token. inputs are the credentials of other sessions.
	// For a grant that a person takes part in it is requirePerson.
	request func(ctx context.Context, conn *connection,
		inputs map[string]core.Credential) (grant.Token, error)
	// renew requests a token with the refresh token that the server issued last. It decides what a
	// refusal means: that of a refresh token that has ended or was used before looks much like that of
	// a client. requestNew is request with its arguments.
	renew func(ctx context.Context, conn *connection, refresh core.Secret,
		requestNew requestFunc) (grant.Token, error)
	// subject returns for whom the token was issued; empty: for the client. Nil: for the client. It is
	// not called if a person takes part: then the ID token names the subject.
	subject func(c *Config, inputs map[string]core.Credential) string
	// advice returns which settings to look at if the server refuses what request presents. Nil: none.
	advice func(conn *connection) string
	// keepsTokens is set if tokens are not revoked at the end.
	keepsTokens bool

	// signIn is how a person takes part. Nil: no person takes part.
	signIn *signInSteps
}

// signInSteps are what differs between the grants that a person takes part in.
type signInSteps struct {
	name string // the value of Config.SignIn
	// checkUI reports, with core.CodeInteractive, that ui cannot reach a person.
	checkUI func(c *Config, ui core.UI) error
	// run signs the person in.
	run func(ctx context.Context, conn *connection, ui core.UI) (core.Credential, error)
}

type requestFunc func() (grant.Token, error)

// renewOrRequest renews with a refresh token and, if the server refuses that token, requests a new
// token in the way of the grant. It does so after every refusal but that of the client, which would
// be refused again: servers report an unusable refresh token in different ways.
func renewOrRequest(ctx context.Context, conn *connection, refresh core.Secret,
	requestNew requestFunc) (grant.Token, error) {
	token, err := conn.renewToken(ctx, refresh)
	if err == nil || core.CodeOf(err) == core.CodeUnavailable || grant.ClientRefused(err) {
		return token, err
	}
	return requestNew()
}
