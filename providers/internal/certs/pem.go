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

// place says where something came from, for errors.
func place(setting, file string) origin {
	if file != "" {
		return origin(fmt.Sprintf("file %q", file))
	}
	return origin("setting " + setting)
}

type origin string

func (o origin) wrap(err error) error {
	if err == nil {
		return nil
	}
	return core.LocalErrorf(core.BadConfig, "%s: %w", o, err)
}

// source reads one part: its file or its text.
func source(setting, file string, text core.Secret) (origin, []byte, error) {
	from := place(setting, file)
	if file == "" {
		return from, []byte(text.Reveal()), nil
	}
	data, err := files.Read(file)
	return from, data, err
}

// problem and bare take the code off an error that goes into another.
func problem(err error) string { return core.Cause(err).Error() }

// errMismatch is a pair that is none.
var errMismatch = errors.New("the certificate and the key do not belong together")

// validityError is a certificate outside of its time.
type validityError struct{ text string }

func (e *validityError) Error() string { return e.text }

func valid(leaf *x509.Certificate, now time.Time) error {
	switch {
	case now.After(leaf.NotAfter):
		return &validityError{"the certificate expired at " + leaf.NotAfter.UTC().Format(time.RFC3339)}
	case now.Before(leaf.NotBefore):
		return &validityError{"the certificate is not valid before " + leaf.NotBefore.UTC().Format(time.RFC3339)}
	}
	return nil
}

// content is what a PEM text holds.
type content struct {
	certs []*x509.Certificate
	keys  []key
}

// key is a private key that can make TLS signatures.
type key struct {
	crypto.Signer
}

func newKey(private any) (key, error) {
	switch k := private.(type) {
	case *rsa.PrivateKey:
		return key{k}, nil
	case *ecdsa.PrivateKey:
		return key{k}, nil
	case ed25519.PrivateKey:
		return key{k}, nil
	}
	return key{}, errors.New("the private key is of a kind that TLS has no use for; want RSA, ECDSA or Ed25519")
}

// parsePEM reads all blocks of data. What stands between them is a comment.
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
	case bytes.Count(data, []byte("-----BEGIN ")) > blocks: // Decode passes over them
		return c, errors.New("the PEM is damaged or cut short")
	case blocks > 0:
		return c, nil
	case bytes.HasPrefix(data, []byte{0x30}) || bytes.IndexByte(data, 0) >= 0:
		return c, errors.New("is binary; want PEM, or name it as p12_file if it is PKCS #12")
	case len(bytes.TrimSpace(data)) == 0:
		return c, errors.New("is empty")
	}
	return c, errors.New("holds no PEM")
}

func (c *content) add(block *pem.Block) error {
	if block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED") {
		return errors.New("the private key is encrypted; decrypt it, or use PKCS #12, which has a password")
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
	default: // EC PARAMETERS, public keys, …
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

// detail returns what the parser says, unless it quotes what it read.
func detail(err error) string {
	if strings.ContainsRune(err.Error(), '"') {
		return ""
	}
	return " (" + err.Error() + ")"
}

// want reports what is missing in c.
func (c content) want(cert, key bool) error {
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

// roots returns the certificates in data as PEM, and nothing else that is in
// it.
func roots(data []byte) (string, error) {
	c, err := parsePEM(data)
	if err == nil {
		err = c.want(true, false)
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

// match returns the certificates in the order of TLS (RFC 8446 §4.4.2): the
// key's own first, each issuer after what it issued, what is left at the end.
func match(certs []*x509.Certificate, k key) ([]*x509.Certificate, error) {
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
		at = slices.IndexFunc(rest, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) })
	}
	return append(chain, rest...), nil
}

// identity is a chain and its key.
type identity struct {
	from  origin
	chain []*x509.Certificate
	key   key
}

// encode returns i as PEM, the same text for the same identity, and makes sure
// that TLS accepts it.
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
