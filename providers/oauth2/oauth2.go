// Package oauth2 is the provider for APIs that take OAuth 2.0 bearer tokens
// (RFC 6749, RFC 6750). It asks the token endpoint in the name of the program
// itself (client credentials), signs a person in, or trades what is there
// already: a refresh token, a signed assertion or somebody else's token:
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
// The token endpoint is named or discovered (RFC 8414, OpenID Connect
// Discovery). A refresh token that the server gives is used to renew, and tokens
// are revoked at the end where the server can (RFC 7009).
//
// [TokenSource] and [FromTokenSource] connect sessions with programs and
// libraries that use golang.org/x/oauth2.
//
// Read on in provider.go.
package oauth2

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/attach"
	"github.com/authsession/authsession/providers/internal/grant"
)

// The values of [Config.Grant].
const (
	ClientCredentials = "client_credentials" // RFC 6749 §4.4
	RefreshToken      = "refresh_token"      // RFC 6749 §6
	JWTBearer         = "jwt_bearer"         // RFC 7523 §2.1: a signed assertion
	TokenExchange     = "token_exchange"     // RFC 8693: a token that somebody else obtained
	AuthorizationCode = "authorization_code" // RFC 6749 §4.1: a person signs in, in the browser of this machine
	DeviceCode        = "device_code"        // RFC 8628: a person signs in, on any device
)

var grants = []string{ClientCredentials, AuthorizationCode, DeviceCode, RefreshToken, JWTBearer, TokenExchange}

// Config is the settings, in groups that are one flat list in configuration.
// docs/providers/oauth2.md explains them.
type Config struct {
	Grant         string                 `json:"grant" default:"client_credentials" enum:"client_credentials,authorization_code,device_code,refresh_token,jwt_bearer,token_exchange" identity:"true" doc:"How tokens are obtained."`
	Issuer        string                 `json:"issuer" identity:"true" doc:"The authorization server, as https://login.example.com; its endpoints are discovered (RFC 8414, OpenID Connect)."`
	TokenURL      string                 `json:"token_url" identity:"true" doc:"The token endpoint, in the place of issuer."`
	RevocationURL string                 `json:"revocation_url" doc:"Where tokens are revoked when the session is closed (RFC 7009). Default: what the issuer names, if it does."`
	Scopes        []string               `json:"scopes" identity:"true" doc:"The scopes to ask for. Default: what the server gives."`
	Audience      string                 `json:"audience" identity:"true" doc:"The parameter audience, which some servers want."`
	Resource      []string               `json:"resource" identity:"true" doc:"The APIs that the token is for, as absolute URIs (RFC 8707)."`
	Params        map[string]core.Secret `json:"params" doc:"Further parameters of the token request. They cannot replace those of the grant."`
	RefreshToken  core.Secret            `json:"refresh_token" doc:"The refresh token to begin with. Needed by, and only for, the grant refresh_token."`
	BaseURL       string                 `json:"base_url" identity:"true" doc:"The address of the API, for its client (attribute base_url). The token is then sent to its origin only."`
	AllowHTTP     bool                   `json:"allow_http" doc:"Allows an authorization server over plain HTTP that is not on the loopback."`

	ClientSettings
	ExchangeSettings
	DPoPSettings
	SignInSettings
}

// Factory makes providers of the kind "oauth2".
var Factory = core.NewFactory(
	core.Info{Kind: "oauth2", Summary: "OAuth 2.0 tokens: client credentials, sign-in, refresh token, assertion or token exchange."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.BadConfig].
// An empty Grant is client_credentials. The provider is safe for concurrent
// use; nothing is sent.
func New(cfg Config) (core.Provider, error) {
	if err := attach.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	cfg.Scopes, cfg.Resource, cfg.Params = slices.Clone(cfg.Scopes), slices.Clone(cfg.Resource), maps.Clone(cfg.Params)
	cfg.AuthorizationParams = maps.Clone(cfg.AuthorizationParams)
	cfg.Assertion.Claims, _ = revealed(cfg.Assertion.Claims).(map[string]any)
	p := &provider{cfg: cfg}
	switch {
	case cfg.DPoP && signsIn(cfg.Grant):
		return &boundInteractive{bound{provider: p}}, nil
	case cfg.DPoP:
		return &bound{provider: p}, nil
	case signsIn(cfg.Grant):
		return interactive{p}, nil
	}
	return p, nil
}

// Validate reports, as core faults, what the types of the settings cannot say.
func (c *Config) Validate(core.Environment) error {
	return errors.Join(c.validateServer(), c.validateGrant(), c.ClientSettings.validate(c), c.ExchangeSettings.validate(c), c.DPoPSettings.validate(), c.SignInSettings.validate(c), c.validateParams())
}

func (c *Config) validateServer() error {
	var faults []error
	switch {
	case c.Issuer == "" && c.TokenURL == "":
		faults = append(faults, core.Faultf("token_url", "missing; give issuer or token_url"))
	case c.Issuer != "" && c.TokenURL != "":
		faults = append(faults, core.Faultf("token_url", "give either issuer or token_url"))
	}
	for _, setting := range []struct{ name, value string }{
		{"issuer", c.Issuer}, {"token_url", c.TokenURL}, {"revocation_url", c.RevocationURL},
	} {
		if setting.value == "" {
			continue
		}
		if err := checkURL(setting.value, c.AllowHTTP); err != nil {
			faults = append(faults, core.Faultf(setting.name, "%v", err))
		}
	}
	if strings.Contains(c.Issuer, "?") {
		faults = append(faults, core.Faultf("issuer", "must not have a query (RFC 8414 §2)"))
	}
	if err := attach.Base(c.BaseURL); err != nil {
		faults = append(faults, core.Faultf("base_url", "%v", err))
	}
	return errors.Join(faults...)
}

func (c *Config) validateGrant() error {
	var faults []error
	if c.Grant != "" && !slices.Contains(grants, c.Grant) {
		faults = append(faults, core.Faultf("grant", "want one of %s", strings.Join(grants, ", ")))
	}
	switch {
	case c.Grant == RefreshToken && c.RefreshToken.IsZero():
		faults = append(faults, core.Faultf("refresh_token", "missing; the grant %s needs it", RefreshToken))
	case c.Grant != RefreshToken && !c.RefreshToken.IsZero():
		faults = append(faults, core.Faultf("refresh_token", "is for the grant %s", RefreshToken))
	}
	return errors.Join(faults...)
}

func (c *Config) validateParams() error {
	var faults []error
	for i, scope := range c.Scopes {
		if scope == "" || strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' }) {
			faults = append(faults, core.Faultf("scopes", "number %d is not a scope (RFC 6749 §3.3); list several one by one", i+1))
		}
	}
	for i, resource := range c.Resource {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || u.Fragment != "" {
			faults = append(faults, core.Faultf("resource", "number %d is not an absolute URI without a fragment (RFC 8707 §2)", i+1))
		}
	}
	for name := range c.Params {
		switch {
		case grant.Reserved(name):
			faults = append(faults, core.Fault{Path: []string{"params", name}, Problem: "belongs to the grant; there is a setting for it"})
		case name == "":
			faults = append(faults, core.Faultf("params", "a parameter has no name"))
		case name == "audience" && c.Audience != "" || name == "resource" && len(c.Resource) > 0:
			faults = append(faults, core.Fault{Path: []string{"params", name}, Problem: "is given as a setting, too"})
		}
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// checkURL reports what is wrong with an address of the authorization server.
// The text fits behind its name.
func checkURL(s string, allowHTTP bool) error {
	if err := grant.CheckURL(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "https" || allowHTTP || isLoopback(u.Hostname()) {
		return err
	}
	return errors.New("is not https")
}

// isLoopback reports whether host names this machine (RFC 6761 §6.3).
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
