package oauth2

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/coreos/go-oidc/v3/oidc"
)

// SignInSettings are the settings of the grants that a person takes part in.
type SignInSettings struct {
	AuthorizationURL       string            `json:"authorization_url" doc:"Where the person signs in, for authorization_code without issuer (RFC 6749 §3.1)."`
	DeviceAuthorizationURL string            `json:"device_authorization_url" doc:"Where codes for another device are given out, for device_code without issuer (RFC 8628 §3.1)."`
	PushedAuthorizationURL string            `json:"pushed_authorization_url" doc:"Where the request is sent ahead of the person (RFC 9126). Default: what the issuer names, if it does."`
	JWKSURL                string            `json:"jwks_url" doc:"The keys that ID tokens are signed with. Default: what the issuer names."`
	Redirect               Redirect          `json:"redirect" doc:"Where the browser comes back to, on this machine (RFC 8252 §7.3). The server must know it."`
	AuthorizationParams    map[string]string `json:"authorization_params" identity:"true" doc:"Further parameters of the person's request, such as prompt or login_hint."`
}

// Redirect is the address on the loopback that the browser is sent back to.
type Redirect struct {
	Port int    `json:"port" doc:"0: any port that is free."`
	Path string `json:"path" default:"/" doc:"The path, to the letter as the server knows it."`
	Host string `json:"host" default:"127.0.0.1" enum:"127.0.0.1,localhost,::1" doc:"The host, as the server knows it."`
}

// signsIn reports whether a person takes part in a grant.
func signsIn(grant string) bool { return grant == AuthorizationCode || grant == DeviceCode }

func (c *SignInSettings) validate(whole *Config) error {
	var faults []error
	for _, s := range []struct {
		name, value string
		grants      []string
	}{
		{"authorization_url", c.AuthorizationURL, []string{AuthorizationCode}},
		{"device_authorization_url", c.DeviceAuthorizationURL, []string{DeviceCode}},
		{"pushed_authorization_url", c.PushedAuthorizationURL, []string{AuthorizationCode}},
		{"jwks_url", c.JWKSURL, []string{AuthorizationCode, DeviceCode}},
	} {
		if s.value == "" {
			continue
		}
		if !slices.Contains(s.grants, whole.Grant) {
			faults = append(faults, core.Faultf(s.name, "is for the grant %s", strings.Join(s.grants, " or ")))
		}
		if err := checkURL(s.value, whole.AllowHTTP); err != nil {
			faults = append(faults, core.Faultf(s.name, "%v", err))
		}
	}
	switch {
	case whole.Issuer != "":
	case whole.Grant == AuthorizationCode && c.AuthorizationURL == "":
		faults = append(faults, core.Faultf("authorization_url", "missing; give issuer or authorization_url"))
	case whole.Grant == DeviceCode && c.DeviceAuthorizationURL == "":
		faults = append(faults, core.Faultf("device_authorization_url", "missing; give issuer or device_authorization_url"))
	}
	if c.JWKSURL != "" && whole.Issuer == "" {
		faults = append(faults, core.Faultf("jwks_url", "needs issuer, which an ID token must name"))
	}
	return errors.Join(append(faults, c.Redirect.validate(), c.validateParams(whole.Grant))...)
}

func (r Redirect) validate() error {
	var faults []error
	if r.Port < 0 || r.Port > 65535 {
		faults = append(faults, core.Faultf("redirect.port", "want 0 to 65535"))
	}
	if u, err := url.Parse(r.Path); r.Path != "" && (err != nil || r.Path[0] != '/' || u.Path != r.Path || u.Host != "" || strings.ContainsFunc(r.Path, func(c rune) bool { return c <= ' ' || c > '~' })) {
		faults = append(faults, core.Faultf("redirect.path", "is not a plain path, such as /callback"))
	}
	if !slices.Contains([]string{"", "127.0.0.1", "localhost", "::1"}, r.Host) {
		faults = append(faults, core.Faultf("redirect.host", "want 127.0.0.1, localhost or ::1"))
	}
	return errors.Join(faults...)
}

// ours are the parameters of an authorization request that we make.
var ours = []string{
	"response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge", "code_challenge_method",
	"request", "request_uri", "resource", "audience", "dpop_jkt",
}

func (c *SignInSettings) validateParams(chosen string) error {
	var faults []error
	if len(c.AuthorizationParams) > 0 && !signsIn(chosen) {
		faults = append(faults, core.Faultf("authorization_params", "is for the grants %s and %s", AuthorizationCode, DeviceCode))
	}
	for _, name := range slices.Sorted(maps.Keys(c.AuthorizationParams)) {
		switch {
		case name == "":
			faults = append(faults, core.Faultf("authorization_params", "a parameter has no name"))
		case slices.Contains(ours, name) || grant.Reserved(name):
			faults = append(faults, core.Fault{Path: []string{"authorization_params", name}, Problem: "belongs to the grant; there is a setting for it if it can be chosen"})
		}
	}
	return errors.Join(faults...)
}

// override puts the settings in the place of what the server says.
func (c *SignInSettings) override(m *metadata) {
	for _, e := range []struct {
		setting string
		into    *string
	}{
		{c.AuthorizationURL, &m.AuthorizationEndpoint},
		{c.DeviceAuthorizationURL, &m.DeviceEndpoint},
		{c.PushedAuthorizationURL, &m.PushedEndpoint},
		{c.JWKSURL, &m.JWKSURI},
	} {
		if e.setting != "" {
			*e.into = e.setting
		}
	}
}

// usable reports, as an error, what is wrong with an endpoint that the server
// names. setting is its name without _url.
func (p *provider) usable(setting, endpoint string) error {
	if endpoint == "" {
		return core.Errorf(core.BadConfig, "issuer %.200q names no %s endpoint: it does not have the grant, or give %s_url", p.cfg.Issuer, setting, setting)
	}
	if err := checkURL(endpoint, p.cfg.AllowHTTP); err != nil {
		return core.Errorf(core.BadConfig, "the %s endpoint of issuer %.200q %w", setting, p.cfg.Issuer, err)
	}
	return nil
}

// interactive is a provider that signs people in.
type interactive struct{ *provider }

// SignIn implements [core.SignIn].
func (i interactive) SignIn(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	return i.provider.signIn(ctx, req, ui)
}

// boundInteractive is a provider that signs people in, for bound tokens.
type boundInteractive struct{ bound }

// SignIn implements [core.SignIn].
func (b *boundInteractive) SignIn(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	return interactive{b.provider}.SignIn(ctx, req, ui)
}

func (p *provider) signIn(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	if ctx.Err() != nil {
		return core.Credential{}, core.Errorf(core.Unavailable, "the sign-in did not begin: %w", context.Cause(ctx))
	}
	if p.cfg.Grant == DeviceCode {
		return p.delegate(ctx, req, ui)
	}
	return p.browse(ctx, req, ui)
}

// renewSignIn trades the refresh token of a sign-in. Without one, and with one
// that the server no longer takes, a person must sign in.
func (p *provider) renewSignIn(ctx context.Context, conn *connection, refresh core.Secret) (grant.Token, error) {
	if refresh.IsZero() {
		return grant.Token{}, errSignIn
	}
	again := *conn.client
	again.Scopes = nil // those that were granted, which may be fewer (RFC 6749 §6)
	token, err := again.Refresh(ctx, refresh)
	// A spent refresh token is refused in many ways; a refused client would be
	// refused again.
	spent := core.CodeOf(err) == core.Denied && !grant.ErrorCode(err, "invalid_client") || grant.ErrorCode(err, "invalid_request")
	if err != nil && spent {
		return token, core.Errorf(core.Interactive, "the sign-in has ended, a person must sign in again: %w", errors.Unwrap(err))
	}
	return token, err
}

var errSignIn = core.Errorf(core.Interactive, "a person must sign in")

// openID reports whether an ID token is asked for.
func (p *provider) openID() bool { return slices.Contains(p.cfg.Scopes, oidc.ScopeOpenID) }

// serverName names the server for a person.
func (p *provider) serverName() string {
	for _, address := range []string{p.cfg.Issuer, p.cfg.AuthorizationURL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return u.Host
		}
	}
	return ""
}

// welcome makes the credential of a sign-in.
func (p *provider) welcome(ctx context.Context, conn *connection, token grant.Token, nonce string) (core.Credential, error) {
	cred := p.credential(conn, token)
	cred.Subject = "" // a person, not the client; unknown without an ID token
	if token.ID.IsZero() || conn.meta.Issuer == "" {
		return cred, nil
	}
	who, err := p.identify(ctx, conn, token, expected{nonce: nonce})
	if err != nil {
		return core.Credential{}, err
	}
	who.sign(&cred)
	return cred, nil
}

// again makes the credential of a renewal: for the same person. An ID token is
// not needed for that, so that a server without its keys costs no sign-in: the
// refresh token has been exchanged by now.
func (p *provider) again(ctx context.Context, conn *connection, token grant.Token, previous core.Credential) (core.Credential, error) {
	cred := p.credential(conn, token)
	person{previous.Subject, previous.Attributes}.sign(&cred)
	if token.ID.IsZero() || conn.meta.Issuer == "" {
		return cred, nil
	}
	who, err := p.identify(ctx, conn, token, expected{subject: previous.Subject})
	switch {
	case core.CodeOf(err) == core.Unavailable:
		return cred, nil
	case err != nil:
		return core.Credential{}, err
	}
	who.sign(&cred)
	return cred, nil
}
