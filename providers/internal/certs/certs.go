// Package certs loads the certificates that settings name: a client's chain
// and key, and the roots to verify a server with, from PEM files, from text in
// the settings, or from PKCS #12 (RFC 7292).
//
//	cfg := certs.Config{CertFile: "client.pem", KeyFile: "client.key"}
//	b, err := cfg.Load(ctx, false)
//	attach := core.Attachment{Cert: b.Cert, Roots: b.Roots}
//
// [Config] is made to be embedded in, or to be one field of, the settings of a
// provider. The package keeps nothing: whoever wants to follow files that
// rotate loads them again. Encrypted PEM keys are not supported; PKCS #12 is
// there for keys under a password.
//
// Read on in pem.go.
package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/faults"
	"github.com/authsession/authsession/providers/internal/files"
)

// Config says where certificates are. Each of the three parts is given as a
// file or inline, or the first two together as PKCS #12. The zero Config names
// nothing.
type Config struct {
	CertFile    string      // PEM file with the client's certificate, then its issuers; it may hold the key too.
	Cert        core.Secret // The same as text, in the place of cert_file.
	KeyFile     string      // PEM file with the private key, not encrypted. Default: cert_file.
	Key         core.Secret // The same as text, in the place of key_file.
	CAFile      string      // PEM file with the roots that the server is verified against. Default: the system's.
	CA          core.Secret // The same as text, in the place of ca_file.
	P12File     string      // PKCS #12 file (.p12, .pfx) with certificate, issuers and key, in the place of cert and key.
	P12         core.Secret // The same in base64, in the place of p12_file.
	P12Password core.Secret // What opens the PKCS #12. Default: the empty password.
}

// Bundle is what a [Config] names, loaded and checked.
type Bundle struct {
	Cert  core.Secret       // PEM: the chain, leaf first, then the key; zero: no client certificate
	Roots string            // PEM: the roots; empty: the system's
	Leaf  *x509.Certificate // the client's certificate; nil: none
}

// IsZero reports whether c names nothing at all.
func (c Config) IsZero() bool {
	return !c.HasClient() && c.CAFile == "" && c.CA.IsZero() && c.P12Password.IsZero()
}

// HasClient reports whether c names a client certificate or a part of one.
func (c Config) HasClient() bool { return c.hasPEM() || c.hasP12() }

// HasFiles reports whether c names a file.
func (c Config) HasFiles() bool { return c.CertFile+c.KeyFile+c.CAFile+c.P12File != "" }

func (c Config) hasPEM() bool {
	return c.CertFile != "" || !c.Cert.IsZero() || c.KeyFile != "" || !c.Key.IsZero()
}

func (c Config) hasP12() bool { return c.P12File != "" || !c.P12.IsZero() }

// Check reports, as core faults, the settings that do not go together and
// inline text that cannot be read. It reads no file and no clock. at is the
// path of c among the provider's settings; "" when c is embedded.
func (c Config) Check(at string) error {
	if at != "" {
		at += "."
	}
	var faults []error
	add := func(name, problem string) { faults = append(faults, core.Faultf(at+name, "%s", problem)) }
	for _, pair := range []struct {
		name string
		both bool
	}{
		{"cert", c.CertFile != "" && !c.Cert.IsZero()},
		{"key", c.KeyFile != "" && !c.Key.IsZero()},
		{"ca", c.CAFile != "" && !c.CA.IsZero()},
		{"p12", c.P12File != "" && !c.P12.IsZero()},
	} {
		if pair.both {
			add(pair.name, "give either "+pair.name+" or "+pair.name+"_file")
		}
	}
	switch {
	case c.hasP12() && c.hasPEM():
		add("p12", "give either a PKCS #12 or cert and key")
	case !c.P12Password.IsZero() && !c.hasP12():
		add("p12_password", "there is no p12 or p12_file")
	case (c.KeyFile != "" || !c.Key.IsZero()) && c.CertFile == "" && c.Cert.IsZero():
		add("cert", "a key is given without a certificate")
	}
	if len(faults) == 0 {
		faults = c.checkInline(at)
	}
	return errors.Join(faults...)
}

// checkInline reads what is in the settings themselves.
func (c Config) checkInline(at string) (faults []error) {
	add := func(name string, err error) bool {
		if err != nil {
			faults = append(faults, core.Faultf(at+name, "%s", problem(err)))
		}
		return err == nil
	}
	cert, certErr := parsePEM([]byte(c.Cert.Reveal()))
	key, keyErr := parsePEM([]byte(c.Key.Reveal()))
	if !c.Cert.IsZero() && add("cert", certErr) {
		whole := c.Key.IsZero() && c.KeyFile == ""
		add("cert", cert.want(true, whole))
		if whole && len(faults) == 0 {
			_, err := match(cert.certs, cert.keys[0])
			add("cert", err)
		}
	}
	if !c.Key.IsZero() && add("key", keyErr) && add("key", key.want(false, true)) && !c.Cert.IsZero() && len(faults) == 0 {
		_, err := match(cert.certs, key.keys[0])
		add("key", err)
	}
	if !c.CA.IsZero() {
		_, err := roots([]byte(c.CA.Reveal()))
		add("ca", err)
	}
	if !c.P12.IsZero() {
		_, err := decodeP12(c.P12)
		add("p12", err)
	}
	return faults
}

// attempts to read a pair of files that do not match, and the pause between:
// they may have been exchanged while they were read.
const (
	attempts = 3
	pause    = 50 * time.Millisecond
)

// Load reads what c names. Files are bounded in size and must be regular.
//
// The error is [core.BadConfig] and names the file, never its content, where
// something is missing, unreadable, encrypted, expired or not yet valid, or
// where certificate and key do not match. With rotating (they were good
// before, and another process exchanges them), what is wrong with files is
// [core.Unavailable] instead, as it may be between two writes; only a
// certificate that is out of its time stays BadConfig. Errors about files and
// certificates are [core.Error.Local]. Load waits for nothing but, shortly, for
// a pair of files to match, and gives that up when ctx ends. It is safe for
// concurrent use.
func (c Config) Load(ctx context.Context, rotating bool) (Bundle, error) {
	b, err := c.load()
	for n := 1; n < attempts && errors.Is(err, errMismatch) && c.HasFiles(); n++ {
		select {
		case <-ctx.Done():
			return Bundle{}, core.LocalErrorf(core.Unavailable, "%w; %w", core.Cause(err), context.Cause(ctx))
		case <-time.After(pause):
		}
		b, err = c.load()
	}
	var lasting *validityError
	if err != nil && rotating && c.HasFiles() && !errors.As(err, &lasting) {
		return Bundle{}, files.Later(err)
	}
	return b, err
}

func (c Config) load() (b Bundle, err error) {
	if err := faults.BadConfig(c.Check("")); err != nil {
		return b, err
	}
	if c.CAFile != "" || !c.CA.IsZero() {
		src, data, err := source("ca", c.CAFile, c.CA)
		if err != nil {
			return b, err
		}
		if b.Roots, err = roots(data); err != nil {
			return Bundle{}, src.wrap(err)
		}
	}
	var pair identity
	switch {
	case c.hasP12():
		pair, err = c.loadP12()
	case c.hasPEM():
		pair, err = c.loadPEM()
	default:
		return b, nil
	}
	if err != nil {
		return Bundle{}, err
	}
	if b.Cert, err = pair.encode(); err != nil {
		return Bundle{}, err
	}
	b.Leaf = pair.chain[0]
	return b, nil
}

func (c Config) loadPEM() (identity, error) {
	src, data, err := source("cert", c.CertFile, c.Cert)
	if err != nil {
		return identity{}, err
	}
	cert, err := parsePEM(data)
	if err == nil {
		err = cert.want(true, c.KeyFile == "" && c.Key.IsZero())
	}
	if err != nil {
		return identity{}, src.wrap(err)
	}
	keySrc, key := src, cert
	if c.KeyFile != "" || !c.Key.IsZero() {
		if keySrc, data, err = source("key", c.KeyFile, c.Key); err != nil {
			return identity{}, err
		}
		if key, err = parsePEM(data); err == nil {
			err = key.want(false, true)
		}
		if err != nil {
			return identity{}, keySrc.wrap(err)
		}
	}
	chain, err := match(cert.certs, key.keys[0])
	if err != nil {
		return identity{}, core.LocalErrorf(core.BadConfig, "%s and %s: %w", src, keySrc, err)
	}
	return identity{src, chain, key.keys[0]}, src.wrap(valid(chain[0], time.Now()))
}

func (c Config) loadP12() (identity, error) {
	src := place("p12", c.P12File)
	var data []byte
	var err error
	if c.P12File != "" {
		data, err = files.Read(c.P12File)
	} else {
		data, err = decodeP12(c.P12)
	}
	if err != nil {
		return identity{}, err
	}
	if strings.Contains(string(data[:min(len(data), 1024)]), "-----BEGIN") {
		return identity{}, src.wrap(errors.New("is PEM, not PKCS #12: use cert and key"))
	}
	private, leaf, issuers, err := pkcs12.DecodeChain(data, c.P12Password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		return identity{}, src.wrap(errors.New("the password does not open it"))
	case err != nil:
		return identity{}, src.wrap(errors.New("is not a PKCS #12 with one key and its certificate"))
	}
	key, err := newKey(private)
	if err != nil {
		return identity{}, src.wrap(err)
	}
	chain, err := match(append([]*x509.Certificate{leaf}, issuers...), key)
	if err == nil {
		err = valid(chain[0], time.Now())
	}
	return identity{src, chain, key}, src.wrap(err)
}

func decodeP12(p12 core.Secret) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p12.Reveal()), ""))
	if err != nil || len(data) == 0 {
		return nil, core.Errorf(core.BadConfig, "p12 is not base64")
	}
	return data, nil
}

// TLSConfig loads what c names into a new configuration for a provider's own
// requests: TLS 1.2 or newer, the client certificate if there is one, and the
// roots; without roots, the system's. Arguments and errors are those of
// [Config.Load].
func (c Config) TLSConfig(ctx context.Context, rotating bool) (*tls.Config, error) {
	b, err := c.Load(ctx, rotating)
	if err != nil {
		return nil, err
	}
	return b.TLSConfig()
}

// TLSConfig returns a new configuration with what is in b.
func (b Bundle) TLSConfig() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if b.Roots != "" {
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM([]byte(b.Roots))
	}
	if !b.Cert.IsZero() {
		text := []byte(b.Cert.Reveal())
		pair, err := tls.X509KeyPair(text, text)
		if err != nil {
			return nil, core.Errorf(core.BadConfig, "the client certificate cannot be used for TLS")
		}
		// Not as one of Certificates: those are held back from a server whose
		// list of authorities lacks the issuer, as it does for self-signed ones.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	return config, nil
}
