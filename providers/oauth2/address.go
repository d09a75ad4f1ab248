// URLs and texts that come from settings and from servers.
//
// Read on in renewal.go.

package oauth2

import (
	"errors"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
	"github.com/authsession/authsession/providers/internal/files"
	"github.com/authsession/authsession/providers/internal/grant"
)

// maxText is how many bytes of a text from a server are shown.
const maxText = 1024

// checkURL reports what is wrong with a URL of the authorization server: it must be https, unless
// allowHTTP is set or the host is this machine. The error is a phrase that follows the URL's name.
func checkURL(s string, allowHTTP bool) error {
	if err := grant.CheckURL(s); err != nil {
		return err
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "https" || allowHTTP || baseurl.IsLoopback(u.Hostname()) {
		return err
	}
	return errors.New("is not https")
}

// isPlainText reports whether s can be shown to a person: at most maxText bytes, no control
// characters, and none of the Unicode characters that break a line or change the direction of text.
func isPlainText(s string) bool {
	for _, r := range s {
		switch {
		case r < ' ', r == 0x7f, r >= 0x80 && r < 0xa0,
			r == '\u2028', r == '\u2029', // line and paragraph separator
			r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069': // bidirectional
			return false
		}
	}
	return len(s) <= maxText
}

// readToken returns a token that is in the settings as text, or alone in a file.
func readToken(setting string, text core.Secret, file string) (core.Secret, error) {
	if file == "" {
		return text, nil
	}
	data, err := files.Read(file)
	if err != nil {
		return core.Secret{}, core.Prefix(err, setting)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return core.Secret{}, core.LocalErrorf(core.CodeBadConfig, "%s: file %q does not hold one token",
			setting, file)
	}
	return core.NewSecret(token), nil
}

// inputToken returns the token of the input for a role; zero if there is none.
func inputToken(role string, inputs map[string]core.Credential) (core.Secret, error) {
	input, ok := inputs[role]
	if !ok {
		return core.Secret{}, nil
	}
	kind, token, _ := strings.Cut(input.Attach.Header["Authorization"].Reveal(), " ")
	if token == "" || !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "DPoP") {
		return core.Secret{}, core.Errorf(core.CodeBadConfig,
			"the session for %s has no token in an Authorization header", role)
	}
	return core.NewSecret(token), nil
}

// sendsIDToken reports whether the session sends the ID token to the API.
func (c *Config) sendsIDToken() bool {
	return c.TokenPath == idTokenMember || strings.HasSuffix(c.TokenPath, "."+idTokenMember)
}

const idTokenMember = "id_token"
