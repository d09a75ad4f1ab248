// The texts of settings and calls, and what may be sent.
//
// Read on in site.go.

package gs

import (
	"net/http"
	"runtime/debug"
	"strings"

	"github.com/authsession/authsession/core"
)

// isVisible reports whether s consists of visible ASCII except the characters of excluded. It does
// so for the empty string.
func isVisible(s, excluded string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(excluded, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// isText reports whether s can be the value of a header (RFC 9110 §5.5). It does so for the empty
// string.
func isText(s string) bool {
	return s == strings.TrimSpace(s) &&
		!strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// pathLetters are the characters of an API version.
const pathLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// isVersion reports whether s is one segment of a path that needs no escaping. It does so for the
// empty string.
func isVersion(s string) bool {
	return strings.Trim(s, pathLetters) == "" && strings.Trim(s, ".") == s
}

// checkHeader reports a header of a call that cannot be sent (RFC 9110 §5). net/http would report
// it at each attempt.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if name == "" || !isVisible(name, `"(),/:;<=>?@[\]{}`) {
			return core.Errorf(core.CodeBadConfig, "%q is not the name of a header", name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return core.Errorf(core.CodeBadConfig,
					"the value of the header %q has a control character in it",
					name)
			}
		}
	}
	return nil
}

// isJWT reports whether s looks like a signed JSON Web Token (RFC 7519 §3.1): three parts, the
// first of which is the start of a JSON object in base64url.
func isJWT(s string) bool { return strings.HasPrefix(s, "ey") && strings.Count(s, ".") == 2 }

// moduleVersion returns the version of this module in the program, the default of X-Version.
func moduleVersion() string {
	const path = "github.com/authsession/authsession"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range append(info.Deps, &info.Main) {
			if m.Path == path && strings.HasPrefix(m.Version, "v") {
				return m.Version[1:]
			}
		}
	}
	return "devel"
}
