// The settings. Struct tags are longer than other lines, as Go cannot divide them.
//
// Read on in check.go.

package gs

import (
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
)

// Config is the settings of a gs session. There are four ways to authenticate, of which exactly one
// is set: ClientID and ClientSecret, Token, GSSSO and CSRFToken, or MarqueeLogin. The zero value of
// every other field is the recommended one.
type Config struct {
	ClientID     string      `json:"client_id" identity:"true" doc:"The application's id."`
	ClientSecret core.Secret `json:"client_secret" doc:"The application's secret."`
	// Scopes are requested besides the default scopes, such as "run_analytics".
	Scopes []string `json:"scopes" identity:"true" doc:"Scopes to ask for besides the default ones."`
	// DefaultScopes says whether DefaultScopes() are requested. Nil: yes.
	DefaultScopes *bool `json:"default_scopes" default:"true" identity:"true" doc:"false: ask for the given scopes alone."`

	Token core.Secret `json:"token" doc:"A bearer token obtained elsewhere, sent as it is."`
	GSSSO core.Secret `json:"gssso" doc:"The value of a GSSSO cookie; needs csrf_token."`

	CSRFToken core.Secret `json:"csrf_token" doc:"The cookie MARQUEE-CSRF-TOKEN that belongs to gssso."`

	MarqueeLogin core.Secret `json:"marquee_login" doc:"A MarqueeLogin cookie. A JWT is sent as a bearer token."`

	// Application and Version name the program to the API (X-Application,
	// X-Version). Empty: "authsession" and the version of this module.
	Application string `json:"application" default:"authsession" doc:"The program's name (X-Application)."`

	Version string `json:"version" doc:"The program's version (X-Version). Default: authsession's."`

	// APIVersion is the first part of every path. Empty: "v1".
	APIVersion string `json:"api_version" default:"v1" identity:"true" doc:"The first part of all paths."`

	// Domain is the domain of calls that name none. Empty: App.
	Domain Domain `json:"domain" default:"app" enum:"app,mds_east,mds_web,marquee_web" identity:"true" doc:"The domain."`

	// APIURL and TokenURL replace the environment's servers. The origin of APIURL is then the
	// session's only origin. Empty: the environment's servers.
	APIURL string `json:"api_url" identity:"true" doc:"Another API in place of the domains (https, or the loopback)."`

	TokenURL string `json:"token_url" identity:"true" doc:"Its token endpoint; both are needed for client credentials."`

	// CAFile, or CA as text, has the PEM certificates of the roots that verify the servers. Empty: the
	// system's roots.
	CAFile string      `json:"ca_file" doc:"PEM file with the servers' roots. Default: the system's."`
	CA     core.Secret `json:"ca" doc:"The same as text, in place of ca_file."`

	// Activities announces the program to the API (a POST to /activities) after Init, Use and Do of
	// this package have authenticated.
	Activities bool `json:"activities" doc:"Announce the program to the API after authentication."`
	// NoRetry returns the first failure of an idempotent call, without a second attempt.
	NoRetry bool `json:"no_retry" doc:"Do not repeat calls after 429, 5xx and connection errors."`
}

// Scopes that an application can be allowed.
const (
	ReadContent         = "read_content"
	ReadFinancialData   = "read_financial_data"
	ReadProductData     = "read_product_data"
	ReadUserProfile     = "read_user_profile"
	ModifyContent       = "modify_content"
	ModifyFinancialData = "modify_financial_data"
	ModifyProductData   = "modify_product_data"
	ModifyUserProfile   = "modify_user_profile"
	RunAnalytics        = "run_analytics"
	ExecuteTrades       = "execute_trades"
)

// DefaultScopes returns the scopes that are requested unless the setting default_scopes is false.
// The slice is the caller's.
func DefaultScopes() []string {
	return []string{ReadContent, ReadFinancialData, ReadProductData, ReadUserProfile}
}

// roots returns where the certificates are that verify the servers.
func (c *Config) roots() certs.Config { return certs.Config{CAFile: c.CAFile, CA: c.CA} }

// withDefaults returns a copy of c with the defaults of empty fields.
func (c *Config) withDefaults() Config {
	out := *c
	for _, d := range []struct {
		field *string
		value string
	}{
		{&out.Application, "authsession"}, {&out.Version, moduleVersion()},
		{&out.APIVersion, "v1"}, {(*string)(&out.Domain), string(App)},
	} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	return out
}

// usesCookies reports whether the credential is one or two cookies.
func (c *Config) usesCookies() bool {
	login := c.MarqueeLogin.Reveal()
	return !c.GSSSO.IsZero() || login != "" && !isJWT(login)
}

// servers returns the servers that c may send requests to. APIURL replaces all domains. Cookies are
// sent only to hosts of gs.com, as by a browser.
func (c *Config) servers(env core.Environment) serverSet {
	if c.APIURL != "" {
		return serverSet{c.TokenURL, map[Domain]string{App: strings.TrimRight(c.APIURL, "/")}}
	}
	servers := environments[env]
	if !c.usesCookies() {
		return servers
	}
	servers.domains = maps.Clone(servers.domains)
	maps.DeleteFunc(servers.domains,
		func(_ Domain, u string) bool { return !strings.HasSuffix(u, ".gs.com") })
	return servers
}

// scopes returns the scopes to request, sorted and without duplicates.
func (c *Config) scopes() []string {
	list := slices.Clone(c.Scopes)
	if c.DefaultScopes == nil || *c.DefaultScopes {
		list = append(list, DefaultScopes()...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// programHeaders returns the headers that name the program.
func (c *Config) programHeaders() map[string]core.Secret {
	return map[string]core.Secret{"X-Application": core.NewSecret(c.Application),
		"X-Version": core.NewSecret(c.Version)}
}

// attributes returns the attributes of the credential, which the facade reads.
func (c *Config) attributes(env core.Environment, servers serverSet) map[string]string {
	out := map[string]string{
		attrBaseURL: servers.domains[c.Domain], attrAPIVersion: c.APIVersion,
		attrEnvironment: string(env),
	}
	for d, u := range servers.domains {
		out[attrDomain+string(d)] = u
	}
	if c.Activities && c.Domain == App {
		out[attrActivities] = "true"
	}
	if c.NoRetry {
		out[attrNoRetry] = "true"
	}
	return out
}
