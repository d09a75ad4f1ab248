// Read on in proxytls.go.

package core

import (
	"crypto/tls"
	"crypto/x509"
	"time"
)

// noCertificate makes a handshake present none.
var noCertificate = new(tls.Certificate)

// certificate returns the certificate that a handshake presents: cert, or noCertificate
// if cert is nil. It returns an error if cert has ended.
func (s sender) certificate(u *setup, cert *tls.Certificate) (*tls.Certificate, error) {
	if cert == nil {
		return noCertificate, nil
	}
	if !endsAfter(cert, 0) {
		leaf := leafOf(cert)
		return nil, u.annotate(Errorf(CodeUnavailable, "the client certificate of %q ended at %s",
			printable(leaf.Subject.String()), leaf.NotAfter.UTC().Format(time.RFC3339)), "authorize")
	}
	return cert, nil
}

// endsAfter reports whether a client certificate is still valid after d.
func endsAfter(cert *tls.Certificate, d time.Duration) bool {
	if cert == noCertificate {
		return true
	}
	leaf := leafOf(cert)
	return leaf == nil || !time.Now().Add(d).After(leaf.NotAfter)
}

// leafOf returns the parsed certificate, or nil if it cannot be parsed.
func leafOf(cert *tls.Certificate) *x509.Certificate {
	if cert.Leaf != nil { // unless GODEBUG=x509keypairleaf=0
		return cert.Leaf
	}
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		return nil
	}
	return leaf
}

// tlsConfig returns a clone of base, TLS 1.2 at least, that verifies servers
// against the roots of l unless base has some. l may be nil.
func tlsConfig(base *tls.Config, l *credential) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		config = base.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	if l != nil && l.cred.Attach.Roots != "" && config.RootCAs == nil {
		config.RootCAs = certPool(l.cred.Attach.Roots)
	}
	return config
}

// certPool returns the certificates of a PEM text. It is empty if the text holds
// none: then no server is trusted.
func certPool(text string) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(text))
	return pool
}
