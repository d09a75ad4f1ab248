package oauth2

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/attach"
	"github.com/authsession/authsession/providers/internal/grant"
)

// provider holds the settings and, once discovered, what the server says about
// itself; no token.
type provider struct {
	cfg  Config
	meta atomic.Pointer[metadata]
}

// Authenticate asks the token endpoint for an access token.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	client, err := p.client(ctx, req.Reason != core.Initial)
	if err != nil {
		return core.Credential{}, err
	}
	if p.cfg.Issuer != "" {
		meta, err := p.metadata(ctx, client.HTTP)
		if err != nil {
			return core.Credential{}, err
		}
		client.TokenURL = meta.TokenEndpoint
	}
	token, err := p.token(ctx, client, req.Previous.Renewal)
	if err != nil {
		if core.CodeOf(err) != core.Denied {
			p.meta.Store(nil) // the endpoint may have moved
		}
		return core.Credential{}, err
	}
	cred := core.Credential{
		Attach:  core.Attachment{Header: map[string]core.Secret{"Authorization": token.Header()}},
		Renewal: token.Refresh,
		Expiry:  token.Expiry,
		Subject: p.cfg.ClientID,
	}
	attach.Address(&cred, p.cfg.BaseURL)
	return cred, nil
}

// token makes the request that the grant and an earlier refresh token ask for.
func (p *provider) token(ctx context.Context, client *grant.Client, renewal core.Secret) (grant.Token, error) {
	if p.cfg.Grant == RefreshToken {
		if renewal.IsZero() {
			renewal = p.cfg.RefreshToken
		}
		return client.Refresh(ctx, renewal)
	}
	if !renewal.IsZero() {
		again := *client
		again.Scopes = nil // those that were granted, which may be fewer (RFC 6749 §6)
		token, err := again.Refresh(ctx, renewal)
		// A spent refresh token is refused in many ways; a refused client
		// would be refused again.
		if err == nil || core.CodeOf(err) == core.Unavailable || grant.ErrorCode(err, "invalid_client") {
			return token, err
		}
	}
	return client.ClientCredentials(ctx)
}

// client makes the client of the authorization server, with certificates as
// they are in their files now. With rotating, those were good before.
func (p *provider) client(ctx context.Context, rotating bool) (*grant.Client, error) {
	web, err := p.web(ctx, rotating)
	if err != nil {
		return nil, err
	}
	c := &grant.Client{
		TokenURL: p.cfg.TokenURL, ID: p.cfg.ClientID, Secret: p.cfg.ClientSecret, Style: grant.Style(p.cfg.ClientAuth),
		Scopes: p.cfg.Scopes, Params: url.Values{}, HTTP: web,
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
	return c, nil
}

// web returns the HTTP client for requests to the authorization server. It
// keeps no connection and is thrown away afterwards.
func (p *provider) web(ctx context.Context, rotating bool) (*http.Client, error) {
	opts := core.HTTPOptions{AllowHTTP: p.cfg.AllowHTTP}
	if !p.cfg.TLS.IsZero() {
		var err error
		if opts.TLS, err = p.cfg.TLS.TLSConfig(ctx, rotating); err != nil {
			return nil, err
		}
		if own := opts.TLS.Certificates; len(own) > 0 {
			// Certificates alone are held back from a server whose list of
			// authorities lacks the issuer, as it does for self-signed ones.
			opts.TLS.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &own[0], nil }
		}
	}
	return core.NewHTTPClient(&opts), nil
}

// Revoke ends the tokens of c at the server (RFC 7009): the refresh token that
// came with it, and the access token. With the grant refresh_token it does
// nothing, as the token in the settings could end with them.
func (p *provider) Revoke(ctx context.Context, c core.Credential) error {
	if p.cfg.Grant == RefreshToken || p.cfg.RevocationURL == "" && p.cfg.Issuer == "" {
		return errors.ErrUnsupported
	}
	client, err := p.client(ctx, true)
	if err != nil {
		return err
	}
	endpoint := p.cfg.RevocationURL
	if endpoint == "" {
		meta, err := p.metadata(ctx, client.HTTP)
		if err != nil {
			return err
		}
		if endpoint = meta.RevocationEndpoint; endpoint == "" {
			return errors.ErrUnsupported
		}
	}
	access := core.NewSecret(strings.TrimPrefix(c.Attach.Header["Authorization"].Reveal(), "Bearer "))
	var first error
	for _, t := range []struct {
		token core.Secret
		hint  string
	}{{c.Renewal, "refresh_token"}, {access, "access_token"}} {
		if t.token.IsZero() {
			continue
		}
		err := client.Revoke(ctx, endpoint, t.token, t.hint)
		if err != nil && !errors.Is(err, errors.ErrUnsupported) && first == nil {
			first = err
		}
	}
	return first
}
