package certs

import (
	"bytes"
	"crypto"
	"errors"

	"github.com/authsession/authsession/core"
	"software.sslmate.com/src/go-pkcs12"
)

// ParseKey returns the one private key in data: PEM in PKCS #8, PKCS #1 or SEC
// 1, or PKCS #12, which password opens. Certificates beside it do not matter.
// The error has no code and quotes nothing. It is safe for concurrent use.
func ParseKey(data []byte, password core.Secret) (crypto.Signer, error) {
	if bytes.HasPrefix(data, []byte{0x30}) && !bytes.Contains(data, []byte("-----BEGIN ")) {
		private, _, _, err := pkcs12.DecodeChain(data, password.Reveal())
		switch {
		case errors.Is(err, pkcs12.ErrIncorrectPassword):
			return nil, errors.New("the password does not open it")
		case err != nil:
			return nil, errors.New("is not a PKCS #12 with one key and its certificate")
		}
		k, err := newKey(private)
		return k.Signer, err
	}
	c, err := parsePEM(data)
	if err == nil {
		err = c.want(false, true)
	}
	if err != nil {
		return nil, err
	}
	if !password.IsZero() {
		return nil, errors.New("is PEM, which needs no password; passwords are for PKCS #12")
	}
	return c.keys[0].Signer, nil
}
