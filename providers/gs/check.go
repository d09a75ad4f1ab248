// The check of the settings.
//
// Read on in provider.go.

package gs

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Validate reports, as [core.Faults], all that is wrong with the settings. It reads no file and
// sends nothing. The environment does not matter.
func (c *Config) Validate(core.Environment) error {
	faults := append(c.checkWays(), c.checkServers()...)
	add := func(path, problem string, wrong bool) {
		if wrong {
			faults = append(faults, core.Fault{Path: strings.Split(path, "."), Problem: problem})
		}
	}
	const unsendable = "has characters that may not be sent"
	for i, scope := range c.Scopes {
		add(fmt.Sprintf("scopes.%d", i), "want one scope, without spaces and quotes", !grant.IsScope(scope))
	}
	for _, sent := range c.sent() {
		if sent.value != "" {
			err := sent.check(sent.value)
			add(sent.setting, fmt.Sprint(err), err != nil)
		}
	}
	add("application", unsendable+" in a header", !isText(c.Application))
	add("version", unsendable+" in a header", !isText(c.Version))
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

// sentText is a setting that is sent, and what may be sent there.
type sentText struct {
	setting, value string
	check          func(string) error
}

func (c *Config) sent() []sentText {
	return []sentText{
		{"client_id", c.ClientID, headers.Text},
		{"client_secret", c.ClientSecret.Reveal(), headers.ParameterUnquoted}, // gs takes UTF-8
		{"token", c.Token.Reveal(), headers.Bearer},
		{"gssso", c.GSSSO.Reveal(), headers.CookieValue},
		{"csrf_token", c.CSRFToken.Reveal(), headers.CookieValue},
		{"marquee_login", c.MarqueeLogin.Reveal(), headers.CookieValue},
	}
}

// checkWays reports that there is not exactly one way to authenticate, or that a part of it is
// missing.
func (c *Config) checkWays() []core.Fault {
	var ways []string
	client := c.ClientID != "" || !c.ClientSecret.IsZero()
	gssso := !c.GSSSO.IsZero() || !c.CSRFToken.IsZero()
	for _, way := range []struct {
		given bool
		name  string
	}{{client, "client_id"}, {!c.Token.IsZero(), "token"}, {gssso, "gssso"},
		{!c.MarqueeLogin.IsZero(), "marquee_login"}} {
		if way.given {
			ways = append(ways, way.name)
		}
	}
	switch {
	case len(ways) == 0:
		return []core.Fault{{Problem: "nothing to authenticate with: give client_id and client_secret, " +
			"or token, or gssso and csrf_token, or marquee_login"}}
	case len(ways) > 1:
		return []core.Fault{{Problem: strings.Join(ways, ", ") +
			": give one way to authenticate, not several"}}
	}
	var faults []core.Fault
	needs := func(name, of string, missing bool) {
		if missing {
			faults = append(faults,
				core.Fault{Path: []string{name}, Problem: "missing; " + of + " needs it"})
		}
	}
	needs("client_id", "client_secret", client && c.ClientID == "")
	needs("client_secret", "client_id", client && c.ClientSecret.IsZero())
	needs("gssso", "csrf_token", gssso && c.GSSSO.IsZero())
	needs("csrf_token", "gssso", gssso && c.CSRFToken.IsZero())
	return faults
}

// checkServers reports what is wrong with the settings that choose the servers.
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
	return append(faults, c.checkDomain()...)
}

// checkDomain reports a domain that is unknown, or that the session cannot use.
func (c *Config) checkDomain() []core.Fault {
	domains := []string{string(App), string(MDSEast), string(MDSWeb), string(MarqueeWeb)}
	problem := ""
	switch d := string(c.Domain); {
	case d == "":
	case !slices.Contains(domains, d):
		problem = "want one of " + strings.Join(domains, ", ") + core.DidYouMean(d, domains)
	case c.APIURL != "" && c.Domain != App:
		problem = "api_url takes the place of the domains"
	case c.usesCookies() && c.Domain == MDSEast:
		problem = "cookies go to hosts of gs.com alone, and mds_east is none of them"
	}
	if problem == "" {
		return nil
	}
	return []core.Fault{{Path: []string{"domain"}, Problem: problem}}
}
