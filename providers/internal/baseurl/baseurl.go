// Package baseurl handles the setting base_url, the address of an API:
//
//	if err := baseurl.Check(cfg.BaseURL); err != nil {
//		return core.Faultf("base_url", "%v", err)
//	}
//	baseurl.Apply(&cred, cfg.BaseURL)
//
// All functions are safe for concurrent use.
package baseurl

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
)

// Check reports what is wrong with a base URL: it must be an absolute http or https URL without
// user, query and fragment. The empty string is correct. The error is a phrase without a code; it
// does not contain the URL.
func Check(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Hostname() == "",
		u.User != nil, strings.ContainsAny(s, "?#"):
		return errors.New("want the address of the API, such as https://api.example.com/v1")
	}
	return core.CheckHost(u)
}

// Apply makes base, which [Check] accepts, the attribute "base_url" of c, and the origin of base
// the only origin of c. It replaces all attributes. If base is empty, it does nothing.
func Apply(c *core.Credential, base string) {
	u, err := url.Parse(base)
	if base == "" || err != nil {
		return
	}
	c.Origins = []string{u.Scheme + "://" + u.Host}
	c.Attributes = map[string]string{"base_url": base}
}

// IsLoopback reports whether host, without a port, names this machine (RFC 6761 §6.3).
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
