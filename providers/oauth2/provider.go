// The provider: one call of the session after the other, put together from the parts above.
//
// Read on in tokensource.go.

package oauth2

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/authsession/authsession/providers/internal/grant"
)

// provider holds the settings and what the server publishes; it keeps no token.
type provider struct {
	cfg    Config
	grant  *grantType
	server discovery
	nonce  dpop.Nonce // the server's last nonce, for the next proof of a token request

	unclear unclearAnswers // the last answers of the token endpoint
	spent   spentToken     // the refresh token that must not be sent again
}

// The abilities that only some settings call for are in types of their own, as a session asks a
// provider's type for its abilities.
type (
	signInProvider struct{ *provider }
	boundProvider  struct {
		*provider
		proofAuthorizer
	}
	boundSignInProvider struct {
		signInProvider
		proofAuthorizer
	}
)

// newProvider returns a provider with the abilities that cfg calls for. It copies the lists and
// maps of cfg, which are the caller's. cfg must be valid.
func newProvider(cfg Config) core.Provider {
	cfg.Scopes, cfg.Resource = slices.Clone(cfg.Scopes), slices.Clone(cfg.Resource)
	cfg.Params, cfg.AuthorizationParams = maps.Clone(cfg.Params), maps.Clone(cfg.AuthorizationParams)
	cfg.Headers, cfg.TokenAttributes = maps.Clone(cfg.Headers), maps.Clone(cfg.TokenAttributes)
	cfg.Redirect.Ports = slices.Clone(cfg.Redirect.Ports)
	cfg.Assertion.Claims, _ = revealSecrets(cfg.Assertion.Claims).(map[string]any)
	g := grantNamed(cfg.Grant)
	p := &provider{cfg: cfg, grant: g}
	p.server.cfg = &p.cfg
	switch {
	case cfg.DPoP && g.signIn != nil:
		return &boundSignInProvider{signInProvider: signInProvider{p}}
	case cfg.DPoP:
		return &boundProvider{provider: p}
	case g.signIn != nil:
		return signInProvider{p}
	}
	return p
}

// Authenticate requests an access token: with the refresh token of the previous credential if there
// is one, otherwise in the way of the grant.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if p.grant.signIn != nil && req.Previous.RefreshState.IsZero() {
		return core.Credential{}, errSignIn
	}
	conn, err := p.connect(ctx, req)
	if err != nil {
		return core.Credential{}, err
	}
	previous := unseal(req.Previous.RefreshState)
	if err := conn.bind(&p.nonce, previous); err != nil {
		return core.Credential{}, err
	}
	token, err := p.token(ctx, conn, previous.Refresh)
	err = p.unclear.judge(err, p.grant)
	if err != nil {
		return core.Credential{}, p.annotate(conn, err)
	}
	if p.grant.signIn != nil {
		cred, err := conn.renewedCredential(ctx, token, req.Previous)
		if err != nil && !token.Refresh.Equal(previous.Refresh) {
			p.spent.add(previous.Refresh)
		}
		return cred, err
	}
	cred := conn.credential(token)
	cred.Subject = p.cfg.ClientID
	if p.grant.subject != nil {
		cred.Subject = cmp.Or(p.grant.subject(&p.cfg, req.Inputs), p.cfg.ClientID)
	}
	return cred, nil
}

// connect returns a connection whose refusals say what to look at.
func (p *provider) connect(ctx context.Context, req core.Request) (*connection, error) {
	conn, err := p.server.connect(ctx, req)
	if err == nil {
		conn.client.Advice = adviser(p.grant, conn)
	}
	return conn, err
}

func (p *provider) token(ctx context.Context, conn *connection,
	refresh core.Secret) (grant.Token, error) {
	request := func() (grant.Token, error) { return p.grant.request(ctx, conn, conn.req.Inputs) }
	if refresh.IsZero() {
		return request()
	}
	if p.spent.has(refresh) {
		return grant.Token{}, core.Errorf(core.CodeInteractive,
			"the refresh token was used up by a renewal whose ID token was refused; a person must sign in "+
				"again")
	}
	conn.sent = true
	return p.grant.renew(ctx, conn, refresh, request)
}

// annotate completes the error of a token request. An error of a local file is returned as local
// only if this call has sent nothing: core.Error.Local means that no server was asked. After an
// error that is not a refusal, the metadata is fetched again, as the endpoint may have moved.
func (p *provider) annotate(conn *connection, err error) error {
	var e *core.Error
	switch {
	case errors.As(err, &e) && e.Local && !conn.sent:
		return err
	case e != nil && e.Local:
		err = core.Errorf(core.CodeOf(err), "%w", core.Cause(err))
	case core.CodeOf(err) != core.CodeDenied:
		p.server.forget()
	}
	return p.explain(conn.meta, err)
}

// explain adds to a refusal what the server publishes about itself, if that is the reason: it does
// not offer the grant, or the way in which the client authenticates. The lists are consulted after
// a refusal only, as servers publish incomplete ones.
func (p *provider) explain(m *metadata, err error) error {
	if core.CodeOf(err) != core.CodeDenied && core.CodeOf(err) != core.CodeBadConfig {
		return err
	}
	refused := func(code string) bool {
		return grant.ErrorCode(err, code) || grant.ErrorCode(err, "unauthorized_client")
	}
	method := p.cfg.authMethod()
	switch {
	case omits(m.GrantTypes, p.grant.parameter) &&
		(refused("unsupported_grant_type") || grant.ErrorCode(err, "invalid_request")):
		return core.Errorf(core.CodeBadConfig, "%w; the server does not offer the grant %s, but %s",
			core.Cause(err), p.grant.name, p.cfg.printable(m.GrantTypes))
	case omits(m.AuthMethods, method) && refused("invalid_client"):
		return core.Errorf(core.CodeBadConfig, "%w; the server does not offer the client_auth %s, but %s",
			core.Cause(err), method, p.cfg.printable(m.AuthMethods))
	}
	return err
}

// SignIn implements [core.InteractiveProvider]. A sign-in begins with a new key, and its
// connection asks for no renewal, whatever req says.
func (p signInProvider) SignIn(ctx context.Context, req core.Request,
	ui core.UI) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the sign-in did not begin: %w",
			context.Cause(ctx))
	}
	steps := p.grant.signInAs(p.cfg.SignIn).signIn
	if err := steps.checkUI(&p.cfg, ui); err != nil {
		return core.Credential{}, err
	}
	conn, err := p.connect(ctx, core.Request{MayRetry: req.MayRetry, Inputs: req.Inputs})
	if err != nil {
		return core.Credential{}, err
	}
	if err := conn.bind(&p.nonce, renewal{}); err != nil {
		return core.Credential{}, err
	}
	return steps.run(ctx, conn, ui)
}

// Revoke revokes the tokens of c at the server (RFC 7009): the refresh token that was issued with
// it, and the access token. The error wraps [errors.ErrUnsupported] if the server has no revocation
// endpoint, or if the grant keeps its tokens.
func (p *provider) Revoke(ctx context.Context, c core.Credential) error {
	// Revoke gets no inputs, so that a client whose assertion is one cannot authenticate.
	if p.grant.keepsTokens || p.cfg.ClientAssertion.Input ||
		p.cfg.RevocationURL == "" && p.cfg.Issuer == "" {
		return errors.ErrUnsupported
	}
	conn, err := p.connect(ctx, core.Request{Reason: core.ReasonExpiring})
	if err != nil {
		return err
	}
	endpoint := conn.meta.RevocationEndpoint
	if endpoint == "" {
		return errors.ErrUnsupported
	}
	_, access, _ := strings.Cut(c.Attach.Header["Authorization"].Reveal(), " ")
	var first error
	for _, t := range []struct {
		token core.Secret
		hint  string
	}{{unseal(c.RefreshState).Refresh, "refresh_token"}, {core.NewSecret(access), "access_token"}} {
		if t.token.IsZero() {
			continue
		}
		err := conn.client.Revoke(ctx, endpoint, t.token, t.hint)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && first == nil {
			first = err
		}
	}
	return first
}
