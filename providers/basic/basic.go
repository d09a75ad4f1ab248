// Package basic is the provider for APIs that take a user name and a password in each request: HTTP
// Basic (RFC 7617), in UTF-8.
//
//	provider: basic
//	settings: {username: reports, password: "${env:REPORTS_PASSWORD}"}
//
// The password does not expire and cannot be renewed: after a refusal, the provider returns the
// same one. The package is not for token endpoints of OAuth; package oauth2 authenticates to those
// itself.
package basic

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Config is the settings. One of Username and Password may be empty, as some APIs take a token in
// place of the other.
type Config struct {
	Username core.Secret `json:"username" required:"true" doc:"The user's name, without a colon; may be \"\"."`

	Password core.Secret `json:"password" required:"true" doc:"The password; may be \"\" if the name is a token."`

	BaseURL string `json:"base_url" doc:"The API's address (attribute base_url). The password goes to its origin only."`

	Subject string `json:"subject" doc:"The user, for logs. Default: username, unless the password is empty."`
}

// Factory makes providers of kind "basic".
var Factory = core.NewFactory(
	core.Info{Kind: "basic", Summary: "A user name and a password (HTTP Basic, RFC 7617)."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig].
// The provider is safe for concurrent use and sends nothing.
func New(cfg Config) (core.Provider, error) {
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	user, password := cfg.Username.Reveal(), cfg.Password.Reveal()
	value := "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	cred := core.Credential{Subject: cfg.Subject}
	if cred.Subject == "" && password != "" {
		cred.Subject = user
	}
	cred.Attach.Header = map[string]core.Secret{"Authorization": core.NewSecret(value)}
	baseurl.Apply(&cred, cfg.BaseURL)
	return core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		return cred, faults.ContextEnded(ctx)
	}), nil
}

// Validate reports, as core faults, what is wrong with the settings. The environment does not
// matter.
func (c *Config) Validate(core.Environment) error {
	var faults []error
	add := func(setting string, err error) {
		if err != nil {
			faults = append(faults, core.Faultf(setting, "%v", err))
		}
	}
	add("username", checkText(c.Username.Reveal()))
	add("password", checkText(c.Password.Reveal()))
	if strings.ContainsRune(c.Username.Reveal(), ':') {
		add("username", errors.New("has a colon, which HTTP Basic cannot send"))
	}
	if c.Username.IsZero() && c.Password.IsZero() {
		add("username", errors.New("name and password are both empty"))
	}
	add("base_url", baseurl.Check(c.BaseURL))
	return errors.Join(faults...)
}

// maxText is the size of the longest user name or password in bytes. The header, in base64, is a
// third longer.
const maxText = 16 << 10

// checkText checks a user name or a password (RFC 7617 §2).
func checkText(s string) error {
	switch {
	case len(s) > maxText:
		return errors.New("is larger than 16 KiB")
	case !utf8.ValidString(s):
		return errors.New("is not UTF-8")
	case strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\r"):
		return errors.New("ends in a line break: remove it")
	case strings.HasPrefix(s, "\ufeff"):
		return errors.New("begins with a byte order mark: remove it")
	case strings.IndexFunc(s, unicode.IsControl) >= 0:
		return errors.New("has a control character or line break in it")
	}
	return headers.UnseenEnd(s)
}
