// The provider. The facade begins in the next file.
//
// Read on in msgpack.go.

package gs

import (
	"context"
	"crypto/tls"
	"maps"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/grant"
)

// provider does not change: open sets all fields.
type provider struct {
	grant *grant.Client   // without HTTP, which each call sets; nil: cred is complete
	roots certs.Bundle    // of the setting ca_file
	tls   *tls.Config     // for the requests of grant, with roots
	cred  core.Credential // the credential; with grant, all of it except the token and its expiry
}

// open returns a provider. It reads the file of the setting ca_file, if there is one, and sends
// nothing.
func open(ctx context.Context, env core.Environment, cfg Config) (core.Provider, error) {
	cfg = cfg.withDefaults()
	servers := cfg.servers(env)
	bundle, err := cfg.roots().Load(ctx, false)
	if err != nil {
		return nil, err
	}
	config, err := bundle.TLSConfig()
	if err != nil {
		return nil, err
	}
	p := &provider{roots: bundle, tls: config, cred: core.Credential{
		Attach:     core.Attachment{Header: cfg.programHeaders(), Roots: bundle.Roots},
		Origins:    servers.origins(),
		Attributes: cfg.attributes(env, servers),
	}}
	switch {
	case cfg.ClientID != "":
		p.cred.Subject = cfg.ClientID
		p.grant = &grant.Client{
			TokenURL: servers.tokenURL, ID: cfg.ClientID, Auth: grant.Post(cfg.ClientSecret),
			Scopes: cfg.scopes(),
			Header: map[string][]string{"X-Application": {cfg.Application}, "X-Version": {cfg.Version}},
		}
	case !cfg.Token.IsZero():
		p.cred.Attach.Header["Authorization"] = bearer(cfg.Token)
	case !cfg.GSSSO.IsZero():
		p.cred.Attach.Cookie = map[string]core.Secret{"GSSSO": cfg.GSSSO,
			"MARQUEE-CSRF-TOKEN": cfg.CSRFToken}
		p.cred.Attach.Header["X-Marquee-Csrf-Token"] = cfg.CSRFToken
	case isJWT(cfg.MarqueeLogin.Reveal()):
		p.cred.Attach.Header["Authorization"] = bearer(cfg.MarqueeLogin)
	default:
		p.cred.Attach.Cookie = map[string]core.Secret{"MarqueeLogin": cfg.MarqueeLogin}
	}
	return p, nil
}

// Authenticate returns a credential with a new token. A credential that was obtained elsewhere is
// returned unchanged, also after a refusal, as there is no other.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the caller did not wait: %w",
			context.Cause(ctx))
	}
	p.roots.Warn(ctx)
	cred := p.cred
	cred.Attach.Header = maps.Clone(cred.Attach.Header)
	cred.Attach.Cookie = maps.Clone(cred.Attach.Cookie)
	cred.Attributes = maps.Clone(cred.Attributes)
	cred.Origins = append([]string(nil), cred.Origins...)
	if p.grant == nil {
		return cred, nil
	}
	client := *p.grant
	client.MayRetry = req.MayRetry
	client.HTTP = providerhttp.NewClient(&providerhttp.Options{TLS: p.tls, MayRetry: req.MayRetry})
	token, err := client.ClientCredentials(ctx)
	if err != nil {
		return core.Credential{}, err
	}
	cred.Attach.Header["Authorization"] = token.Header()
	cred.Expiry = token.Expiry
	return cred, nil
}

func bearer(token core.Secret) core.Secret { return core.NewSecret("Bearer " + token.Reveal()) }
