// The checks of the address that the browser is sent back to.
//
// Read on in check.go.

package oauth2

import (
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// checkRedirect checks the address that the browser is sent back to.
func (c *Config) checkRedirect() error {
	r := c.Redirect
	var faults []error
	if r.Port < 0 || r.Port > 65535 {
		faults = append(faults, core.Faultf("redirect.port", "want 0 to 65535"))
	}
	if len(r.Ports) > 0 && r.Port != 0 {
		faults = append(faults, core.Faultf("redirect.ports", "give either port or ports"))
	}
	for i, port := range r.Ports {
		if port < 1 || port > 65535 {
			faults = append(faults, core.Faultf("redirect.ports", "number %d: want 1 to 65535", i+1))
		}
	}
	if r.Path != "" && !isPlainPath(r.Path) {
		faults = append(faults, core.Faultf("redirect.path", "is not a plain path, such as /callback"))
	}
	if !slices.Contains([]string{"", "127.0.0.1", "localhost", "::1"}, r.Host) {
		faults = append(faults, core.Faultf("redirect.host", "want 127.0.0.1, localhost or ::1"))
	}
	return errors.Join(append(faults, r.checkListen(), c.checkRedirectURL())...)
}

func (r Redirect) checkListen() error {
	if r.Listen == "" {
		return nil
	}
	address, err := netip.ParseAddr(r.Listen)
	switch {
	case err != nil:
		return core.Faultf("redirect.listen", "want an IP address, such as 0.0.0.0")
	case !r.hasPort() && !address.IsLoopback():
		return core.Faultf("redirect.listen",
			"needs redirect.port: a port that changes cannot be published")
	}
	return nil
}

// checkRedirectURL checks the redirect URI that is registered at the server. If something
// listens, a proxy has to reach it by HTTP. If nothing does, it may be of any scheme, as
// urn:ietf:wg:oauth:2.0:oob.
func (c *Config) checkRedirectURL() error {
	r := c.Redirect
	if r.URL == "" {
		return nil
	}
	u, err := url.Parse(r.URL)
	switch {
	case err != nil || !u.IsAbs() || strings.Contains(r.URL, "#") ||
		strings.ContainsFunc(r.URL, func(r rune) bool { return r <= ' ' || r > '~' }):
		return core.Faultf("redirect.url",
			"is not an absolute URL without a fragment (RFC 6749 §3.1.2)")
	case u.Scheme != "http" && u.Scheme != "https" && !r.hasPort():
		return nil
	}
	if err := checkURL(r.URL, c.AllowHTTP); err != nil {
		return core.Faultf("redirect.url", "%v", err)
	}
	return nil
}

// isPlainPath reports whether s is a path that needs no escaping.
func isPlainPath(s string) bool {
	u, err := url.Parse(s)
	if err != nil || s[0] != '/' || u.Path != s || u.Host != "" {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}
