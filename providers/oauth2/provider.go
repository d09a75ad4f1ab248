package oauth2

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/attach"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/authsession/authsession/providers/internal/grant"
)

// provider holds the settings and, once discovered, what the server says about
// itself; no token.
type provider struct {
	cfg  Config
	meta atomic.Pointer[metadata]
	// nonce is the one that the server said last, for the next proof.
	nonce dpop.Nonce
}

// Authenticate asks the token endpoint for an access token.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if signsIn(p.cfg.Grant) && req.Previous.Renewal.IsZero() {
		return core.Credential{}, errSignIn
	}
	conn, err := p.connect(ctx, req)
	if err != nil {
		return core.Credential{}, err
	}
	before := unseal(req.Previous.Renewal)
	if err := p.bind(conn, before); err != nil {
		return core.Credential{}, err
	}
	token, err := p.token(ctx, conn, before.Refresh, req.Inputs)
	if err != nil {
		return core.Credential{}, p.failed(conn, err)
	}
	if signsIn(p.cfg.Grant) {
		return p.again(ctx, conn, token, req.Previous)
	}
	cred := p.credential(conn, token)
	if who := req.Inputs[subjectToken].Subject; who != "" && p.cfg.Grant == TokenExchange {
		cred.Subject = who
	}
	return cred, nil
}

// failed returns the error of a token request, or of what goes into it.
func (p *provider) failed(conn *connection, err error) error {
	var e *core.Error
	switch {
	case errors.As(err, &e) && e.Local && !conn.sent:
		return err
	case e != nil && e.Local:
		err = core.Errorf(core.CodeOf(err), "%w", core.Cause(err)) // the server was asked before
	case core.CodeOf(err) != core.Denied:
		p.meta.Store(nil) // the endpoint may have moved
	}
	return conn.meta.explain(err, &p.cfg)
}

// credential makes the credential of a token that conn obtained.
func (p *provider) credential(conn *connection, token grant.Token) core.Credential {
	cred := core.Credential{
		Attach:  core.Attachment{Header: map[string]core.Secret{"Authorization": token.Header()}},
		Renewal: renewal{token.Refresh, conn.key.Secret()}.seal(),
		Expiry:  token.Expiry,
		Subject: p.cfg.ClientID,
	}
	if p.cfg.Grant == JWTBearer && !p.cfg.Assertion.given() {
		cred.Subject = p.cfg.assertionSubject()
	}
	attach.Address(&cred, p.cfg.BaseURL)
	p.cfg.present(&cred, conn.own)
	return cred
}

// token makes the request that the grant and an earlier refresh token ask for.
func (p *provider) token(ctx context.Context, conn *connection, refresh core.Secret, inputs map[string]core.Credential) (grant.Token, error) {
	conn.sent = conn.sent || !refresh.IsZero()
	if signsIn(p.cfg.Grant) {
		return p.renewSignIn(ctx, conn, refresh)
	}
	if p.cfg.Grant == RefreshToken {
		if own := p.cfg.RefreshToken; !refresh.IsZero() && !refresh.Equal(own) {
			token, err := conn.client.Refresh(ctx, refresh)
			if !grant.ErrorCode(err, "invalid_grant") {
				return token, err
			} // somebody may have put another into the settings since
		}
		return conn.client.Refresh(ctx, p.cfg.RefreshToken)
	}
	if !refresh.IsZero() {
		again := *conn.client
		again.Scopes = nil // those that were granted, which may be fewer (RFC 6749 §6)
		token, err := again.Refresh(ctx, refresh)
		// A spent refresh token is refused in many ways; a refused client
		// would be refused again.
		if err == nil || core.CodeOf(err) == core.Unavailable || grant.ErrorCode(err, "invalid_client") {
			return token, err
		}
	}
	switch p.cfg.Grant {
	case JWTBearer:
		return p.jwtBearer(ctx, conn)
	case TokenExchange:
		return p.tokenExchange(ctx, conn, inputs)
	}
	return conn.client.ClientCredentials(ctx)
}

// connection is the client of the authorization server for one call of the
// provider.
type connection struct {
	client *grant.Client // with the token endpoint
	own    certs.Bundle  // what the client shows in TLS
	meta   *metadata     // what the server says about itself; without an issuer, what the settings say
	key    *dpop.Key     // what the tokens are bound to; nil: nothing (see bind)
	req    core.Request  // what the session asks, for core.Retry
	sent   bool          // something was sent in this call of the provider
}

// connect makes the client of the authorization server for one request of the
// session, with certificates and keys as they are in their files now, and then
// discovers the server's endpoints unless they are known.
func (p *provider) connect(ctx context.Context, req core.Request) (*connection, error) {
	web, own, err := p.cfg.web(ctx, req)
	if err != nil {
		return nil, err
	}
	signer, err := p.cfg.assertionSigner()
	if err != nil {
		return nil, err
	}
	conn := &connection{own: own, req: req, sent: p.cfg.Issuer != "" && p.meta.Load() == nil}
	meta, err := p.endpoints(ctx, conn, web)
	if err != nil {
		return nil, err
	}
	c := &grant.Client{
		TokenURL: meta.TokenEndpoint, ID: p.cfg.ClientID, Auth: p.cfg.auth(meta, signer), Scopes: p.cfg.Scopes,
		Params: url.Values{}, HTTP: web, MayRetry: req.MayRetry,
	}
	for name, value := range p.cfg.Params {
		c.Params.Set(name, value.Reveal())
		c.Secrets = append(c.Secrets, value)
	}
	if p.cfg.Audience != "" {
		c.Params.Set("audience", p.cfg.Audience)
	}
	if len(p.cfg.Resource) > 0 {
		c.Params["resource"] = p.cfg.Resource
	}
	conn.client, conn.meta = c, meta
	return conn, nil
}

// endpoints returns where the server's endpoints are: those of the settings,
// and for the rest what the issuer says.
func (p *provider) endpoints(ctx context.Context, conn *connection, web *http.Client) (*metadata, error) {
	m := metadata{TokenEndpoint: p.cfg.TokenURL}
	if p.cfg.Issuer != "" {
		said, err := p.metadata(ctx, conn.req, web)
		if err != nil {
			return nil, err
		}
		m = said.seenBy(&p.cfg.ClientSettings)
	}
	if p.cfg.RevocationURL != "" {
		m.RevocationEndpoint = p.cfg.RevocationURL
	}
	p.cfg.SignInSettings.override(&m)
	return &m, nil
}

// Revoke ends the tokens of c at the server (RFC 7009): the refresh token that
// came with it, and the access token. With the grant refresh_token it does
// nothing, as the token in the settings could end with them.
func (p *provider) Revoke(ctx context.Context, c core.Credential) error {
	if p.cfg.Grant == RefreshToken || p.cfg.RevocationURL == "" && p.cfg.Issuer == "" {
		return errors.ErrUnsupported
	}
	conn, err := p.connect(ctx, core.Request{Reason: core.Expiring})
	if err != nil {
		return err
	}
	endpoint := conn.meta.RevocationEndpoint
	if endpoint == "" {
		return errors.ErrUnsupported
	}
	_, text, _ := strings.Cut(c.Attach.Header["Authorization"].Reveal(), " ")
	access := core.NewSecret(text)
	var first error
	for _, t := range []struct {
		token core.Secret
		hint  string
	}{{unseal(c.Renewal).Refresh, "refresh_token"}, {access, "access_token"}} {
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
