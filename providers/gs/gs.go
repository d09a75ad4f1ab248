// Package gs authenticates to the Goldman Sachs Marquee APIs and calls them, as
// the Sessions guide of GS Quant describes it: a session is created, sends its
// client credentials once, and every request uses the token that came back.
//
//	s, err := gs.Use(ctx, gs.Prod, gs.Config{
//		ClientID:     "my-app",
//		ClientSecret: core.NewSecret(secret),
//	}, nil)
//	if err != nil {
//		return err
//	}
//	defer s.Close(ctx)
//	var user map[string]any
//	err = s.Get(ctx, "/users/self", &user, nil)
//
// The package has two halves. [Factory] is the provider: OAuth 2.0 client
// credentials, or a token or cookies that were obtained elsewhere. [Session]
// is the facade: a typed REST client over any [core.Session] whose provider is
// this one, also one that a registry made from a config file ([From]).
//
// It is no model of the APIs' content: paths and payloads are the caller's.
//
// The provider is in this file, its settings in config.go; the facade begins
// in session.go.
package gs

import (
	"context"
	"crypto/tls"
	"maps"
	"runtime/debug"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/grant"
)

// kind is the provider's name in a config file.
const kind = "gs"

// Factory makes providers of the kind "gs", whose settings are [Config]. Its
// environments are [Dev], [QA] and [Prod].
var Factory = core.NewFactory(core.Info{
	Kind:         kind,
	Summary:      "Goldman Sachs Marquee: client credentials, or a token or cookies of one's own",
	Environments: []core.Environment{Dev, QA, Prod},
	Facade:       true,
}, open)

// The attributes of a credential that the facade reads.
const (
	attrBaseURL     = "base_url"    // the session's domain
	attrAPIVersion  = "api_version" // such as "v1"
	attrEnvironment = "environment"
	attrActivities  = "activities" // "true": announce the session
	attrNoRetry     = "no_retry"   // "true": the caller retries
	attrDomain      = "domain."    // "domain.mds_east": a domain that the session may call
)

// provider is immutable: everything but the token is known when it is opened.
type provider struct {
	grant *grant.Client   // without HTTP, which each call makes; nil: pass-through
	tls   *tls.Config     // for the requests of grant
	cred  core.Credential // the whole credential, or all but the token
}

// open makes a provider. It reads the file that the setting ca_file names, if it
// names one, and sends nothing.
func open(ctx context.Context, env core.Environment, cfg Config) (core.Provider, error) {
	cfg = cfg.withDefaults()
	at := cfg.site(env)
	bundle, err := cfg.roots().Load(ctx, false)
	if err != nil {
		return nil, err
	}
	config, err := bundle.TLSConfig()
	if err != nil {
		return nil, err
	}
	p := &provider{tls: config, cred: core.Credential{
		Attach:     core.Attachment{Header: cfg.identity(), Roots: bundle.Roots},
		Origins:    at.origins(),
		Attributes: cfg.attributes(env, at),
	}}
	switch {
	case cfg.ClientID != "":
		p.cred.Subject = cfg.ClientID
		p.grant = &grant.Client{
			TokenURL: at.tokenURL, ID: cfg.ClientID, Auth: grant.Post(cfg.ClientSecret), Scopes: cfg.scopes(),
			Header: map[string][]string{"X-Application": {cfg.Application}, "X-Version": {cfg.Version}},
		}
	case !cfg.Token.IsZero():
		p.cred.Attach.Header["Authorization"] = bearer(cfg.Token)
	case !cfg.GSSSO.IsZero():
		p.cred.Attach.Cookie = map[string]core.Secret{"GSSSO": cfg.GSSSO, "MARQUEE-CSRF-TOKEN": cfg.CSRFToken}
		p.cred.Attach.Header["X-Marquee-Csrf-Token"] = cfg.CSRFToken
	case isJWT(cfg.MarqueeLogin.Reveal()):
		p.cred.Attach.Header["Authorization"] = bearer(cfg.MarqueeLogin)
	default:
		p.cred.Attach.Cookie = map[string]core.Secret{"MarqueeLogin": cfg.MarqueeLogin}
	}
	return p, nil
}

// Authenticate implements [core.Provider]. Pass-through returns what it was
// given, also after a refusal: there is nothing else to return.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.Unavailable, "the caller did not wait: %w", context.Cause(ctx))
	}
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

// isJWT reports whether s looks like a signed JSON Web Token (RFC 7519 §3.1):
// three parts, the first of which begins a JSON object.
func isJWT(s string) bool { return strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2 }

// moduleVersion is what X-Version says unless the settings do.
func moduleVersion() string {
	const path = "github.com/authsession/authsession"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == path && strings.HasPrefix(m.Version, "v") {
				return m.Version[1:]
			}
		}
	}
	return "devel"
}
