package command

import (
	"net/http"
	"strings"
)

// tokenChars are the characters of a header's name (RFC 9110, section 5.6.2).
const tokenChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~"

// setHeaders adds the headers of the command line, as curl does: "Name:" removes one that
// would be sent, and "Name;" sends one without a value.
func (o requestOptions) setHeaders(req *http.Request) error {
	for _, h := range o.headers {
		name, value, ok := strings.Cut(h, ":")
		value = strings.TrimSpace(value)
		remove := ok && value == ""
		if !ok {
			name, ok = strings.CutSuffix(h, ";")
		}
		if name = strings.TrimSpace(name); !ok || name == "" {
			return wrong("--header: want 'Name: value'")
		}
		if strings.ContainsFunc(name, notToken) {
			return wrong("--header: %q cannot be the name of a header", name)
		}
		if strings.ContainsFunc(value, notValue) {
			return wrong("--header: the value of %s has characters that it cannot have", name)
		}
		setHeader(req, http.CanonicalHeaderKey(name), value, remove)
	}
	return nil
}

func notToken(c rune) bool { return !strings.ContainsRune(tokenChars, c) }

// notValue reports control characters (RFC 9110, section 5.5).
func notValue(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }

func setHeader(req *http.Request, name, value string, remove bool) {
	switch {
	case name == "Host" && value != "":
		req.Host = value
	case name == "Host":
	case remove:
		req.Header[name] = nil // also keeps net/http from adding it
	default:
		req.Header.Add(name, value)
	}
}
