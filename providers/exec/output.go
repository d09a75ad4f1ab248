// What a command prints, and the credential that is made of it.
//
// Read on in stderr.go.

package exec

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/internal/textfile"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/authsession/authsession/providers/internal/jwtexpiry"
)

// retryExpired is the time until the command is run again if its credential has expired by this
// machine's clock, but may be valid by the API's.
const retryExpired = 10 * time.Second

// credential returns the credential of what the command printed.
func (c *Config) credential(ctx context.Context, printed []byte) (core.Credential, error) {
	a, err := c.parse(ctx, printed)
	if err != nil {
		return core.Credential{}, err
	}
	if a.aws && len(c.Headers) == 0 {
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"the command prints an AWS document: name the headers that carry its fields")
	}
	cred := core.Credential{Subject: c.Subject}
	cred.Attach.Cert = a.cert
	if cred.Attach.Header, err = c.attached(a); err != nil {
		return core.Credential{}, err
	}
	if len(cred.Attach.Header) == 0 && a.cert.IsZero() {
		return core.Credential{}, core.Errorf(core.CodeBadConfig,
			"the command prints none of the fields that headers names")
	}
	if a.aws {
		document, _ := json.Marshal(a.values) // cannot fail, as the values are strings
		cred.RefreshState = core.NewSecret(string(document))
	}
	var ended bool
	if cred.Expiry, ended = jwtexpiry.Until(a.expiry); ended {
		return core.Credential{}, core.Errorf(core.CodeUnavailable,
			"the command prints a credential that expired at %s", a.expiry.UTC().Format(time.RFC3339))
	}
	switch {
	case cred.Expiry.After(a.expiry):
		cred.RenewAfter = time.Now().Add(retryExpired)
	case a.expiry.IsZero() && c.Lifetime > 0:
		cred.Expiry = time.Now().Add(c.Lifetime)
	}
	baseurl.Apply(&cred, c.BaseURL)
	return cred, nil
}

// attached returns the headers with what a command printed.
func (c *Config) attached(a output) (map[string]core.Secret, error) {
	if a.authorization == "" || c.Header != "" || c.Prefix != nil || len(c.Headers) > 0 {
		return fill(c.headers(), a.values)
	}
	if err := headers.Value(a.authorization); err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "what the command printed %w", err)
	}
	return map[string]core.Secret{"Authorization": core.NewSecret(a.authorization)}, nil
}

// parse parses what a command printed. Its errors contain nothing of it.
func (c *Config) parse(ctx context.Context, printed []byte) (output, error) {
	printed, err := textfile.Text(printed)
	if err != nil {
		return output{}, core.Errorf(core.CodeUnavailable, "what the command prints %w", err)
	}
	printed = bytes.TrimSpace(printed)
	if len(printed) == 0 {
		return output{}, core.Errorf(core.CodeUnavailable, "%w", errNothing)
	}
	isJSON := printed[0] == '{' || printed[0] == '['
	switch {
	case c.Output == Token, c.Output == Auto && !isJSON && !isGit(string(printed)):
		return tokenOutput(string(printed), time.Time{})
	case c.Output == Git, c.Output == Auto && !isJSON:
		return readGit(string(printed))
	}
	object, err := members.Read(printed)
	if err != nil {
		object = nil
	}
	if c.Output == JSON {
		return c.readJSON(object)
	}
	kind, ok := documentOf(c.Output)
	if c.Output == Auto {
		kind, ok = recognise(object)
	}
	if !ok {
		return output{}, core.Errorf(core.CodeUnavailable, "%w", errUnknown)
	}
	return kind.parse(ctx, object)
}

var (
	errNothing = errors.New("the command prints nothing")
	errUnknown = errors.New("the command prints JSON that is neither an ExecCredential nor an AWS " +
		"document, nor another that is known: set output to json, and token to the field with the token")
)
