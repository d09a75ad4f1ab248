// Package certs loads the certificates that settings name: a client's certificates and key, and the
// roots that verify a server. They are in PEM files, in text, or in PKCS #12 (RFC 7292).
//
//	cfg := certs.Config{CertFile: "client.pem", KeyFile: "client.key"}
//	b, err := cfg.Load(ctx, false)
//	attachment := core.Attachment{Cert: b.Cert, Roots: b.Roots}
//
// The package keeps nothing: a caller that follows files that are replaced loads them again.
//
// Read on in pbes2.go.
package certs

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/authsession/authsession/core"
)

// Config says where certificates are. The client's certificate, its key and the roots are each a
// file or a text; the first two may be PKCS #12 instead. The zero Config names nothing. A provider
// converts its own settings, which have the same fields, to a Config.
type Config struct {
	// PEM file with the client's certificate, then its issuers; it may hold the key
	CertFile    string
	Cert        core.Secret // the same as text, in place of CertFile
	KeyFile     string      // PEM file with the private key; empty: CertFile
	Key         core.Secret // the same as text, in place of KeyFile
	KeyPassword core.Secret // the password of the private key; zero: the key is not encrypted
	CAFile      string      // PEM file with the roots that verify the server; empty: the system's
	CA          core.Secret // the same as text, in place of CAFile
	P12File     string      // PKCS #12 file with certificates and key, in place of Cert and Key
	P12         core.Secret // the same in base64, in place of P12File
	P12Password core.Secret // the password of the PKCS #12
	// Renegotiation says whether the server may ask for a renegotiation of TLS 1.2: Never, Once or
	// Freely; empty: Never.
	Renegotiation Renegotiation

	// NoPasswords says that the caller has no setting for KeyPassword, which errors then do not name.
	NoPasswords bool
}

// Renegotiation says how often a server may ask for a renegotiation (RFC 5246 §7.4.1.1), which
// older servers do when a request turns out to need a client certificate.
type Renegotiation string

// The values of a Renegotiation.
const (
	Never  Renegotiation = "never"
	Once   Renegotiation = "once"
	Freely Renegotiation = "freely"
)

// Bundle is what a [Config] names, loaded and checked.
type Bundle struct {
	Cert  core.Secret       // PEM: the certificates, the client's first, then the key; zero: none
	Roots string            // PEM: the roots; empty: the system's
	Leaf  *x509.Certificate // the client's certificate; nil: none

	renegotiation Renegotiation

	rootsFrom origin
	skipped   []string // why roots are not in Roots
}

// IsZero reports whether c names nothing.
func (c Config) IsZero() bool {
	return !c.HasClient() && c.CAFile == "" && c.CA.IsZero() && c.P12Password.IsZero() &&
		c.KeyPassword.IsZero() && c.Renegotiation == ""
}

// HasClient reports whether c names a client certificate or a part of one.
func (c Config) HasClient() bool { return c.hasPEM() || c.hasP12() }

// HasFiles reports whether c names a file.
func (c Config) HasFiles() bool { return c.CertFile+c.KeyFile+c.CAFile+c.P12File != "" }

func (c Config) hasPEM() bool {
	return c.CertFile != "" || !c.Cert.IsZero() || c.KeyFile != "" || !c.Key.IsZero()
}

// keyPassword returns the password of the private key in PEM.
func (c Config) keyPassword() Password {
	if c.NoPasswords {
		return Password{}
	}
	return Password{c.KeyPassword, "key_password"}
}

func (c Config) hasP12() bool { return c.P12File != "" || !c.P12.IsZero() }

// TLSConfig returns a new configuration with the certificates of b, for TLS 1.2 or newer.
func (b Bundle) TLSConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	switch b.renegotiation {
	case Once:
		config.Renegotiation = tls.RenegotiateOnceAsClient
	case Freely:
		config.Renegotiation = tls.RenegotiateFreelyAsClient
	}
	if b.Roots != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(b.Roots))
	}
	if !b.Cert.IsZero() {
		text := []byte(b.Cert.Reveal())
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			return nil, core.Errorf(core.CodeBadConfig, "the client certificate cannot be used for TLS")
		}
		// config.Certificates would not do: crypto/tls presents one of them only to a server whose list
		// of authorities has the issuer. No list has that of a self-signed certificate.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &pair, nil
		}
	}
	return config, nil
}
