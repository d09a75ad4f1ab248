// The check of a Config without its files.
//
// Read on in load.go.

package certs

import (
	"errors"

	"github.com/authsession/authsession/core"
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

// checkInline parses the texts in c. It stops at a text that it cannot parse.
func (c Config) checkInline(at string) (faults []error) {
	add := func(name string, err error) {
		if err != nil {
			faults = append(faults, core.Faultf(at+name, "%s", core.Cause(err)))
		}
	}
	add("cert", c.checkCertText())
	add("key", c.checkKeyText())
	if len(faults) == 0 && !c.Cert.IsZero() && !c.Key.IsZero() {
		add("key", matchTexts(c.Cert, c.Key))
	}
	if !c.CA.IsZero() {
		_, err := rootsPEM([]byte(c.CA.Reveal()))
		add("ca", err)
	}
	if !c.P12.IsZero() {
		_, err := decodeBase64(c.P12)
		add("p12", err)
	}
	return faults
}

// checkCertText checks the text with the certificates, which holds the key if there is no other
// key.
func (c Config) checkCertText() error {
	if c.Cert.IsZero() {
		return nil
	}
	withKey := c.Key.IsZero() && c.KeyFile == ""
	cert, err := parsePEM([]byte(c.Cert.Reveal()))
	if err == nil {
		err = cert.require(true, withKey)
	}
	if err == nil && withKey {
		_, err = orderChain(cert.certs, cert.keys[0])
	}
	return err
}

func (c Config) checkKeyText() error {
	if c.Key.IsZero() {
		return nil
	}
	key, err := parsePEM([]byte(c.Key.Reveal()))
	if err == nil {
		err = key.require(false, true)
	}
	return err
}

// matchTexts reports whether the certificates and the key in two texts, which checkCertText and
// checkKeyText accept, belong together.
func matchTexts(certText, keyText core.Secret) error {
	cert, err := parsePEM([]byte(certText.Reveal()))
	if err != nil {
		return err
	}
	key, err := parsePEM([]byte(keyText.Reveal()))
	if err != nil {
		return err
	}
	_, err = orderChain(cert.certs, key.keys[0])
	return err
}
