// Package apikey is the provider for APIs that take fixed keys: in a header, a query parameter or a
// cookie, one or several at once.
//
//	provider: apikey
//	settings: {header: X-API-Key, key: "${env:PRICES_KEY}"}
//
// A key does not expire and cannot be renewed: after a refusal, the provider returns the same key.
// For a key in a file that changes see package bearer; for one that a program prints, package exec.
package apikey

import (
	"context"
	"errors"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Config is the settings: one key in the embedded Place, several in Keys, or both.
type Config struct {
	Place
	Keys []Place `json:"keys" doc:"Several keys: objects of header, query or cookie, prefix and key."`

	BaseURL string `json:"base_url" doc:"The API's address (attribute base_url). Keys go to its origin only."`

	Subject string `json:"subject" doc:"The owner of the keys, for logs. Not a secret."`
}

// Place is one key and where it is sent: exactly one of Header, Query and Cookie is set.
type Place struct {
	Header string `json:"header" doc:"The header that carries the key."`

	Query string `json:"query" doc:"The query parameter with the key. URLs are logged: prefer a header."`

	Cookie string      `json:"cookie" doc:"The cookie that carries the key."`
	Prefix string      `json:"prefix" doc:"Text before the key, as \"ApiKey \" with its space."`
	Key    core.Secret `json:"key" doc:"The key."`
}

// Factory makes providers of kind "apikey".
var Factory = core.NewFactory(
	core.Info{Kind: "apikey", Summary: "Fixed keys in headers, query parameters or cookies."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig].
// The provider is safe for concurrent use and sends nothing.
func New(cfg Config) (core.Provider, error) {
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	cred := core.Credential{Subject: cfg.Subject}
	for _, p := range cfg.places() {
		into, name := &cred.Attach.Header, p.Header
		switch {
		case p.Query != "":
			into, name = &cred.Attach.Query, p.Query
		case p.Cookie != "":
			into, name = &cred.Attach.Cookie, p.Cookie
		}
		if *into == nil {
			*into = map[string]core.Secret{}
		}
		(*into)[name] = core.NewSecret(p.Prefix + p.Key.Reveal())
	}
	baseurl.Apply(&cred, cfg.BaseURL)
	return core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		return cred, faults.ContextEnded(ctx)
	}), nil
}

// Validate reports, as core faults, what is wrong with the settings. The environment does not
// matter.
func (c *Config) Validate(core.Environment) error {
	var faults []error
	seen := map[string]bool{}
	check := func(at string, p Place) {
		setting, err := p.check()
		if err == nil && seen[p.slot()] {
			setting, _ = p.target()
			err = errors.New("another key has this place")
		}
		if err != nil {
			faults = append(faults, core.Faultf(at+setting, "%v", err))
			return
		}
		seen[p.slot()] = true
	}
	if c.Place != (Place{}) || len(c.Keys) == 0 {
		check("", c.Place)
	}
	for i, p := range c.Keys {
		check("keys."+strconv.Itoa(i)+".", p)
	}
	if err := baseurl.Check(c.BaseURL); err != nil {
		faults = append(faults, core.Faultf("base_url", "%v", err))
	}
	return errors.Join(faults...)
}

// places returns all keys of c.
func (c *Config) places() []Place {
	if c.Place == (Place{}) {
		return c.Keys
	}
	return append([]Place{c.Place}, c.Keys...)
}

// slot returns a text that is equal for two places in which one key would replace the other.
func (p Place) slot() string {
	return textproto.CanonicalMIMEHeaderKey(p.Header) + "?" + p.Query + ";" + p.Cookie
}

// target returns the name of the setting that says where the key is sent. If there is none or
// several, it returns the setting at fault and the error.
func (p Place) target() (setting string, err error) {
	for _, place := range []struct{ setting, name string }{{"header", p.Header}, {"query", p.Query},
		{"cookie", p.Cookie}} {
		if place.name == "" {
			continue
		}
		if setting != "" {
			return place.setting, errors.New("name only one of header, query and cookie")
		}
		setting = place.setting
	}
	if setting == "" {
		return "header", errors.New("missing: name a header, a query parameter or a cookie for the key")
	}
	return setting, nil
}

// check returns what is wrong with p, and the name of the setting at fault.
func (p Place) check() (setting string, err error) {
	target, err := p.target()
	switch {
	case err != nil:
		return target, err
	case p.Key.IsZero():
		return "key", errors.New("missing")
	case strings.TrimLeft(p.Prefix, " \t") != p.Prefix:
		return "prefix", errors.New("starts with a space")
	}
	checkValue := headers.Value
	switch target {
	case "header":
		err = headers.Name(p.Header)
	case "query":
		err, checkValue = headers.QueryName(p.Query), headers.Parameter
	case "cookie":
		err, checkValue = headers.CookieName(p.Cookie), headers.CookieValue
	}
	if err != nil {
		return target, err
	}
	if err := checkValue(p.Key.Reveal()); err != nil {
		return "key", err
	}
	if err := headers.Missing(p.Key.Reveal()); err != nil {
		return "key", err
	}
	// Behind a "=", as in Token token="…", quotes belong to the syntax of the header.
	if !strings.HasSuffix(p.Prefix, "=") {
		if err := headers.Unquoted(p.Key.Reveal()); err != nil {
			return "key", err
		}
	}
	return "prefix", checkValue(p.Prefix + p.Key.Reveal())
}
