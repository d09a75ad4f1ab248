// Certificates and keys in PEM, and which belong together.
//
// Read on in pkcs12.go.

package certs

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/pemfile"
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
func readPart(
	ctx context.Context, setting, file string, text core.Secret,
) (origin, []byte, error) {
	from := originOf(setting, file)
	if file == "" {
		return from, []byte(text.Reveal()), nil
	}
	data, err := files.Read(ctx, file)
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
	// In certs, one that crypto/x509 cannot read has Raw alone: an issuer is sent as it is, and the
	// server decides what it is good for.
	certs      []*x509.Certificate
	unreadable error        // why the first of these cannot be read; nil: there is none
	keys       []*pem.Block // may be encrypted
	blocks     []*pem.Block // all of them
}

// parsePEM parses the certificates of data. Its keys are parsed when they are needed, and other
// blocks, such as parameters, are ignored.
func parsePEM(data []byte) (content, error) {
	var c content
	var err error
	if c.blocks, err = pemfile.Blocks(data); err != nil {
		var format pemfile.Format
		if errors.As(err, &format) && format == pemfile.PKCS12 {
			err = fmt.Errorf("is %s: name it as p12_file", format.Name)
		}
		return c, err
	}
	for _, block := range c.blocks {
		switch {
		case pemfile.IsPrivateKey(block):
			c.keys = append(c.keys, block)
		case block.Type == "CERTIFICATE":
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				cert = &x509.Certificate{Raw: block.Bytes}
				c.unreadable = cmp.Or(c.unreadable, pemfile.Unreadable(len(c.certs)+1, err))
			}
			c.certs = append(c.certs, cert)
		}
	}
	return c, nil
}

// requireCert reports that c has no certificate.
func (c content) requireCert() error {
	if len(c.certs) > 0 {
		return nil
	}
	if slices.ContainsFunc(c.blocks, func(b *pem.Block) bool { return b.Type == "PKCS12" }) {
		return fmt.Errorf("is %s: name it as p12_file", pemfile.PKCS12.Name)
	}
	return pemfile.Without("certificate", c.blocks)
}

// chain returns the certificates for a key, as orderChain does. If the certificate of the key may
// be one that cannot be read, the error says why that cannot be read.
func (c content) chain(k key, now time.Time) ([]*x509.Certificate, error) {
	chain, err := orderChain(c.certs, k, now)
	if err != nil && c.unreadable != nil {
		return nil, c.unreadable
	}
	return chain, err
}

// ownKey returns the private key that is beside the certificates of c, as there is no other one.
func (c content) ownKey(p Password) (key, error) {
	if len(c.keys) == 0 {
		return key{}, fmt.Errorf("%w; name the key as key_file or key", pemfile.Without("private key",
			c.blocks))
	}
	return c.key(p)
}

// key returns the one private key of c.
func (c content) key(p Password) (key, error) {
	switch len(c.keys) {
	case 0:
		return key{}, pemfile.Without("private key", c.blocks)
	case 1:
		return parseKey(c.keys[0], p)
	}
	return key{}, errors.New("holds more than one private key; keep the right one")
}

// pickLeaf returns the place of the certificate of a public key, or -1 if there is none. Of
// several, such as an expired one and its successor, it is the valid one that ends last; if none is
// valid, the one that ends last.
func pickLeaf(certs []*x509.Certificate, of crypto.PublicKey, now time.Time) int {
	public, ok := of.(interface{ Equal(crypto.PublicKey) bool })
	best := -1
	for i, cert := range certs {
		if ok && cert != nil && public.Equal(cert.PublicKey) &&
			(best < 0 || isBetter(cert, certs[best], now)) {
			best = i
		}
	}
	return best
}

// pickIssuer returns the place of the issuer of a certificate, as pickLeaf does, or -1. One whose
// key has signed the certificate is preferred to one of its name alone.
func pickIssuer(certs []*x509.Certificate, of *x509.Certificate, now time.Time) int {
	best, bestSigned := -1, false
	for i, cert := range certs {
		if !bytes.Equal(cert.RawSubject, of.RawIssuer) {
			continue
		}
		signed := of.CheckSignatureFrom(cert) == nil
		if best < 0 || signed && !bestSigned ||
			signed == bestSigned && isBetter(cert, certs[best], now) {
			best, bestSigned = i, signed
		}
	}
	return best
}

// isBetter reports whether a is to be used in place of b: a valid certificate before another, and
// then the one that ends last.
func isBetter(a, b *x509.Certificate, now time.Time) bool {
	if valid := checkValidity(a, now) == nil; valid != (checkValidity(b, now) == nil) {
		return valid
	}
	return a.NotAfter.After(b.NotAfter)
}

// orderChain returns the certificates in the order of TLS (RFC 8446 §4.4.2): that of the key
// first, and each issuer after the certificate that it issued. Other certificates of authorities,
// and those that cannot be read, come last, without those that one in the chain replaces. The error
// is errMismatch if no certificate is that of the key.
func orderChain(certs []*x509.Certificate, k key, now time.Time) ([]*x509.Certificate, error) {
	at := pickLeaf(certs, k.Public(), now)
	if at < 0 {
		return nil, errMismatch
	}
	rest := slices.Clone(certs)
	var chain []*x509.Certificate
	for at >= 0 {
		last := rest[at]
		chain = append(chain, last)
		rest = slices.DeleteFunc(rest, func(c *x509.Certificate) bool {
			return c.Equal(last) || isReplaced(c, last, now)
		})
		at = pickIssuer(rest, last, now)
	}
	rest = slices.DeleteFunc(rest, isNoIssuer)
	return append(chain, rest...), nil
}

// isNoIssuer reports whether c is a certificate that issues none, such as one of another key.
// Certificates before version 3 do not say that.
func isNoIssuer(c *x509.Certificate) bool { return c.Version >= 3 && !c.IsCA }

// isReplaced reports whether c is an earlier or a later certificate of the name and the key of
// used. An issuer that several authorities have certified has several valid ones, which stay.
func isReplaced(c, used *x509.Certificate, now time.Time) bool {
	return bytes.Equal(c.RawSubject, used.RawSubject) &&
		bytes.Equal(c.RawSubjectPublicKeyInfo, used.RawSubjectPublicKeyInfo) &&
		(!used.IsCA || checkValidity(c, now) != nil)
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
