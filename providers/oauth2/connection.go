// One call by the session: the client, the endpoints and the keys that it uses.
//
// Read on in dpop.go.

package oauth2

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/jwtexpiry"
)

// connection is the client of the authorization server for one call of the provider by the session.
// A connection is used by one goroutine.
type connection struct {
	cfg    *Config
	req    core.Request  // the session's request, for providerhttp.Retry
	client *grant.Client // for the server's endpoints
	bundle certs.Bundle  // the certificate that the client presents; zero: none
	meta   *metadata     // the server's endpoints, as the settings or the issuer name them
	key    *dpop.Key     // the key that tokens are bound to; nil: none (see bind)
	// sent reports whether this call has sent a request. An error of a local file that occurs before
	// anything was sent is reported as local (core.Error.Local).
	sent bool
}

// connect returns a connection for req. It reads the files of certificates and keys as they are
// now, and then discovers the server's endpoints unless they are known.
func (d *discovery) connect(ctx context.Context, req core.Request) (*connection, error) {
	cfg := d.cfg
	web, bundle, err := cfg.httpClient(ctx, req)
	if err != nil {
		return nil, err
	}
	signer, err := cfg.assertionSigner()
	if err != nil {
		return nil, err
	}
	given, err := cfg.givenAssertion(req.Inputs)
	if err != nil {
		return nil, err
	}
	conn := &connection{cfg: cfg, req: req, bundle: bundle}
	meta := metadata{TokenEndpoint: cfg.TokenURL}
	if cfg.Issuer != "" {
		conn.sent = d.found.Load() == nil
		published, err := d.metadata(ctx, req, web)
		if err != nil {
			return nil, err
		}
		meta = *published
		if cfg.bindsCertificate() {
			meta = meta.withAliases()
		}
	}
	meta.override(cfg)
	conn.meta = &meta
	conn.client = &grant.Client{
		TokenURL: meta.TokenEndpoint, ID: cfg.ClientID, Auth: cfg.authenticator(&meta, signer),
		Scopes: cfg.Scopes, Params: url.Values{}, HTTP: web, MayRetry: req.MayRetry,
		AuthMethod: cfg.authMethod(),
	}
	if !given.IsZero() {
		conn.client.Auth = sendAssertion(given)
	}
	cfg.adapt(conn.client)
	for name, value := range cfg.Params {
		conn.client.Params.Set(name, value.Reveal())
		conn.client.Secrets = append(conn.client.Secrets, value)
	}
	if cfg.Audience != "" {
		conn.client.Params.Set("audience", cfg.Audience)
	}
	if len(cfg.Resource) > 0 {
		conn.client.Params["resource"] = cfg.Resource
	}
	return conn, nil
}

// adapt applies the settings for servers that differ from RFC 6749 to a client.
func (c *Config) adapt(client *grant.Client) {
	client.TokenPath, client.BearerType, client.GrantType = c.TokenPath, c.TokenType, c.GrantType
	if len(c.Headers) > 0 {
		client.Header = http.Header{}
	}
	for name, value := range c.Headers {
		client.Header.Set(name, value.Reveal())
		client.Secrets = append(client.Secrets, value)
	}
}

// clientWithoutScopes returns the client for a token request that asks for the scopes that were
// granted before, which may be fewer than those of the settings (RFC 6749 §6).
func (conn *connection) clientWithoutScopes() *grant.Client {
	c := *conn.client
	c.Scopes = nil
	return &c
}

// renewToken requests a token with a refresh token. The scopes are left out (RFC 6749 §6), or sent
// if the settings say so. If the server refuses that with invalid_scope, which does not use up the
// refresh token, the request is sent once more in the other way.
func (conn *connection) renewToken(ctx context.Context, refresh core.Secret) (grant.Token, error) {
	first, second := conn.clientWithoutScopes(), conn.client
	if conn.cfg.RefreshScopes {
		first, second = second, first
	}
	token, err := first.Refresh(ctx, refresh)
	if grant.ErrorCode(err, "invalid_scope") && len(conn.cfg.Scopes) > 0 {
		again, againErr := second.Refresh(ctx, refresh)
		if !grant.ErrorCode(againErr, "invalid_scope") {
			return again, againErr
		}
	}
	return token, err
}

// checkEndpoint reports what is wrong with an endpoint that the server names. setting is the name
// of the setting for it, without _url.
func (conn *connection) checkEndpoint(setting, endpoint string) error {
	if endpoint == "" {
		return core.Errorf(core.CodeBadConfig,
			"issuer %.200q names no %s endpoint: it does not have the grant, or give %s_url",
			conn.cfg.Issuer, setting, setting)
	}
	if err := conn.cfg.checkEndpointURL(endpoint); err != nil {
		return core.Errorf(core.CodeBadConfig, "the %s endpoint of issuer %.200q %w", setting,
			conn.cfg.Issuer, err)
	}
	return nil
}

// checkEndpointURL is checkPublished, but for an endpoint that the settings give.
func (c *Config) checkEndpointURL(endpoint string) error {
	if slices.Contains([]string{c.AuthorizationURL, c.DeviceAuthorizationURL, c.PushedAuthorizationURL,
		c.JWKSURL, c.TokenURL, c.RevocationURL}, endpoint) {
		return checkURL(endpoint, c.AllowHTTP)
	}
	return c.checkPublished(endpoint)
}

// credential returns the credential of a token that conn obtained, without a subject.
func (conn *connection) credential(token grant.Token) core.Credential {
	cred := core.Credential{
		Attach:       core.Attachment{Header: map[string]core.Secret{"Authorization": token.Header()}},
		RefreshState: renewal{token.Refresh, conn.key.Secret()}.seal(),
		Expiry:       token.Expiry,
	}
	if conn.cfg.sendsIDToken() {
		cred.Expiry = jwtexpiry.Of(token.Access.Reveal()) // expires_in is about the access token
	}
	baseurl.Apply(&cred, conn.cfg.BaseURL)
	for name, path := range conn.cfg.TokenAttributes {
		if value := token.Fields.At(path); value != "" && isPlainText(value) {
			if cred.Attributes == nil {
				cred.Attributes = map[string]string{}
			}
			cred.Attributes[name] = value
		}
	}
	conn.cfg.attachCertificate(&cred, conn.bundle)
	return cred
}
