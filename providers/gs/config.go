package gs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
)

// Config are the settings of a gs session. There are four ways to
// authenticate, of which exactly one is given: ClientID and ClientSecret,
// Token, GSSSO and CSRFToken, or MarqueeLogin. The zero value of every other
// field is the recommended one.
type Config struct {
	ClientID     string      `json:"client_id" identity:"true" doc:"The application's id, for client credentials."`
	ClientSecret core.Secret `json:"client_secret" doc:"The application's secret."`
	// Scopes to ask for, such as "run_analytics"; the default scopes join them.
	Scopes []string `json:"scopes" identity:"true" doc:"Scopes to ask for besides the default ones."`
	// DefaultScopes says whether DefaultScopes() are asked for, too. Nil: yes.
	DefaultScopes *bool `json:"default_scopes" default:"true" identity:"true" doc:"false asks for exactly the scopes given."`

	Token        core.Secret `json:"token" doc:"A bearer token obtained elsewhere, sent as it is."`
	GSSSO        core.Secret `json:"gssso" doc:"The value of a GSSSO cookie; needs csrf_token."`
	CSRFToken    core.Secret `json:"csrf_token" doc:"The value of the MARQUEE-CSRF-TOKEN cookie that belongs to gssso."`
	MarqueeLogin core.Secret `json:"marquee_login" doc:"The value of a MarqueeLogin cookie. A JWT in its place is sent as a bearer token."`

	// Application and Version name the program to the API (X-Application,
	// X-Version). Empty: "authsession" and the version of this module.
	Application string `json:"application" default:"authsession" doc:"The program's name, sent as X-Application."`
	Version     string `json:"version" doc:"The program's version, sent as X-Version. Default: authsession's own."`

	// APIVersion is the first part of every path. Empty: "v1".
	APIVersion string `json:"api_version" default:"v1" identity:"true" doc:"The first part of every path."`
	// Domain is where requests go that name none. Empty: App.
	Domain Domain `json:"domain" default:"app" enum:"app,mds_east,mds_web,marquee_web" identity:"true" doc:"The environment's domain that requests go to."`

	// APIURL and TokenURL replace the environment's servers: an API of one's
	// own, which is then the session's only origin. Empty: the environment's.
	APIURL   string `json:"api_url" identity:"true" doc:"An API of one's own in the place of the environment's domains (https, or the loopback)."`
	TokenURL string `json:"token_url" identity:"true" doc:"Its token endpoint. Client credentials need both or neither."`
	// CAFile, or CA as text, has the PEM certificates that the servers are
	// verified with, instead of the system's. Empty: the system's.
	CAFile string      `json:"ca_file" doc:"PEM file with the roots to verify the servers with. Default: the system's."`
	CA     core.Secret `json:"ca" doc:"The same as text, in the place of ca_file."`

	// Activities announces the program to the API (a POST to /activities)
	// after Init, Use and Do of this package have authenticated. False: no.
	Activities bool `json:"activities" doc:"Announce the program to the API after it has authenticated."`
	// NoRetry hands failures of idempotent calls to the caller at once.
	NoRetry bool `json:"no_retry" doc:"Do not repeat idempotent calls after 429, 500, 502, 503, 504 and connection errors."`
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

// DefaultScopes returns the scopes that are asked for unless the setting
// default_scopes is false.
func DefaultScopes() []string {
	return []string{ReadContent, ReadFinancialData, ReadProductData, ReadUserProfile}
}

// Validate reports every fault of the settings, as a factory does. It looks at
// no file and sends nothing.
func (c *Config) Validate(core.Environment) error {
	faults := append(c.checkWays(), c.checkServers()...)
	add := func(path, problem string, wrong bool) {
		if wrong {
			faults = append(faults, core.Fault{Path: strings.Split(path, "."), Problem: problem})
		}
	}
	const bad = "has characters that may not be sent"
	for i, scope := range c.Scopes {
		add(fmt.Sprintf("scopes.%d", i), "want one scope, without spaces and quotes", !isScope(scope))
	}
	add("client_id", bad, !isText(c.ClientID))
	add("token", bad+"; give it without \"Bearer\"", !isVisible(c.Token.Reveal(), ""))
	add("gssso", bad+" in a cookie", !isVisible(c.GSSSO.Reveal(), cookieBreakers))
	add("csrf_token", bad+" in a cookie", !isVisible(c.CSRFToken.Reveal(), cookieBreakers))
	add("marquee_login", bad+" in a cookie", !isVisible(c.MarqueeLogin.Reveal(), cookieBreakers))
	add("application", bad+" in a header", !isText(c.Application))
	add("version", bad+" in a header", !isText(c.Version))
	add("api_version", "want a name, such as \"v1\"", !isVersion(c.APIVersion))
	if joined, ok := c.roots().Check("").(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			var f core.Fault
			if !errors.As(err, &f) {
				f.Problem = err.Error()
			}
			faults = append(faults, f)
		}
	}
	if len(faults) == 0 {
		return nil
	}
	return core.Faults(faults)
}

// checkWays wants exactly one way to authenticate, and that whole.
func (c *Config) checkWays() []core.Fault {
	var ways []string
	client := c.ClientID != "" || !c.ClientSecret.IsZero()
	gssso := !c.GSSSO.IsZero() || !c.CSRFToken.IsZero()
	for _, way := range []struct {
		given bool
		name  string
	}{{client, "client_id"}, {!c.Token.IsZero(), "token"}, {gssso, "gssso"}, {!c.MarqueeLogin.IsZero(), "marquee_login"}} {
		if way.given {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) == 0:
		return []core.Fault{{Problem: "nothing to authenticate with: give client_id and client_secret, or token, or gssso and csrf_token, or marquee_login"}}
	case len(ways) > 1:
		return []core.Fault{{Problem: strings.Join(ways, ", ") + ": give one way to authenticate, not several"}}
	}
	var faults []core.Fault
	needs := func(name, of string, missing bool) {
		if missing {
			faults = append(faults, core.Fault{Path: []string{name}, Problem: "missing; " + of + " needs it"})
		}
	}
	needs("client_id", "client_secret", client && c.ClientID == "")
	needs("client_secret", "client_id", client && c.ClientSecret.IsZero())
	needs("gssso", "csrf_token", gssso && c.GSSSO.IsZero())
	needs("csrf_token", "gssso", gssso && c.CSRFToken.IsZero())
	return faults
}

// checkServers looks at what says where requests go.
func (c *Config) checkServers() []core.Fault {
	var faults []core.Fault
	add := func(name, problem string) {
		faults = append(faults, core.Fault{Path: []string{name}, Problem: problem})
	}
	for name, u := range map[string]string{"api_url": c.APIURL, "token_url": c.TokenURL} {
		if u == "" {
			continue
		}
		if err := checkURL(u); err != nil {
			add(name, err.Error())
		}
	}
	client := c.ClientID != "" || !c.ClientSecret.IsZero()
	switch {
	case client && c.APIURL != "" && c.TokenURL == "":
		add("token_url", "missing; an api_url of one's own comes with its token_url")
	case c.APIURL == "" && c.TokenURL != "":
		add("api_url", "missing; a token_url of one's own comes with its api_url")
	}
	known := []string{string(App), string(MDSEast), string(MDSWeb), string(MarqueeWeb)}
	switch d := string(c.Domain); {
	case d == "":
	case !slices.Contains(known, d):
		add("domain", "want one of "+strings.Join(known, ", ")+core.DidYouMean(d, known))
	case c.APIURL != "" && c.Domain != App:
		add("domain", "api_url takes the place of the domains")
	case c.usesCookies() && c.Domain == MDSEast:
		add("domain", "cookies go to hosts of gs.com alone, and mds_east is none of them")
	}
	return faults
}

// roots names the certificates that verify the servers.
func (c *Config) roots() certs.Config { return certs.Config{CAFile: c.CAFile, CA: c.CA} }

func (c *Config) withDefaults() Config {
	out := *c
	for _, d := range []struct {
		field *string
		value string
	}{{&out.Application, "authsession"}, {&out.Version, moduleVersion()}, {&out.APIVersion, "v1"}, {(*string)(&out.Domain), string(App)}} {
		if *d.field == "" {
			*d.field = d.value
		}
	}
	return out
}

// usesCookies reports whether the credential is made of cookies.
func (c *Config) usesCookies() bool {
	login := c.MarqueeLogin.Reveal()
	return !c.GSSSO.IsZero() || login != "" && !isJWT(login)
}

// scopes returns what to ask for: sorted, each once.
func (c *Config) scopes() []string {
	list := slices.Clone(c.Scopes)
	if c.DefaultScopes == nil || *c.DefaultScopes {
		list = append(list, DefaultScopes()...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// identity returns the headers that say which program asks.
func (c *Config) identity() map[string]core.Secret {
	return map[string]core.Secret{"X-Application": core.NewSecret(c.Application), "X-Version": core.NewSecret(c.Version)}
}

// attributes returns what the facade needs to know.
func (c *Config) attributes(env core.Environment, at site) map[string]string {
	out := map[string]string{
		attrBaseURL: at.domains[c.Domain], attrAPIVersion: c.APIVersion, attrEnvironment: string(env),
	}
	for d, u := range at.domains {
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
