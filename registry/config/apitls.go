// Read on in checkkeys.go.

package config

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
)

// tlsID is a hash of what a key tls says, and of its file.
type tlsID [sha256.Size]byte

// tlsMaker makes the TLS configurations of sessions' connections to their APIs.
type tlsMaker struct {
	read   watchedFiles
	made   map[tlsID]*tls.Config // in this load
	before map[tlsID]*tls.Config // in the last good load
	found  *report
}

// config returns the configuration of a session's key tls, the same one for equal
// values. It returns nil after a fault, and if references are not resolved: then
// no file is read either.
func (m *tlsMaker) config(keys tlsKeys, at locator) *tls.Config {
	path := []string{"tls"}
	if keys.CAFile != "" && !keys.CA.IsZero() {
		m.found.add(at, append(path, "ca"), "give it or ca_file, not both")
		return nil
	}
	if m.found.unresolved {
		return nil
	}
	pem, key, err := []byte(keys.CA.Reveal()), "ca", error(nil)
	if keys.CAFile != "" {
		key = "ca_file"
		if pem, err = m.read.read(keys.CAFile, maxReference); err != nil {
			m.found.add(at, append(path, key), "the file: "+err.Error())
			return nil
		}
	}
	if pem, err = textfile.Text(pem); err != nil {
		m.found.add(at, append(path, key), "the text "+err.Error())
		return nil
	}
	var roots *x509.CertPool
	if keys.CAFile != "" || len(pem) > 0 {
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			m.found.add(at, append(path, key), "there is no certificate in PEM in it")
			return nil
		}
	}
	text, _ := json.Marshal([]string{string(pem), keys.ServerName, keys.MinVersion})
	id := tlsID(sha256.Sum256(text))
	made, known := m.before[id]
	if !known {
		made = &tls.Config{RootCAs: roots, ServerName: keys.ServerName, MinVersion: tls.VersionTLS12}
		if keys.MinVersion == "1.3" {
			made.MinVersion = tls.VersionTLS13
		}
	}
	m.made[id] = made
	return made
}

// proxyURL reads the key proxy. It returns nil after a fault, which does not quote
// the value: it may have a password.
func proxyURL(proxy core.Secret, v *variant, found *report) *url.URL {
	text := proxy.Reveal()
	if text == "none" {
		text = "direct:"
	}
	full, where := v.locate([]string{"proxy"})
	if text == "" || found.isUnusable(full) {
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
