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
	"strings"
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
	if !isToken(s) {
		return errors.New("is not the name of a header")
	}
	if name := textproto.CanonicalMIMEHeaderKey(s); reserved[name] {
		return fmt.Errorf("the header %s is not for credentials", name)
	}
	return nil
}

// CookieName checks the name of a cookie (RFC 6265 §4.1.1).
func CookieName(s string) error {
	if !isToken(s) {
		return errors.New("is not the name of a cookie")
	}
	return nil
}

// QueryName checks the name of a query parameter: any text without control characters and without
// space around it.
func QueryName(s string) error {
	if s == "" || Value(s) != nil {
		return errors.New("is not the name of a query parameter")
	}
	return nil
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// Value checks the value of a header (RFC 9110 §5.5) or of a query parameter.
func Value(s string) error {
	switch {
	case s == "":
		return errors.New("is empty")
	case len(s) > MaxValue:
		return fmt.Errorf("is larger than %d KiB", MaxValue>>10)
	case strings.TrimSpace(s) == "":
		return errors.New("is blank")
	case strings.TrimSpace(s) != s:
		return errors.New("has a space or line break around it")
	}
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return errors.New("has a control character or line break in it")
		}
	}
	return nil
}

// CookieValue checks the value of a cookie (RFC 6265 §4.1.1).
func CookieValue(s string) error {
	if err := Value(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\`, c) >= 0 {
			return errors.New("has a character that a cookie cannot hold")
		}
	}
	return nil
}

// Token checks a token that is the value of a header or a part of it: visible ASCII. The b64token
// of RFC 6750 §2.1 is a part of that, and servers issue other tokens, too.
func Token(s string) error {
	if err := Value(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("has a character that a token cannot hold")
		}
	}
	return nil
}
