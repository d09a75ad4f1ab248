// Private keys: their formats and their encryption.
//
// Read on in pem.go.

package certs

import (
	"bytes"
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
		if bits := k.N.BitLen(); bits < minRSABits {
			return key{}, fmt.Errorf("the RSA key has %d bits, which is insecure; want 2048 or more", bits)
		}
		return key{k}, nil
	case *ecdsa.PrivateKey:
		return key{k}, nil
	case ed25519.PrivateKey:
		return key{k}, nil
	}
	return key{}, unusableKind("")
}

// minRSABits is the length of the shortest RSA key that crypto/rsa signs with.
const minRSABits = 1024

// keyKinds are the names of keys that crypto/tls cannot use, by their algorithms.
var keyKinds = map[string]string{
	"1.2.840.113549.1.1.10": "RSASSA-PSS", "1.2.840.10040.4.1": "DSA", "1.2.840.113549.1.3.1": "DH",
	"1.3.101.110": "X25519", "1.3.101.111": "X448", "1.3.101.113": "Ed448",
}

// unusableKind returns the error of a key whose algorithm is at the end of text, if that is known.
func unusableKind(text string) error {
	name := keyKinds[text[strings.LastIndexByte(text, ' ')+1:]]
	if name != "" {
		name = ", " + name
	}
	return fmt.Errorf("the private key is of a kind that TLS in Go has no use for%s; want RSA, ECDSA "+
		"or Ed25519", name)
}

// parseKey parses a private key, and decrypts it if it is encrypted. A password for a key that is
// not encrypted is an error, as somebody believes that the file is protected.
func parseKey(block *pem.Block, p Password) (key, error) {
	encrypted := isEncrypted(block)
	switch {
	case !encrypted && !p.Text.IsZero():
		return key{}, fmt.Errorf("the private key is not encrypted; it needs no %s", p.Setting)
	case !encrypted:
		return parseKeyDER(block.Bytes)
	}
	// Without a password, it is the empty one, which some programs encrypt with.
	k, err := decryptKey(block, []byte(p.Text.Reveal()))
	switch {
	case err == nil || !p.Text.IsZero() && !errors.Is(err, errWrongPassword):
		return k, err
	case !p.Text.IsZero():
		return key{}, fmt.Errorf("%s does not open the private key%s", p.Setting, passwordHint(p.Text))
	case p.Setting == "":
		return key{}, errors.New("the private key is encrypted; decrypt it: " +
			"openssl pkey -in client.key -out plain.key")
	}
	return key{}, fmt.Errorf("the private key is encrypted; set %s", p.Setting)
}

// passwordHint returns what is odd about a password that opens nothing, after a semicolon, as a
// file, a variable or a copy may add it; "" if nothing is.
func passwordHint(password core.Secret) string {
	text := password.Reveal()
	err := cmp.Or(headers.UnseenEnd(text), headers.Unquoted(text))
	switch {
	case strings.TrimRight(text, "\r\n") != text:
		return "; it ends in a line break: remove it"
	case strings.Trim(text, " \t") != text:
		return "; it begins or ends in a space"
	case err != nil:
		return "; it " + err.Error()
	}
	return ""
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

var (
	// errNoKey is the error of bytes that are not a private key.
	errNoKey = errors.New("the private key cannot be read")
	errCurve = errors.New("the private key is of a curve that TLS has no use for; want P-256, P-384 " +
		"or P-521")
)

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
	case bytes.Contains(der, primeField):
		return key{}, errors.New("the private key has the parameters of its curve and not its name; " +
			"convert it: openssl ec -param_enc named_curve -in client.key -out named.key; its certificate " +
			"must name the curve, too")
	case strings.Contains(errPKCS8.Error()+errEC.Error(), "unknown elliptic curve"):
		return key{}, errCurve
	case strings.Contains(errPKCS8.Error(), "unknown algorithm"):
		return key{}, unusableKind(errPKCS8.Error())
	}
	return key{}, errNoKey
}

// primeField is the type of a field in the parameters of a curve (RFC 3279 §2.3.5), in DER.
var primeField = []byte("\x06\x07\x2a\x86\x48\xce\x3d\x01\x01")
