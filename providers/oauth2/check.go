// The checks of the settings.
//
// Read on in refusal.go.

package oauth2

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Validate reports, as core faults, what is wrong with the settings beyond their types. It reads no
// file and sends nothing. The environment does not matter.
func (c *Config) Validate(core.Environment) error {
	return errors.Join(
		c.checkServer(), c.checkGrant(), c.checkClient(), c.checkTokenTypes(), c.checkDPoP(),
		c.checkSignIn(), c.checkRedirect(), c.checkAuthorizationParams(),
		c.checkParams(), c.checkTarget(), c.checkPeculiarities(), c.checkSent(),
	)
}

func (c *Config) checkServer() error {
	var faults []error
	switch {
	case c.Issuer == "" && c.TokenURL == "":
		faults = append(faults, core.Faultf("token_url", "missing; give issuer or token_url"))
	}
	faults = append(faults, c.checkURLs(map[string]string{
		"issuer": c.Issuer, "token_url": c.TokenURL, "revocation_url": c.RevocationURL,
	}))
	if strings.Contains(c.Issuer, "?") {
		faults = append(faults, core.Faultf("issuer", "must not have a query (RFC 8414 §2)"))
	}
	if err := baseurl.Check(c.BaseURL); err != nil {
		faults = append(faults, core.Faultf("base_url", "%v", err))
	}
	return errors.Join(faults...)
}

// checkURLs checks the URLs of the authorization server that are set. urls maps settings to values.
func (c *Config) checkURLs(urls map[string]string) error {
	var faults []error
	maps.DeleteFunc(urls, func(_, url string) bool { return url == "" })
	for _, setting := range sorted.Keys(urls) {
		if err := checkURL(urls[setting], c.AllowHTTP); err != nil {
			faults = append(faults, core.Faultf(setting, "%v", err))
		}
	}
	return errors.Join(faults...)
}

// grantSetting is a setting that only some grants use.
type grantSetting struct {
	name  string
	given bool
}

func (c *Config) grantSettings() []grantSetting {
	return []grantSetting{
		{"refresh_token", !c.RefreshToken.IsZero()},
		{"assertion", c.Assertion.exists() || c.Assertion.describesJWT()},
		{"subject_token", !c.SubjectToken.IsZero() || c.SubjectTokenFile != ""},
		{"actor_token", !c.ActorToken.IsZero() || c.ActorTokenFile != ""},
		{"authorization_url", c.AuthorizationURL != ""},
		{"device_authorization_url", c.DeviceAuthorizationURL != ""},
		{"pushed_authorization_url", c.PushedAuthorizationURL != ""},
		{"jwks_url", c.JWKSURL != ""},
		{"grant_type", c.GrantType != ""},
		{"authorization_params", len(c.AuthorizationParams) > 0},
		{"sign_in", c.SignIn != ""},
	}
}

// checkGrant reports what the grant needs and the settings lack, and the settings that are for
// other grants.
func (c *Config) checkGrant() error {
	g := grantNamed(c.Grant)
	if g == nil {
		all := grantNames(func(*grantType) bool { return true })
		return core.Faultf("grant", "want one of %s", strings.Join(all, ", "))
	}
	var faults []error
	if signIn := g.signInAs(c.SignIn); signIn == nil {
		faults = append(faults, core.Faultf("sign_in", "want browser or device"))
	} else if signIn.check != nil {
		faults = append(faults, signIn.check(c))
	}
	for _, setting := range c.grantSettings() {
		if !setting.given || slices.Contains(g.settings, setting.name) {
			continue
		}
		users := grantNames(func(g *grantType) bool { return slices.Contains(g.settings, setting.name) })
		noun := "grant"
		if len(users) > 1 {
			noun = "grants"
		}
		faults = append(faults,
			core.Faultf(setting.name, "is for the %s %s", noun, strings.Join(users, " and ")))
	}
	return errors.Join(faults...)
}

func (c *Config) checkSignIn() error {
	err := c.checkURLs(map[string]string{
		"authorization_url": c.AuthorizationURL, "device_authorization_url": c.DeviceAuthorizationURL,
		"pushed_authorization_url": c.PushedAuthorizationURL, "jwks_url": c.JWKSURL,
	})
	if c.JWKSURL != "" && c.Issuer == "" {
		err = errors.Join(err, core.Faultf("jwks_url", "needs issuer, which an ID token must name"))
	}
	return err
}

// authorizationParams are the parameters of an authorization request that the provider sets.
var authorizationParams = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "resource", "audience",
	"dpop_jkt",
}

func (c *Config) checkAuthorizationParams() error {
	var faults []error
	for _, name := range sorted.Keys(c.AuthorizationParams) {
		switch {
		case name == "":
			faults = append(faults, core.Faultf("authorization_params", "a parameter has no name"))
		case name == "response_mode" && c.AuthorizationParams[name] == "query":
			// the only one that the listener reads, for servers with another default
		case name == "response_mode":
			faults = append(faults, core.Fault{
				Path: []string{"authorization_params", name}, Problem: "want query, which the program reads",
			})
		case slices.Contains(authorizationParams, name) || grant.Reserved(name):
			faults = append(faults, core.Fault{
				Path:    []string{"authorization_params", name},
				Problem: "belongs to the grant; there is a setting for it if it can be chosen",
			})
		}
	}
	return errors.Join(faults...)
}

// checkTarget checks what a token is for.
func (c *Config) checkTarget() error {
	var faults []error
	for i, resource := range c.Resource {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || u.Fragment != "" {
			faults = append(faults, core.Faultf("resource",
				"number %d is not an absolute URI without a fragment (RFC 8707 §2)", i+1))
		}
	}
	for i, scope := range c.Scopes {
		if !grant.IsScope(scope) {
			faults = append(faults, core.Faultf("scopes",
				"number %d is not a scope (RFC 6749 §3.3); list several one by one", i+1))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) checkParams() error {
	var faults []error
	for _, name := range sorted.Keys(c.Params) {
		problem := ""
		switch {
		case name == "":
			faults = append(faults, core.Faultf("params", "a parameter has no name"))
		case grant.Reserved(name):
			problem = "belongs to the grant; there is a setting for it"
		case name == "audience" && c.Audience != "" || name == "resource" && len(c.Resource) > 0:
			problem = "is given as a setting, too"
		}
		if problem != "" {
			faults = append(faults, core.Fault{Path: []string{"params", name}, Problem: problem})
		}
	}
	return errors.Join(faults...)
}

// reservedHeaders are the headers of requests to the authorization server that the provider sets.
var reservedHeaders = []string{"Authorization", "Content-Type", "Content-Length", "Host", "Accept",
	"Dpop", "Connection", "Transfer-Encoding", "Cookie"}

// checkPeculiarities checks the settings for servers that differ from RFC 6749.
func (c *Config) checkPeculiarities() error {
	var faults []error
	if err := c.checkHeaders(); err != nil {
		faults = append(faults, err)
	}
	if err := headers.Text(c.GrantType); c.GrantType != "" && err != nil {
		faults = append(faults, core.Faultf("grant_type", "%v", err))
	}
	switch {
	case c.TokenType != "" && !headers.IsToken(c.TokenType):
		faults = append(faults, core.Faultf("token_type", "is not the name of a type of token"))
	case strings.EqualFold(c.TokenType, "DPoP") || strings.EqualFold(c.TokenType, "N_A"):
		faults = append(faults, core.Faultf("token_type", "names a type that is not Bearer"))
	}
	if c.TokenPath != "" && !members.IsPath(c.TokenPath) {
		faults = append(faults, core.Faultf("token_path", "is not a path, such as authed_user.access_token"))
	}
	if err := c.checkTokenAttributes(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// checkHeaders checks the headers of requests to the authorization server.
func (c *Config) checkHeaders() error {
	var faults []error
	if name := headers.Twice(c.Headers); name != "" {
		faults = append(faults, core.Fault{Path: []string{"headers", name},
			Problem: headers.ErrTwice.Error()})
	}
	for _, name := range sorted.Keys(c.Headers) {
		err := headers.Name(name)
		if slices.Contains(reservedHeaders, http.CanonicalHeaderKey(name)) {
			err = errors.New("belongs to the request")
		}
		if err == nil {
			err = headers.Value(c.Headers[name].Reveal())
		}
		if err != nil {
			faults = append(faults, core.Fault{Path: []string{"headers", name}, Problem: err.Error()})
		}
	}
	return errors.Join(faults...)
}

// checkTokenAttributes checks which members of the answer become attributes.
func (c *Config) checkTokenAttributes() error {
	var faults []error
	for _, name := range sorted.Keys(c.TokenAttributes) {
		problem := ""
		switch path := c.TokenAttributes[name]; {
		case name == "" || name == "base_url":
			problem = "is not a name for an attribute of the answer"
		case !members.IsPath(path):
			problem = "is not a path, such as team.id"
		case isSecretMember(path):
			problem = "names a secret; attributes are shown"
		}
		if problem != "" {
			faults = append(faults, core.Fault{Path: []string{"token_attributes", name}, Problem: problem})
		}
	}
	return errors.Join(faults...)
}

// isSecretMember reports whether a path names a member of a token answer that is a secret.
func isSecretMember(path string) bool {
	name := path[strings.LastIndexByte(path, '.')+1:]
	return slices.Contains([]string{"access_token", "refresh_token", "id_token"}, name)
}

// checkSent checks the ids, secrets and tokens that are sent as they are (RFC 6749 appendix A), and
// the other parameters.
func (c *Config) checkSent() error {
	var faults []error
	check := func(setting, value string, check func(string) error) {
		if value == "" {
			return
		}
		if err := check(value); err != nil {
			path := strings.Split(setting, "\x00") // a parameter's name may have dots
			faults = append(faults, core.Fault{Path: path, Problem: err.Error()})
		}
	}
	check("client_id", c.ClientID, headers.Text)
	check("client_secret", c.ClientSecret.Reveal(), headers.Text)
	check("refresh_token", c.RefreshToken.Reveal(), headers.Token)
	check("subject_token", c.SubjectToken.Reveal(), headers.Token)
	check("actor_token", c.ActorToken.Reveal(), headers.Token)
	check("assertion\x00text", c.Assertion.Text.Reveal(), headers.Token)
	check("client_key\x00id", c.ClientKey.ID, headers.Parameter)
	check("client_assertion\x00audience", c.ClientAssertion.Audience, headers.Parameter)
	check("audience", c.Audience, headers.Parameter)
	for _, name := range sorted.Keys(c.Params) {
		check("params\x00"+name, c.Params[name].Reveal(), headers.Parameter)
	}
	for _, name := range sorted.Keys(c.AuthorizationParams) {
		check("authorization_params\x00"+name, c.AuthorizationParams[name], headers.Parameter)
	}
	return errors.Join(faults...)
}
