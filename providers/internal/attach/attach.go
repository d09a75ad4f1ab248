// Package attach checks what a provider is about to put on requests, so that
// a fault of the settings is found where it can be mended and not by the first
// request:
//
//	if err := attach.HeaderValue(text); err != nil {
//		return core.Faultf("key", "%v", err)
//	}
//
// The errors say what is wrong in a few words, without the value and without a
// code. All functions are safe for concurrent use.
package attach

import (
	"context"
	"errors"
	"fmt"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
)

// MaxValue is how long, in bytes, a value may be. Servers refuse far less.
const MaxValue = 64 << 10

// reserved are the headers that frame or route a message (RFC 9110 §7.6.1,
// RFC 9112 §6) or have a setting of their own.
var reserved = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true, "Upgrade": true,
	"Te": true, "Trailer": true, "Content-Type": true, "Cookie": true, "Set-Cookie": true,
}

// HeaderName checks the name of a header (RFC 9110 §5.1) that is free for a
// credential.
func HeaderName(s string) error {
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

// QueryName checks the name of a query parameter: any text without control
// characters and without space around it.
func QueryName(s string) error {
	if s == "" || HeaderValue(s) != nil {
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

// HeaderValue checks the value of a header (RFC 9110 §5.5) or of a query
// parameter.
func HeaderValue(s string) error {
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
	if err := HeaderValue(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`",;\`, c) >= 0 {
			return errors.New("has a character that a cookie cannot hold")
		}
	}
	return nil
}

// Base checks the address of an API: an absolute http or https URL without
// user, query and fragment. Empty is good.
func Base(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want the address of the API, such as https://api.example.com/v1")
	}
	return nil
}

// Address puts the address of the API, which [Base] has checked, on c: as its
// attribute "base_url" and as its one origin. Empty: nothing.
func Address(c *core.Credential, base string) {
	u, err := url.Parse(base)
	if base == "" || err != nil {
		return
	}
	c.Origins = []string{u.Scheme + "://" + u.Host}
	c.Attributes = map[string]string{"base_url": base}
}

// BadConfig returns the faults that are joined in err as one error of a single
// line with the code [core.BadConfig]; nil for nil.
func BadConfig(err error) error {
	if err == nil {
		return nil
	}
	var faults core.Faults
	var collect func(error)
	collect = func(err error) {
		var fault core.Fault
		if list, ok := err.(interface{ Unwrap() []error }); ok {
			for _, err := range list.Unwrap() {
				collect(err)
			}
		} else if errors.As(err, &fault) {
			faults = append(faults, fault)
		} else {
			faults = append(faults, core.Fault{Problem: err.Error()})
		}
	}
	collect(err)
	return core.Errorf(core.BadConfig, "%w", faults)
}

// Ended returns an error if ctx has ended: [core.Unavailable], with the cause.
func Ended(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return core.Errorf(core.Unavailable, "%w", context.Cause(ctx))
}
