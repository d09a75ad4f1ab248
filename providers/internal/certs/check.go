// The check of a Config without its files.
//
// Read on in skipped.go.

package certs

import (
	"errors"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/pemfile"
)

// Check reports, as core faults, settings that exclude each other and texts that cannot be parsed.
// It reads no file and no clock. at is the path of c in the provider's settings; "" if the fields
// of c are settings of the provider itself.
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
	c.checkParts(add)
	if len(faults) == 0 {
		faults = c.checkInline(at)
	}
	return errors.Join(faults...)
}

// checkParts adds the faults of parts that do not go together.
func (c Config) checkParts(add func(name, problem string)) {
	switch {
	case c.hasP12() && c.hasPEM():
		add("p12", "give either a PKCS #12 or cert and key")
	case !c.P12Password.IsZero() && !c.hasP12():
		add("p12_password", "there is no p12 or p12_file")
	case !c.KeyPassword.IsZero() && c.hasP12():
		add("key_password", "it is for a key in PEM; that of a PKCS #12 is p12_password")
	case !c.KeyPassword.IsZero() && !c.hasPEM():
		add("key_password", "there is no key or key_file")
	case (c.KeyFile != "" || !c.Key.IsZero()) && c.CertFile == "" && c.Cert.IsZero():
		add("cert", "a key is given without a certificate")
	}
}

// checkInline parses the texts in c. It stops at a text that it cannot parse.
func (c Config) checkInline(at string) (faults []error) {
	add := func(name string, err error) {
		if err != nil {
			faults = append(faults, core.Faultf(at+name, "%s", core.Cause(err)))
		}
	}
	cert, err := c.checkCertText()
	add("cert", err)
	if !c.Key.IsZero() {
		k, err := c.keyOf([]byte(c.Key.Reveal()))
		if err == nil && len(cert.certs) > 0 {
			_, err = cert.chain(k, time.Now())
		}
		add("key", err)
	}
	if !c.CA.IsZero() {
		_, err := pemfile.ReadRoots([]byte(c.CA.Reveal()))
		add("ca", err)
	}
	if !c.P12.IsZero() {
		_, err := decodeBase64(c.P12)
		add("p12", err)
	}
	return faults
}

// checkCertText returns the certificates of the text with them, which holds the key if there is no
// other key.
func (c Config) checkCertText() (content, error) {
	if c.Cert.IsZero() {
		return content{}, nil
	}
	cert, err := parsePEM([]byte(c.Cert.Reveal()))
	if err == nil {
		err = cert.requireCert()
	}
	if err == nil && c.Key.IsZero() && c.KeyFile == "" {
		var k key
		if k, err = cert.ownKey(c.keyPassword()); err == nil {
			_, err = cert.chain(k, time.Now())
		}
	}
	if err != nil {
		return content{}, err
	}
	return cert, nil
}

// keyOf returns the private key of a PEM text.
func (c Config) keyOf(data []byte) (key, error) {
	content, err := parsePEM(data)
	if err != nil {
		return key{}, err
	}
	return content.key(c.keyPassword())
}
