// Read on in state.go.

package core

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// origin is a scheme, host and port (RFC 6454 §4), normalised.
type origin struct {
	scheme   string
	hostPort string // host:port, lower case
	host     string // hostPort, without the scheme's default port
	text     string // scheme://host
}

// parseOrigin reads "https://api.example.com" or "https://[::1]:8443". A
// single "/" at the end is allowed.
func parseOrigin(s string) (origin, error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || strings.ContainsAny(s, "?#") ||
		u.Path != "" && u.Path != "/" {
		return origin{}, fmt.Errorf(`%q is not an origin, such as "https://api.example.com"`,
			printable(s))
	}
	o, ok := originOf(u)
	if !ok {
		return origin{}, fmt.Errorf("origin %q: want https or http", printable(s))
	}
	if err := CheckHost(u); err != nil {
		return origin{}, fmt.Errorf("origin %q: %w", printable(s), err)
	}
	return o, nil
}

// CheckHost reports a host or a port of u that no server can have, such as a wildcard, a
// name with characters that cannot be seen, or the port 65536. The error is a phrase that
// follows the name of the URL; it does not contain the URL. u must not be nil. It is for
// package providerhttp and for providers that check URLs in their settings.
func CheckHost(u *url.URL) error {
	if err := checkPort(u); err != nil {
		return err
	}
	host := u.Hostname()
	switch {
	case host == "":
		return errors.New("has no host")
	case u.Host[0] == '[':
		if addr, err := netip.ParseAddr(host); err != nil || !addr.Is6() {
			return errors.New("has brackets around a host that is not an IPv6 address")
		}
		return nil
	case strings.Contains(host, "*"):
		return errors.New("has a wildcard (*) as its host: name each host by itself")
	case strings.ContainsFunc(host, func(r rune) bool { return !isHostRune(r) }):
		return errors.New("has a character in its host that no name of a host has")
	}
	const maxHost, maxLabel = 253, 63 // RFC 1035 §2.3.4
	name := strings.TrimSuffix(host, ".")
	isWrong := len(name) > maxHost
	for label := range strings.SplitSeq(name, ".") {
		isWrong = isWrong || label == "" || len(label) > maxLabel
	}
	if isWrong {
		return errors.New("has a host with a part that is empty or too long")
	}
	return nil
}

// isHostRune reports whether r can be in the name of a host. Beyond ASCII, IDNA (RFC 5890)
// decides, of which the standard library has no table.
func isHostRune(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return true
	case r < utf8.RuneSelf:
		return r == '-' || r == '.' || r == '_'
	}
	return isVisible(r)
}

func checkPort(u *url.URL) error {
	port := u.Port()
	if port == "" && !strings.HasSuffix(u.Host, ":") {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || port[0] == '0' {
		return errors.New("has a port that is not a number from 1 to 65535")
	}
	return nil
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
	o := origin{scheme: scheme, hostPort: net.JoinHostPort(host, port)}
	o.host = o.hostPort
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		o.host = strings.TrimSuffix(o.hostPort, ":"+port)
	}
	// The percent sign is before the zone of an address (RFC 6874 §2).
	o.text = scheme + "://" + strings.Replace(o.host, "%", "%25", 1)
	return o, true
}

// lowerASCII maps A to Z to lower case. Unicode's mapping would make two different
// hosts equal: it maps İ to i, and IDNA (RFC 5895) does not.
func lowerASCII(s string) string {
	out := []byte(s) // by bytes, so that invalid UTF-8 is not changed
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
	if u.Host == o.host || u.Host == o.hostPort {
		return true
	}
	if isCommonHost(u.Host) {
		return false
	}
	other, ok := originOf(u)
	return ok && other.hostPort == o.hostPort
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

// startsURI reports whether uri begins with the origin, as gRPC spells it.
func (o *origin) startsURI(uri string) bool {
	n := len(o.text)
	return len(uri) > n && uri[n] == '/' && uri[:n] == o.text
}

// isPlainLoopback reports whether o is http and names this machine.
func (o *origin) isPlainLoopback() bool {
	return o.scheme == "http" && isLoopback(&url.URL{Host: o.hostPort})
}

// isRPCHost reports whether u, as gRPC makes it, names the host and port of o. gRPC
// always writes https and leaves out the port 443.
func (o *origin) isRPCHost(u *url.URL) bool {
	other, ok := originOf(u)
	return ok && other.scheme == "https" && other.hostPort == o.hostPort
}

func sameOrigin(a, b *url.URL) bool {
	if a.Scheme == b.Scheme && a.Host == b.Host {
		return true
	}
	x, okA := originOf(a)
	y, okB := originOf(b)
	return okA && okB && x.scheme == y.scheme && x.hostPort == y.hostPort
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

// MayCarry reports whether a credential may be sent to u: over TLS, to this machine
// (a loopback address or the name localhost), or, with allowHTTP, over plain HTTP. u
// must not be nil. It is for package providerhttp and for providers that open their
// own connections.
func MayCarry(u *url.URL, allowHTTP bool) bool {
	return httpScheme(u.Scheme) == "https" || allowHTTP || isLoopback(u)
}

// OriginText returns the scheme, host and port of u, for errors. For nil it returns
// "no URL".
func OriginText(u *url.URL) string {
	if u == nil {
		return "no URL"
	}
	return printable(u.Scheme + "://" + u.Host)
}

// Environment names a deployment of an API, such as production or QA. Names
// are compared exactly.
type Environment string

// The environments that most APIs have. A configuration may name any others.
const (
	Dev  Environment = "dev"
	QA   Environment = "qa"
	Prod Environment = "prod"
)
