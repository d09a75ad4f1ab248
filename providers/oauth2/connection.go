// One call by the session: the client, the endpoints and the keys that it uses.
//
// Read on in dpop.go.

package oauth2

import (
	"context"
	"net/url"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/authsession/authsession/providers/internal/grant"
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
	signer, err := cfg.assertionSigner(ctx)
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
	}
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

// clientWithoutScopes returns the client for a token request that asks for the scopes that were
// granted before, which may be fewer than those of the settings (RFC 6749 §6).
func (conn *connection) clientWithoutScopes() *grant.Client {
	c := *conn.client
	c.Scopes = nil
	return &c
}

// checkEndpoint reports what is wrong with an endpoint that the server names. setting is the name
// of the setting for it, without _url.
func (conn *connection) checkEndpoint(setting, endpoint string) error {
	if endpoint == "" {
		return core.Errorf(core.CodeBadConfig,
			"issuer %.200q names no %s endpoint: it does not have the grant, or give %s_url",
			conn.cfg.Issuer, setting, setting)
	}
	if err := checkURL(endpoint, conn.cfg.AllowHTTP); err != nil {
		return core.Errorf(core.CodeBadConfig, "the %s endpoint of issuer %.200q %w", setting,
			conn.cfg.Issuer, err)
	}
	return nil
}

// credential returns the credential of a token that conn obtained, without a subject.
func (conn *connection) credential(token grant.Token) core.Credential {
	cred := core.Credential{
		Attach:       core.Attachment{Header: map[string]core.Secret{"Authorization": token.Header()}},
		RefreshState: renewal{token.Refresh, conn.key.Secret()}.seal(),
		Expiry:       token.Expiry,
	}
	baseurl.Apply(&cred, conn.cfg.BaseURL)
	conn.cfg.attachCertificate(&cred, conn.bundle)
	return cred
}
