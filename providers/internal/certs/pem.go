// Certificates and keys in PEM, and which belong together.
//
// Read on in pkcs12.go.

package certs

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/files"
)

// originOf returns where a part of a Config is, for errors.
func originOf(setting, file string) origin {
	if file != "" {
		return origin(fmt.Sprintf("file %q", file))
	}
	return origin("setting " + setting)
}

// origin is a file or a setting.
type origin string

// wrap adds o to an error; nil stays nil.
func (o origin) wrap(err error) error {
	if err == nil {
		return nil
	}
	return core.LocalErrorf(core.CodeBadConfig, "%s: %w", o, err)
}

// readPart returns the content of one part of a Config: of its file or of its text.
func readPart(setting, file string, text core.Secret) (origin, []byte, error) {
	from := originOf(setting, file)
	if file == "" {
		return from, []byte(text.Reveal()), nil
	}
	data, err := files.Read(file)
	return from, data, err
}

// errMismatch is the error of certificates without that of the key.
var errMismatch = errors.New("the certificate and the key do not belong together")

// validityError is the error of a certificate that is expired or not yet valid.
type validityError struct{ text string }

func (e *validityError) Error() string { return e.text }

func checkValidity(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return &validityError{"the certificate expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)}
	case now.Before(leaf.NotBefore):
		return &validityError{"the certificate is not valid before " +
			leaf.NotBefore.UTC().Format(time.RFC3339)}
	}
	return nil
}

// content is the certificates and keys of a PEM text.
type content struct {
	certs []*x509.Certificate
	keys  []key
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

// pemStart begins each block.
const pemStart = "-----BEGIN "

// isDER reports whether data begins like DER, the binary form of keys and certificates.
func isDER(data []byte) bool { return bytes.HasPrefix(data, []byte{0x30}) }

// parsePEM parses all blocks of data. Text between the blocks is a comment.
func parsePEM(data []byte) (content, error) {
	var c content
	if len(data) > files.Limit {
		return c, fmt.Errorf("is larger than %d KiB", files.Limit>>10)
	}
	blocks := 0
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if err := c.add(block); err != nil {
			return c, err
		}
	}
	switch {
	case bytes.Count(data, []byte(pemStart)) > blocks: // pem.Decode skips what it cannot parse
		return c, errors.New("the PEM is damaged or cut short")
	case blocks > 0:
		return c, nil
	case isDER(data) || bytes.IndexByte(data, 0) >= 0:
		return c, errors.New("is binary; want PEM, or name it as p12_file if it is PKCS #12")
	case len(bytes.TrimSpace(data)) == 0:
		return c, errors.New("is empty")
	}
	return c, errors.New("holds no PEM")
}

// add adds a block to c. It ignores blocks of other types, such as parameters and public keys.
func (c *content) add(block *pem.Block) error {
	if block.Type == "ENCRYPTED PRIVATE KEY" ||
		strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return errors.New("the private key is encrypted; decrypt it, or use PKCS #12, which has a " +
			"password")
	}
	var private any
	var err error
	switch block.Type {
	case "CERTIFICATE":
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return fmt.Errorf("certificate %d cannot be read%s", len(c.certs)+1, detail(err))
		}
		c.certs = append(c.certs, cert)
		return nil
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		private, err = x509.ParseECPrivateKey(block.Bytes)
	case "OPENSSH PRIVATE KEY":
		return errors.New("holds an OpenSSH key; want PKCS #8, PKCS #1 or SEC 1")
	default:
		return nil
	}
	if err != nil {
		return errors.New("the private key cannot be read")
	}
	k, err := newKey(private)
	if err != nil {
		return err
	}
	c.keys = append(c.keys, k)
	return nil
}

// detail returns the parser's error in brackets, or nothing if that quotes the certificate.
func detail(err error) string {
	if strings.ContainsRune(err.Error(), '"') {
		return ""
	}
	return " (" + err.Error() + ")"
}

// require reports that c lacks a certificate or has not exactly one key.
func (c content) require(cert, key bool) error {
	switch {
	case cert && len(c.certs) == 0:
		return errors.New("holds no certificate")
	case key && len(c.keys) == 0:
		return errors.New("holds no private key")
	case key && len(c.keys) > 1:
		return errors.New("holds more than one private key")
	}
	return nil
}

// rootsPEM returns the certificates in data as PEM, without anything else that is in data.
func rootsPEM(data []byte) (string, error) {
	c, err := parsePEM(data)
	if err == nil {
		err = c.require(true, false)
	}
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for _, cert := range c.certs {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return out.String(), nil
}

// orderChain returns the certificates in the order of TLS (RFC 8446 §4.4.2): that of the key
// first, and each issuer after the certificate that it issued. Certificates that are not in
// the chain come last. The error is errMismatch if no certificate is that of the key.
func orderChain(certs []*x509.Certificate, k key) ([]*x509.Certificate, error) {
	public, ok := k.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok {
		return nil, errMismatch
	}
	at := slices.IndexFunc(certs, func(c *x509.Certificate) bool { return public.Equal(c.PublicKey) })
	if at < 0 {
		return nil, errMismatch
	}
	rest := slices.Clone(certs)
	var chain []*x509.Certificate
	for at >= 0 {
		last := rest[at]
		chain, rest = append(chain, last), slices.Delete(rest, at, at+1)
		at = slices.IndexFunc(rest,
			func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) })
	}
	return append(chain, rest...), nil
}

// identity is a client's certificates and key.
type identity struct {
	from  origin
	chain []*x509.Certificate
	key   key
}

// encode returns i as PEM, after a check that crypto/tls accepts it. The text of equal identities
// is equal, so that a session notices whether the certificate has changed.
func (i identity) encode() (core.Secret, error) {
	der, err := x509.MarshalPKCS8PrivateKey(i.key.Signer)
	if err != nil {
		return core.Secret{}, i.from.wrap(errors.New("the private key cannot be used"))
	}
	var out bytes.Buffer
	for _, cert := range i.chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	_ = pem.Encode(&out, &pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if _, err := tls.X509KeyPair(out.Bytes(), out.Bytes()); err != nil {
		return core.Secret{}, i.from.wrap(errors.New("TLS cannot use the certificate and its key"))
	}
	return core.NewSecret(out.String()), nil
}
