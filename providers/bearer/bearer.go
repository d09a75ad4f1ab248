// Package bearer is the provider for bearer tokens (RFC 6750) that are obtained elsewhere: a text
// in the settings, or a file that another process keeps up to date, as Kubernetes does with the
// tokens of service accounts.
//
//	provider: bearer
//	settings: {token_file: /var/run/secrets/tokens/api}
//
// The provider reads the file again every few seconds while the session is in use, and at once when
// the API refuses the token. To obtain tokens from an authorization server see package oauth2; from
// a program, package exec.
package bearer

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/files"
	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/authsession/authsession/providers/internal/jwtexpiry"
)

// Config is the settings: a token or a file.
type Config struct {
	Token core.Secret `json:"token" doc:"The token."`

	TokenFile string `json:"token_file" identity:"true" doc:"A file with the token alone, in place of token."`

	Interval time.Duration `json:"interval" default:"5s" doc:"How often the file is read, at least 1s."`

	BaseURL string `json:"base_url" identity:"true" doc:"The API's address; the token goes to its origin only."`

	Subject string `json:"subject" doc:"The owner of the token, for logs. Not a secret."`
}

// Factory makes providers of kind "bearer".
var Factory = core.NewFactory(
	core.Info{
		Kind:    "bearer",
		Summary: "A bearer token, from the settings or from a file that changes (RFC 6750).",
	},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return New(cfg) },
)

// New returns a provider for cfg, or the faults of cfg with [core.CodeBadConfig]. An
// Interval of zero means five seconds. The provider is safe for concurrent use and reads its
// file at each Authenticate.
//
// If the token is a JWT, its claim "exp" is the expiry of the credential. The provider uses
// no other claim and verifies nothing. A JWT that expired more than five minutes ago is not
// sent: the error is [core.CodeDenied] for a token in the settings, and
// [core.CodeUnavailable] for one in a file, which may change.
func New(cfg Config) (core.Provider, error) {
	if cfg.Interval == 0 {
		cfg.Interval = 5 * time.Second
	}
	if err := faults.BadConfig(cfg.Validate("")); err != nil {
		return nil, err
	}
	return &provider{cfg}, nil
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
	switch {
	case !c.Token.IsZero() && c.TokenFile != "":
		add("token", errors.New("give either token or token_file"))
	case c.Token.IsZero() && c.TokenFile == "":
		add("token", errors.New("missing: give token or token_file"))
	case c.TokenFile == "":
		add("token", headers.Token(c.Token.Reveal()))
	}
	if c.Interval < time.Second {
		add("interval", errors.New("want at least 1s"))
	}
	add("base_url", baseurl.Check(c.BaseURL))
	return errors.Join(faults...)
}

type provider struct{ cfg Config }

// Authenticate returns the token as it is now.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if err := faults.ContextEnded(ctx); err != nil {
		return core.Credential{}, err
	}
	token := p.cfg.Token.Reveal()
	if p.cfg.TokenFile != "" {
		var err error
		if token, err = readToken(p.cfg.TokenFile); err != nil {
			if req.Reason != core.ReasonInitial {
				err = files.Unavailable(err)
			}
			return core.Credential{}, err
		}
	}
	end := jwtexpiry.Of(token)
	expiry, ended := jwtexpiry.Until(end)
	if ended {
		return core.Credential{}, p.expiredError(end)
	}
	value := core.NewSecret("Bearer " + token)
	cred := core.Credential{
		Attach:  core.Attachment{Header: map[string]core.Secret{"Authorization": value}},
		Expiry:  expiry,
		Subject: p.cfg.Subject,
	}
	if p.cfg.TokenFile != "" {
		cred.RenewAfter = time.Now().Add(p.cfg.Interval)
	}
	baseurl.Apply(&cred, p.cfg.BaseURL)
	return cred, nil
}

func (p *provider) expiredError(at time.Time) error {
	when := at.UTC().Format(time.RFC3339)
	if p.cfg.TokenFile != "" {
		return core.LocalErrorf(core.CodeUnavailable,
			"the token in file %q expired at %s", p.cfg.TokenFile,
			when)
	}
	return core.LocalErrorf(core.CodeDenied, "the token expired at %s", when)
}

// readToken returns the token in a file.
func readToken(path string) (string, error) {
	data, err := files.Read(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(data))
	if err := headers.Token(token); err != nil {
		return "", core.LocalErrorf(core.CodeBadConfig, "the token in file %q %w", path, err)
	}
	return token, nil
}
