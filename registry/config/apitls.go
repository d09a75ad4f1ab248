// Read on in checkkeys.go.

package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"net/netip"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/pemfile"
)

// tlsID is a hash of what a key tls says, and of its file.
type tlsID [sha256.Size]byte

// tlsMaker makes the TLS configurations of sessions' connections to their APIs.
type tlsMaker struct {
	read   func(name string) ([]byte, error)
	made   map[tlsID]*tls.Config // in this load
	before map[tlsID]*tls.Config // in the last good load
	log    *slog.Logger          // nil: none
	found  *report
}

// config returns the configuration of a session's key tls, the same one for equal
// values. It returns nil after a fault, and if references are not resolved: then
// no file is read either.
func (m *tlsMaker) config(keys tlsKeys, at locator) *tls.Config {
	if keys.CAFile != "" && !keys.CA.IsZero() {
		m.found.add(at, []string{"tls", "ca"}, "give it or ca_file, not both")
		return nil
	}
	full, where := at([]string{"tls", "server_name"})
	if keys.ServerName != "" && !m.found.isUnusable(full) && !isServerName(keys.ServerName) {
		m.found.addAt(where, full, `want the name of a host alone, such as "api.example.com"`)
		return nil
	}
	if m.found.unresolved {
		return nil
	}
	roots, ok := m.roots(keys, at)
	if !ok {
		return nil
	}
	text, _ := json.Marshal([]string{roots.PEM, keys.ServerName, keys.MinVersion, keys.Renegotiation})
	id := tlsID(sha256.Sum256(text))
	made, known := m.before[id]
	if !known {
		made = newTLS(keys, roots.PEM)
		m.warn(at, roots.Skipped)
	}
	m.made[id] = made
	return made
}

// isServerName reports whether a certificate can have a name: that of a host, or an address.
func isServerName(name string) bool {
	if addr, err := netip.ParseAddr(name); err == nil {
		return addr.Zone() == ""
	}
	return !strings.Contains(name, ":") && core.CheckHost(&url.URL{Host: name}) == nil
}

// roots reads the roots of a key tls. It reports false after a fault.
func (m *tlsMaker) roots(keys tlsKeys, at locator) (roots pemfile.Roots, ok bool) {
	key, from, pem := "ca", "the text ", []byte(keys.CA.Reveal())
	var err error
	if keys.CAFile != "" {
		key, from = "ca_file", "the file "
		pem, err = m.read(keys.CAFile)
	}
	if err == nil && (keys.CAFile != "" || len(pem) > 0) {
		roots, err = pemfile.ReadRoots(pem)
	}
	if err != nil {
		m.found.add(at, []string{"tls", key}, from+err.Error())
	}
	return roots, err == nil
}

// warn logs which roots are not used.
func (m *tlsMaker) warn(at locator, skipped []string) {
	if m.log == nil {
		return
	}
	path, _ := at([]string{"tls"})
	for _, why := range skipped {
		m.log.Warn("a root certificate is skipped", slog.String("from", strings.Join(path, ".")),
			slog.String("reason", why))
	}
}

// newTLS returns the configuration of a key tls, with the roots in a PEM text; "": the
// others.
func newTLS(keys tlsKeys, roots string) *tls.Config {
	made := &tls.Config{ServerName: keys.ServerName, MinVersion: tls.VersionTLS12}
	if roots != "" {
		made.RootCAs = x509.NewCertPool()
		made.RootCAs.AppendCertsFromPEM([]byte(roots))
	}
	if keys.MinVersion == "1.3" {
		made.MinVersion = tls.VersionTLS13
	}
	switch keys.Renegotiation {
	case "once":
		made.Renegotiation = tls.RenegotiateOnceAsClient
	case "freely":
		made.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	return made
}

// proxyURL reads the key proxy. It returns nil after a fault, which does not quote
// the value: it may have a password.
func proxyURL(proxy core.Secret, v *variant, found *report) *url.URL {
	text := proxy.Reveal()
	if text == "none" {
		text = "direct:"
	}
	if text == "" {
		return nil
	}
	full, where := v.locate([]string{"proxy"})
	if found.isUnusable(full) {
		return nil
	}
	u, err := url.Parse(strings.TrimSpace(text))
	if opts := (core.Options{Proxy: u}); err == nil && opts.Check() == nil {
		return u
	}
	found.addAt(where, full, `want the URL of an http, https, socks5 or socks5h proxy, such as `+
		`"http://proxy.example.com:8080", or none; in a user name or password, write "@", ":", "/" `+
		`and "%" as %40, %3A, %2F and %25`)
	return nil
}
