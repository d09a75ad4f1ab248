// Private keys: their formats and their encryption.
//
// Read on in pem.go.

package certs

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/headers"
)

// Password opens an encrypted private key or a PKCS #12. The zero Password is none.
type Password struct {
	Text    core.Secret
	Setting string // the name of its setting, for errors; empty: there is no such setting
}

// key is a private key that can make TLS signatures.
type key struct{ crypto.Signer }

func newKey(private any) (key, error) {
	switch k := private.(type) {
	case *rsa.PrivateKey:
		return key{k}, nil
	case *ecdsa.PrivateKey:
		return key{k}, nil
	case ed25519.PrivateKey:
		return key{k}, nil
	}
	return key{},
		errors.New("the private key is of a kind that TLS has no use for; want RSA, ECDSA or Ed25519")
}

// parseKey parses a private key, and decrypts it if it is encrypted. A password for a key that is
// not encrypted is an error, as somebody believes that the file is protected.
func parseKey(block *pem.Block, p Password) (key, error) {
	encrypted := isEncrypted(block)
	switch {
	case encrypted && p.Setting == "":
		return key{}, errors.New("the private key is encrypted; decrypt it: " +
			"openssl pkey -in client.key -out plain.key")
	case encrypted && p.Text.IsZero():
		return key{}, fmt.Errorf("the private key is encrypted; set %s", p.Setting)
	case !encrypted && !p.Text.IsZero():
		return key{}, fmt.Errorf("the private key is not encrypted; it needs no %s", p.Setting)
	case !encrypted:
		return parseKeyDER(block.Bytes)
	}
	k, err := decryptKey(block, []byte(p.Text.Reveal()))
	if errors.Is(err, errWrongPassword) {
		return key{}, fmt.Errorf("%s does not open the private key%s", p.Setting, passwordHint(p.Text))
	}
	return k, err
}

// passwordHint returns what is odd about a password that does not open something, such as a line
// break at its end; "": nothing is.
func passwordHint(password core.Secret) string {
	text := password.Reveal()
	err := cmp.Or(headers.UnseenEnd(text), headers.Unquoted(text))
	if err == nil && strings.TrimSpace(text) != text {
		err = errors.New("has a space at an end")
	}
	if err == nil {
		return ""
	}
	return ": it " + err.Error()
}

// isEncrypted reports whether a key is encrypted, in PKCS #8 or in the way of RFC 1421.
func isEncrypted(block *pem.Block) bool {
	return block.Type == encryptedPKCS8 ||
		strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED")
}

const encryptedPKCS8 = "ENCRYPTED PRIVATE KEY"

// decryptKey decrypts and parses a private key.
func decryptKey(block *pem.Block, password []byte) (key, error) {
	if block.Type == encryptedPKCS8 {
		der, err := decryptPKCS8(block.Bytes, password)
		if err != nil {
			return key{}, err
		}
		return parseDecrypted(der)
	}
	//lint:ignore SA1019 keys in this format exist, and nothing else of the standard library reads them
	der, err := x509.DecryptPEMBlock(block, password)
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return key{}, errWrongPassword
	case err != nil:
		return key{}, errors.New("the private key is encrypted in a way that cannot be read; " +
			convertEncrypted)
	}
	return parseDecrypted(der)
}

// parseDecrypted parses what a password has decrypted. One wrong password in 256 gives bytes
// with a right padding.
func parseDecrypted(der []byte) (key, error) {
	if k, err := parseKeyDER(der); !errors.Is(err, errNoKey) {
		return k, err
	}
	return key{}, errWrongPassword
}

// errNoKey is the error of bytes that are not a private key.
var errNoKey = errors.New("the private key cannot be read")

// parseKeyDER parses a private key in PKCS #1, PKCS #8 or SEC 1. The label of a PEM block does not
// say which of them it is, as programs use wrong ones; crypto/tls tries them in the same way.
func parseKeyDER(der []byte) (key, error) {
	if private, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return newKey(private)
	}
	private, errPKCS8 := x509.ParsePKCS8PrivateKey(der)
	if errPKCS8 == nil {
		return newKey(private)
	}
	curve, errEC := x509.ParseECPrivateKey(der)
	switch {
	case errEC == nil:
		return newKey(curve)
	case strings.Contains(errPKCS8.Error()+errEC.Error(), "unknown elliptic curve"):
		return key{}, errors.New("the private key is of a curve that TLS has no use for; " +
			"want P-256, P-384 or P-521")
	case strings.Contains(errPKCS8.Error(), "unknown algorithm"):
		return newKey(nil)
	}
	return key{}, errNoKey
}
