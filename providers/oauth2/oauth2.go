// Package oauth2 is the provider for APIs that take OAuth 2.0 access tokens (RFC 6749, RFC 6750).
// It requests them from the token endpoint of an authorization server: for the program itself
// (client credentials), for a person who signs in, or in exchange for a refresh token, a signed
// assertion or another party's token:
//
//	sessions:
//	  billing:
//	    provider: oauth2
//	    origins: [https://billing.example.com]
//	    settings:
//	      issuer: https://login.example.com
//	      client_id: my-app
//	      client_secret: "${env:BILLING_SECRET}"
//	      scopes: [invoices.read]
//
// The token endpoint is configured or discovered (RFC 8414, OpenID Connect Discovery). If the
// server issues a refresh token, the provider renews with it. Close revokes the tokens if the
// server has a revocation endpoint (RFC 7009).
//
// [TokenSource] and [FromTokenSource] connect sessions with programs and libraries that use
// golang.org/x/oauth2.
//
// Read on in settings.go.
package oauth2

import (
	"context"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/faults"
)

// Factory makes providers of the kind "oauth2".
var Factory = core.NewFactory(
	core.Info{
		Kind: "oauth2",
		Summary: "OAuth 2.0 tokens: client credentials, sign-in, refresh token, assertion or token " +
			"exchange.",
	},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig]. An empty Grant is
// client_credentials. The provider is safe for concurrent use. New copies cfg and sends nothing.
func New(cfg Config) (core.Provider, error) {
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	return newProvider(cfg), nil
}
