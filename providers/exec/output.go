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
		out, err := tokenOutput(string(printed), time.Time{})
		return out, withFault(err, printed)
	case c.Output == Git, c.Output == Auto && !isJSON:
		return readGit(string(printed))
	}
	object, err := members.Read(printed)
	if err != nil {
		object = nil
	}
	if c.Output == JSON {
		out, err := c.readJSON(object)
		return out, withFault(err, printed)
	}
	kind, ok := documentOf(c.Output)
	if c.Output == Auto {
		kind, ok = recognise(object)
	}
	if ok {
		out, err := kind.parse(ctx, object)
		return out, withFault(err, printed)
	}
	err = core.Errorf(core.CodeUnavailable, "%w", errUnknown)
	switch {
	case object == nil:
		err = withFault(err, printed)
	case reportsError(object):
		err = core.Errorf(core.CodeUnavailable, "%w; it reports an error", errUnknown)
	default:
		err = core.Errorf(core.CodeUnavailable, "%w: %s", errUnknown, useJSON)
	}
	return output{}, err
}

// withFault adds to err what printed has in it that makes no token and no document of it.
func withFault(err error, printed []byte) error {
	if err == nil {
		return nil
	}
	fault := members.Fault(printed)
	lines := bytes.Count(printed, []byte("\n"))
	switch {
	case fault != "":
		fault = "the output " + fault
	case lines > 0 && printed[0] != '{':
		fault = "the output has more than one line"
	case bytes.IndexByte(printed, ' ') > 0 && printed[0] != '{' && !bytes.HasPrefix(printed, []byte("Bearer")):
		fault = "the output has spaces in it, as a message has"
	default:
		return err
	}
	return core.Errorf(core.CodeOf(err), "%w; %s", core.Cause(err), fault)
}

var (
	errNothing = errors.New("the command prints nothing")
	errUnknown = errors.New("the command prints JSON that is neither an ExecCredential nor an AWS " +
		"document, nor another that is known")
)

const useJSON = "set output to json, and token to the field with the token"
