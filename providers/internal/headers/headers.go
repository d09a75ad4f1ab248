// Package headers checks names and values that a provider puts into headers, cookies and query
// parameters, so that a fault is reported with the settings and not with the first request:
//
//	if err := headers.Value(text); err != nil {
//		return core.Faultf("key", "%v", err)
//	}
//
// An error is a phrase that follows the name of what was checked. It has no code and does not
// contain the value. All functions are safe for concurrent use.
package headers

import (
	"errors"
	"fmt"
	"net/textproto"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// MaxValue is the size of the longest value in bytes. Most servers accept much less.
const MaxValue = 64 << 10

// reserved are the headers that frame or route a message (RFC 9110 §7.6.1, RFC 9112 §6), and
// those that have a setting of their own. A credential cannot be in one of them.
var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true,
	"Upgrade": true, "Te": true, "Trailer": true, "Content-Type": true,
	"Cookie": true, "Set-Cookie": true,
}

// Name checks the name of a header (RFC 9110 §5.1) that a credential may use.
func Name(s string) error {
	if !IsToken(s) {
		return errors.New("is not the name of a header")
	}
	if name := textproto.CanonicalMIMEHeaderKey(s); reserved[name] {
		return fmt.Errorf("the header %s is not for credentials", name)
	}
	return nil
}

// CookieName checks the name of a cookie (RFC 6265 §4.1.1).
func CookieName(s string) error {
	if !IsToken(s) {
		return errors.New("is not the name of a cookie")
	}
	return nil
}

// QueryName checks the name of a query parameter: any text without control characters and without
// space around it.
func QueryName(s string) error {
	if Parameter(s) != nil {
		return errors.New("is not the name of a query parameter")
	}
	return nil
}

// IsToken reports whether s is a token of RFC 9110 §5.6.2.
func IsToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// Value checks the value of a header: visible ASCII, and spaces and tabs inside of it (RFC 9110
// §5.5, which leaves the meaning of other bytes open).
func Value(s string) error {
	if err := Parameter(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errControl
		}
		if c > 0x7f {
			return errors.New("has a character that is not ASCII: a header cannot hold it")
		}
	}
	return nil
}

// Twice returns the name of a header that is also there in other letters, the later one in the
// order of the alphabet; "": there is none.
func Twice[T any](named map[string]T) string {
	seen := map[string]bool{}
	for _, name := range sorted.Keys(named) {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		if seen[canonical] {
			return name
		}
		seen[canonical] = true
	}
	return ""
}

// ErrTwice is the problem of a name that [Twice] returns.
var ErrTwice = errors.New("is there twice, in other letters")

var errControl = errors.New("has a control character or line break in it")

// Parameter checks the value of a parameter in a query or a form: text in UTF-8 without control
// characters other than tabs, and without white space around it.
func Parameter(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > MaxValue:
		return fmt.Errorf("is larger than %d KiB", MaxValue>>10)
	case strings.TrimSpace(s) == "":
		return errors.New("is blank")
	}
	if err := edges(s); err != nil {
		return err
	}
	if strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }) {
		return errControl
	}
	if !utf8.ValidString(s) {
		return errors.New("is not in UTF-8")
	}
	for _, r := range s {
		if r != '\t' && isUnseen(r) {
			return fmt.Errorf("has a character that cannot be seen (%U): remove it", r)
		}
	}
	return nil
}

// isUnseen reports whether a reader does not see r, or takes it for a plain space.
func isUnseen(r rune) bool {
	if r >= ' ' && r < 0x7f {
		return false
	}
	return core.Printable(string(r), 1) == ""
}

// UnseenEnd reports a character at either end of s that a reader does not see, or takes for a
// plain space. It is for texts that may have plain spaces and any letters, such as passwords.
func UnseenEnd(s string) error {
	if first, _ := utf8.DecodeRuneInString(s); s != "" && isUnseen(first) {
		return fmt.Errorf("begins with a character that cannot be seen (%U): remove it", first)
	}
	if last, _ := utf8.DecodeLastRuneInString(s); s != "" && isUnseen(last) {
		return fmt.Errorf("ends in a character that cannot be seen (%U): remove it", last)
	}
	return nil
}

// edges reports what a copied or printed text often has around it.
func edges(s string) error {
	trimmed := strings.TrimSpace(s)
	switch {
	case strings.HasPrefix(s, byteOrderMark):
		return errors.New("begins with a byte order mark: remove it")
	case strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\r"):
		return errors.New("ends in a line break: remove it")
	case strings.HasPrefix(s, "\n") || strings.HasPrefix(s, "\r"):
		return errors.New("begins with a line break: remove it")
	case !strings.HasSuffix(s, trimmed):
		return errors.New("ends in a space: remove it")
	case trimmed != s:
		return errors.New("begins with a space: remove it")
	}
	if strings.ContainsFunc(s, unicode.IsControl) {
		return nil // which is reported as such
	}
	return UnseenEnd(s)
}

const byteOrderMark = "\ufeff"

// Text checks an id or a secret of OAuth 2.0, such as a client_id, a client_secret or a refresh
// token: printable ASCII (RFC 6749 appendix A), without a space at either end, not in quotes.
func Text(s string) error {
	if err := Parameter(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		switch {
		case c < ' ' || c == 0x7f:
			return errControl
		case c > 0x7f:
			return errors.New("has a character that is not ASCII: OAuth cannot send it (RFC 6749 A)")
		}
	}
	return Unquoted(s)
}

// ParameterUnquoted is Parameter for a text that has no quotes around it.
func ParameterUnquoted(s string) error {
	if err := Parameter(s); err != nil {
		return err
	}
	return Unquoted(s)
}

// Bearer checks a bearer token: the b64token of RFC 6750 §2.1, and the characters | and :, which
// some servers have in their tokens.
func Bearer(s string) error {
	if err := Token(s); err != nil {
		return err
	}
	for _, c := range []byte(strings.TrimRight(s, "=")) {
		if !isLetterOrDigit(c) && strings.IndexByte("-._~+/|:", c) < 0 {
			return errors.New("has a character that a bearer token cannot hold (RFC 6750 §2.1)")
		}
	}
	if strings.Trim(s, "=") == "" {
		return errors.New("has nothing but =")
	}
	return nil
}

const bearerPrefix = "Bearer "

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// Unquoted reports a value that is in quotes.
func Unquoted(s string) error {
	if quoted(s) {
		return errQuotes
	}
	return nil
}

// placeholders are what programs print in the place of a value that is missing: jq, JavaScript,
// Python, Go and C.
var placeholders = []string{"null", "undefined", "None", "nil", "<nil>", "<null>", "(null)", "true",
	"false"}

// Missing reports a value that another program has printed because it had none.
func Missing(s string) error {
	if slices.Contains(placeholders, s) {
		return fmt.Errorf("is %q, which programs print for a value that is missing", s)
	}
	return nil
}

// quoted reports whether s is in quotes, which then come from the file or variable that it was
// copied into.
func quoted(s string) bool {
	first, n := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	return len(s) > n && slices.Contains(quotes, string([]rune{first, last}))
}

// quotes are marks that begin and end a text in quotes, those of text processors included.
var quotes = []string{`""`, `''`, "``", "“”", "‘’", "„“", "‚‘", "«»", "»«", "‹›", "””", "’’"}

// CookieValue checks the value of a cookie (RFC 6265 §4.1.1).
func CookieValue(s string) error {
	if err := Value(s); err != nil {
		return err
	}
	if err := Unquoted(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\`, c) >= 0 {
			return errors.New("has a character that a cookie cannot hold")
		}
	}
	return nil
}

var errQuotes = errors.New("has quotes around it: remove them")

// Token checks a token that is the value of a header or a part of it: visible ASCII, not in quotes,
// and not what programs print for a missing value.
func Token(s string) error {
	if strings.EqualFold(s[:min(len(s), len(bearerPrefix))], bearerPrefix) {
		return errors.New("begins with \"Bearer \": give the token alone")
	}
	if err := Value(s); err != nil {
		return err
	}
	if err := errors.Join(Unquoted(s), Missing(s)); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("has a character that a token cannot hold")
		}
	}
	return nil
}
