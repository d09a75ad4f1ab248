// Documents with a name and a password, and those whose fields the settings name.
//
// Read on in documents.go.

package exec

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/headers"
)

// readDocker reads what a docker credential helper prints for "get". The secret of the user
// <token> is a token; that of any other is a password.
func readDocker(_ context.Context, o members.Object) (output, error) {
	var user, secret string
	err := readTexts(o, "", map[string]*string{fieldDockerUser: &user, fieldDockerSecret: &secret})
	switch {
	case err != nil:
		return output{}, err
	case secret == "":
		return output{}, errors.New("has no field Secret")
	case user == "<token>":
		return tokenOutput(secret, time.Time{})
	}
	out := output{values: map[string]string{fieldDockerUser: user, fieldDockerSecret: secret}}
	return out.withLogin(user, secret)
}

// withLogin adds a name and a password, for HTTP Basic (RFC 7617), and the password as the token.
func (a output) withLogin(user, password string) (output, error) {
	for _, text := range []string{user, password} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return output{}, errors.New("has a control character in its name or password")
		}
	}
	if strings.Contains(user, ":") {
		return output{}, errors.New("has a colon in its name, which HTTP Basic cannot send (RFC 7617)")
	}
	a.values[fieldToken] = password
	if user != "" {
		a.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	return a, nil
}

// gitNames are the attributes of https://git-scm.com/docs/git-credential. Those of gitNeeded say
// that a credential is there, or that there is none.
var (
	gitNames = []string{
		"protocol", "host", "path", "url", fieldGitUser, fieldGitPassword, "password_expiry_utc",
		"oauth_refresh_token", "authtype", "credential", "ephemeral", "continue", "quit",
		"capability[]", "wwwauth[]", "state[]",
	}
	gitNeeded = []string{fieldGitPassword, "credential", "quit"}
)

// isGit reports whether a text has lines of a git credential helper, and nothing else.
func isGit(text string) bool {
	found := false
	for line := range strings.Lines(text) {
		name, _, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if !ok || !slices.Contains(gitNames, name) {
			return false
		}
		found = found || slices.Contains(gitNeeded, name)
	}
	return found
}

// readGit reads what a git credential helper prints for "get", or "git credential fill".
func readGit(text string) (output, error) {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		values[name] = value
	}
	secret := values[fieldGitPassword]
	if scheme := values["authtype"]; scheme != "" && values["credential"] != "" {
		secret = values["credential"]
		if !headers.IsToken(scheme) {
			return output{}, gitError(errors.New("has an authtype that is not the name of a scheme"))
		}
	}
	if secret == "" {
		return output{}, core.Errorf(core.CodeUnavailable,
			"the git credential helper has no password for what input names")
	}
	out := output{values: map[string]string{
		fieldGitUser: values[fieldGitUser], fieldGitPassword: values[fieldGitPassword],
	}}
	var err error
	if at := values["password_expiry_utc"]; at != "" {
		if out.expiry, err = members.ParseTime(at); err != nil {
			return output{}, gitError(fmt.Errorf("cannot be read: its field password_expiry_utc %w", err))
		}
	}
	if secret != values[fieldGitPassword] {
		out.values[fieldToken], out.authorization = secret, values["authtype"]+" "+secret
		return out, nil
	}
	if out, err = out.withLogin(values[fieldGitUser], secret); err != nil {
		return output{}, gitError(err)
	}
	return out, nil
}

func gitError(err error) error {
	return core.Errorf(core.CodeUnavailable, "the output of the git credential helper %w", err)
}

// readJSON reads a JSON document whose fields the settings name.
func (c *Config) readJSON(object members.Object) (output, error) {
	if object == nil {
		return output{}, core.Errorf(core.CodeUnavailable, "the command does not print a JSON object")
	}
	out, err := c.jsonFields(object)
	if coded := (*core.Error)(nil); err != nil && !errors.As(err, &coded) {
		err = core.Errorf(core.CodeUnavailable, "the JSON that the command prints %w", err)
	}
	return out, err
}

// jsonFields returns the fields. Its error has a code, or is a phrase.
func (c *Config) jsonFields(object members.Object) (output, error) {
	in, name := object.Find(c.Token)
	token, err := textAt(in, name, c.Token)
	if err == nil && token == "" {
		err = fmt.Errorf("has no field %s, which token names%s", c.Token, hintOf(in, name, object))
	}
	if err != nil {
		return output{}, err
	}
	at, err := c.expiryIn(object)
	if err != nil {
		return output{}, err
	}
	return tokenOutput(token, at)
}

// hintOf returns what may be the reason that the member name is not in an object of a document:
// another name that is like it, or that the document reports an error.
func hintOf(in members.Object, name string, document members.Object) string {
	_, present := in[name]
	switch near := core.DidYouMean(name, slices.Sorted(maps.Keys(in))); {
	case present:
		return "; it is null or empty"
	case near != "":
		return near
	case reportsError(document):
		return "; it reports an error"
	}
	return ""
}

// expiryIn returns the time that expiry or expires_in names; zero if there is none.
func (c *Config) expiryIn(object members.Object) (time.Time, error) {
	if c.Expiry != "" {
		in, name := object.Find(c.Expiry)
		if at, err := timeAt(in, name, c.Expiry); err != nil || !at.IsZero() {
			return at, err
		}
	}
	if c.ExpiresIn == "" {
		return time.Time{}, nil
	}
	in, name := object.Find(c.ExpiresIn)
	lifetime := providerhttp.ParseLifetime(in.Number(name))
	if lifetime <= 0 && in.Has(name) {
		return time.Time{},
			fmt.Errorf("cannot be read: its field %s is not a number of seconds, above 0", c.ExpiresIn)
	}
	return lifetime.Expiry(), nil
}
