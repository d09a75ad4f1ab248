// PKCS #12, and private keys in any of the formats.
//
// Read on in check.go.

package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/authsession/authsession/core"
	"software.sslmate.com/src/go-pkcs12"
)

// decodePKCS12 returns the key, its certificate and the issuers in data. The error is a phrase
// without a code.
func decodePKCS12(data []byte,
	password core.Secret) (private any, leaf *x509.Certificate, issuers []*x509.Certificate,
	err error) {
	private, leaf, issuers, err = pkcs12.DecodeChain(data, password.Reveal())
	switch {
	case errors.Is(err, pkcs12.ErrIncorrectPassword):
		err = errors.New("the password does not open it")
	case err != nil:
		err = errors.New("is not a PKCS #12 with one key and its certificate")
	}
	return private, leaf, issuers, err
}

// decodeBase64 decodes a PKCS #12 in the settings. White space in it is ignored.
func decodeBase64(p12 core.Secret) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(p12.Reveal()), ""))
	if err != nil || len(data) == 0 {
		return nil, core.Errorf(core.CodeBadConfig, "p12 is not base64")
	}
	return data, nil
}

// ParseKey returns the one private key in data: PEM (PKCS #8, PKCS #1 or SEC 1), or PKCS #12 that
// password opens, and its certificate if data has it; nil: it has none. The error is a phrase without
// a code; it contains nothing of data. ParseKey is safe for concurrent use.
func ParseKey(data []byte, password core.Secret) (crypto.Signer, *x509.Certificate, error) {
	if isDER(data) && !bytes.Contains(data, []byte(pemStart)) {
		private, leaf, _, err := decodePKCS12(data, password)
		if err != nil {
			return nil, nil, err
		}
		k, err := newKey(private)
		if err != nil {
			return nil, nil, err
		}
		return k.Signer, certificateOf(k.Signer, []*x509.Certificate{leaf}), nil
	}
	c, err := parsePEM(data)
	if err == nil {
		err = c.require(false, true)
	}
	if err != nil {
		return nil, nil, err
	}
	if !password.IsZero() {
		return nil, nil, errors.New("is PEM, which needs no password; passwords are for PKCS #12")
	}
	return c.keys[0].Signer, certificateOf(c.keys[0].Signer, c.certs), nil
}

// certificateOf returns the certificate of a key: of several the one that ends last; nil: none.
func certificateOf(key crypto.Signer, list []*x509.Certificate) *x509.Certificate {
	var found *x509.Certificate
	public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool })
	for _, cert := range list {
		if ok && cert != nil && public.Equal(cert.PublicKey) &&
			(found == nil || cert.NotAfter.After(found.NotAfter)) {
			found = cert
		}
	}
	return found
}
