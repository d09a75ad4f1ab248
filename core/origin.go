// Read on in state.go.

package core

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// origin is a scheme, host and port (RFC 6454 §4), normalised.
type origin struct {
	scheme string
	full   string // host:port, lower case
	short  string // without the port where it is the scheme's own
	text   string // scheme://short
}

// parseOrigin reads "https://api.example.com" or "https://[::1]:8443". A
// single "/" at the end is allowed.
func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" ||
		u.Path != "" && u.Path != "/" {
		return origin{}, fmt.Errorf("%q is not an origin, such as \"https://api.example.com\"", clip(s))
	}
	o, ok := originOf(u)
	if !ok {
		return origin{}, fmt.Errorf("origin %q: want https or http", clip(s))
	}
	return o, nil
}

func parseOrigins(list []string) ([]origin, error) {
	if len(list) == 0 {
		return nil, nil
	}
	out := make([]origin, len(list))
	for i, s := range list {
		var err error
		if out[i], err = parseOrigin(s); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// originOf returns the origin of a URL; ws and wss count as http and https.
func originOf(u *url.URL) (origin, bool) {
	scheme := httpScheme(u.Scheme)
	port := u.Port()
	switch scheme {
	case "https":
		if port == "" {
			port = "443"
		}
	case "http":
		if port == "" {
			port = "80"
		}
	default:
		return origin{}, false
	}
	host := lowerASCII(u.Hostname())
	if host == "" || strings.Contains(host, ":") && u.Host[0] != '[' {
		return origin{}, false
	}
	o := origin{scheme: scheme, full: net.JoinHostPort(host, port)}
	o.short = o.full
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		o.short = strings.TrimSuffix(o.full, ":"+port)
	}
	// The percent sign is before the zone of an address (RFC 6874 §2).
	o.text = scheme + "://" + strings.Replace(o.short, "%", "%25", 1)
	return o, true
}

// lowerASCII lowers A to Z alone. The whole of Unicode would make two hosts
// one that are dialled as two: it lowers İ to i, IDNA (RFC 5895) does not.
func lowerASCII(s string) string {
	out := []byte(s) // by the byte: what is no UTF-8 stays what it is
	for i, c := range out {
		if 'A' <= c && c <= 'Z' {
			out[i] = c + 'a' - 'A'
		}
	}
	return string(out)
}

func httpScheme(s string) string {
	switch s {
	case "https", "http":
		return s
	case "wss":
		return "https"
	case "ws":
		return "http"
	}
	switch s = strings.ToLower(s); s {
	case "wss":
		return "https"
	case "ws":
		return "http"
	}
	return s
}

// matches reports whether u is of the origin o. The common spelling of a URL
// costs two comparisons.
func (o *origin) matches(u *url.URL) bool {
	if u.Scheme != o.scheme && httpScheme(u.Scheme) != o.scheme {
		return false
	}
	if u.Host == o.short || u.Host == o.full {
		return true
	}
	if isCommonHost(u.Host) {
		return false
	}
	other, ok := originOf(u)
	return ok && other.full == o.full
}

// isCommonHost reports whether host is a name or an IPv4 address in lower case,
// with a port or without: spelt as an origin spells it.
func isCommonHost(host string) bool {
	for i := 0; i < len(host); i++ {
		switch c := host[i]; {
		case 'a' <= c && c <= 'z', '0' <= c && c <= '9', c == '.', c == '-':
		case c == ':' && i > 0:
			return i+1 < len(host) && strings.Trim(host[i+1:], "0123456789") == ""
		default:
			return false
		}
	}
	return host != ""
}

// heads reports whether uri begins with the origin, as gRPC spells it.
func (o *origin) heads(uri string) bool {
	n := len(o.text)
	return len(uri) > n && uri[n] == '/' && uri[:n] == o.text
}

func sameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true
	}
	x, ok := originOf(a)
	y, also := originOf(b)
	return ok && also && x.scheme == y.scheme && x.full == y.full
}

// isLoopback reports whether u names this machine by a loopback address or by
// the name localhost (RFC 6761 §6.3).
func isLoopback(u *url.URL) bool {
	host := u.Hostname()
	if lowerASCII(host) == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// mayCarry reports whether a credential may go to u at all: over TLS, or to
// this machine, or over plain HTTP where that is allowed.
func mayCarry(u *url.URL, allowHTTP bool) bool {
	return httpScheme(u.Scheme) == "https" || allowHTTP || isLoopback(u)
}

// where names a URL in an error: scheme, host and port, nothing else.
func where(u *url.URL) string {
	if u == nil {
		return "no URL"
	}
	return clip(u.Scheme + "://" + u.Host)
}

// MayCarry reports whether a credential may go to u at all: over TLS, to this
// machine (a loopback address or the name localhost), or over plain HTTP if
// allowHTTP. It is for package providerhttp and for providers that dial by
// themselves.
func MayCarry(u *url.URL, allowHTTP bool) bool { return mayCarry(u, allowHTTP) }

// OriginText names u in an error: scheme, host and port, nothing else.
func OriginText(u *url.URL) string { return where(u) }

// Environment names a deployment of an API, such as production or QA. Names
// are compared exactly.
type Environment string

// The environments that most APIs have. Others are whatever the user names.
const (
	Dev  Environment = "dev"
	QA   Environment = "qa"
	Prod Environment = "prod"
)
