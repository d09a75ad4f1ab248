package gs

import (
	"net/http"
	"strings"

	"github.com/authsession/authsession/core"
)

// cookieBreakers are what a cookie's value may not hold (RFC 6265 §4.1.1).
const cookieBreakers = `;,"\`

// isVisible reports whether s is made of visible ASCII and has none of
// without. The empty string is.
func isVisible(s, without string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' || strings.IndexByte(without, s[i]) >= 0 {
			return false
		}
	}
	return true
}

// isText reports whether s may be the value of a header (RFC 9110 §5.5). The
// empty string may.
func isText(s string) bool {
	return s == strings.TrimSpace(s) && !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c == 0x7f })
}

// isScope reports whether s is one scope (RFC 6749 §3.3).
func isScope(s string) bool { return s != "" && isVisible(s, `"\`) }

// isVersion reports whether s is one plain segment of a path. The empty string
// is.
func isVersion(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == "" && strings.Trim(s, ".") == s
}

// checkHeader reports a header of a call that cannot be sent (RFC 9110 §5),
// which net/http finds only with each attempt.
func checkHeader(h http.Header) error {
	for name, values := range h {
		if name == "" || !isVisible(name, `"(),/:;<=>?@[\]{}`) {
			return core.Errorf(core.BadConfig, "%q is not the name of a header", name)
		}
		for _, value := range values {
			if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return core.Errorf(core.BadConfig, "the value of the header %q has a control character in it", name)
			}
		}
	}
	return nil
}
