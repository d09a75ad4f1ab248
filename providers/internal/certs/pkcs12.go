// PKCS #12, and private keys in any of the formats.
//
// Read on in check.go.

package certs

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/pemfile"
	"software.sslmate.com/src/go-pkcs12"
)

// decodePKCS12 returns the key, its certificate and the issuers in data. The error is a phrase
// without a code.
func decodePKCS12(data []byte, password core.Secret) (
	private any, leaf *x509.Certificate, issuers []*x509.Certificate, err error,
) {
	if f := pemfile.Recognize(data); f != pemfile.PKCS12 {
		if f == (pemfile.Format{}) {
			return nil, nil, nil, errors.New("is not a PKCS #12 with one key and its certificate")
		}
		return nil, nil, nil, fmt.Errorf("is not a PKCS #12 but %w", f)
	}
	if iterations(data, 0) > maxIterationsPKCS12 {
		return nil, nil, nil, fmt.Errorf("demands more than %d iterations for its password; "+
			"convert it: %s", maxIterationsPKCS12, convertPKCS12)
	}
	private, leaf, issuers, err = pkcs12.DecodeChain(data, password.Reveal())
	if err != nil {
		return nil, nil, nil, pkcs12Error(err, password)
	}
	return private, leaf, issuers, nil
}

// maxIterationsPKCS12 is for all parts of a PKCS #12. GnuTLS writes three of them, for the
// certificate, the key and the MAC, with 600,000 iterations each.
const maxIterationsPKCS12 = 2_000_000

// Commands that make PEM and another PKCS #12 of one that cannot be read.
const (
	openPKCS12 = "openssl pkcs12 -in client.p12 -nodes -out all.pem (with OpenSSL 3 perhaps also " +
		"-legacy)"
	convertPKCS12 = openPKCS12 + ", and then openssl pkcs12 -export -in all.pem -out new.p12"
)

// pkcs12Error says in other words what package pkcs12 reports, which has few errors that can be
// compared.
func pkcs12Error(err error, password core.Secret) error {
	if errors.Is(err, pkcs12.ErrIncorrectPassword) || errors.Is(err, pkcs12.ErrDecryption) {
		return errors.New("the password does not open it, or it is damaged" + passwordHint(password))
	}
	for _, known := range []struct{ part, text string }{
		{"indefinite length", "is a PKCS #12 in BER; convert it to DER: " + convertPKCS12},
		{"non-minimal", "is a PKCS #12 in BER; convert it to DER: " + convertPKCS12},
		{"superfluous leading zeros", "is a PKCS #12 in BER; convert it to DER: " + convertPKCS12},
		{"no MAC", "is a PKCS #12 without a MAC, which would prove the password; convert it: " +
			strings.Replace(convertPKCS12, "-nodes", "-nodes -nomacver", 1)},
		{"exactly one key bag", "is a PKCS #12 with more than one private key; take the right one out: " +
			openPKCS12},
		{"private key missing", "is a PKCS #12 without a private key"},
		{"certificate missing", "is a PKCS #12 without a certificate"},
		{"digest algorithm not supported", "is a PKCS #12 whose MAC is of a kind that is not supported; " +
			"convert it: " + convertPKCS12},
		{"is not supported", "is a PKCS #12 that is encrypted in a way that is not supported; " +
			"convert it: " + convertPKCS12},
		{"decrypting", "the password does not open its private key, or it is damaged"},
		{"UCS-2", "cannot be read with a password that has a character such as an emoji; give it another " +
			"one: " + convertPKCS12},
	} {
		if strings.Contains(err.Error(), known.part) {
			return errors.New(known.text)
		}
	}
	if _, ok := errors.AsType[pkcs12.NotImplementedError](err); ok {
		return errors.New("is a PKCS #12 of a form that is not supported; convert it: " + convertPKCS12)
	}
	return contentError(err)
}

// contentError returns the error of what is in a PKCS #12 that its password has opened.
func contentError(err error) error {
	const x509Error = "x509: "
	_, text, isKey := strings.Cut(err.Error(), "parsing PKCS#8 private key: ")
	switch {
	case isKey && strings.Contains(text, "unknown elliptic curve"):
		return errCurve
	case isKey && strings.Contains(text, "unknown algorithm"):
		return unusableKind(text)
	case isKey:
		return errNoKey
	case strings.HasPrefix(err.Error(), x509Error):
		return fmt.Errorf("has a certificate that is not supported%s; take the others out: %s, and name "+
			"all.pem as cert_file", pemfile.Reason(err), openPKCS12)
	}
	return errors.New("is a damaged PKCS #12")
}

// maxDepth limits how deep a PKCS #12 is searched. A key in it is eleven levels deep.
const maxDepth = 24

// iterations returns how many iterations a PKCS #12 demands in total: in each of its structures
// that has any, their number follows an OCTET STRING with the salt. What is encrypted is not
// searched.
func iterations(der []byte, depth int) (total int) {
	salted := false
	for rest := der; len(rest) > 0 && depth < maxDepth; {
		var v asn1.RawValue
		var err error
		if rest, err = asn1.Unmarshal(rest, &v); err != nil {
			break
		}
		universal := v.Class == asn1.ClassUniversal
		if universal && v.Tag == asn1.TagInteger && salted {
			var n int
			if _, err := asn1.Unmarshal(v.FullBytes, &n); err != nil {
				return math.MaxInt32
			}
			total += min(max(n, 0), math.MaxInt32)
		}
		salted = universal && v.Tag == asn1.TagOctetString
		if v.IsCompound || salted {
			total += iterations(v.Bytes, depth+1)
		}
		total = min(total, math.MaxInt32)
	}
	return total
}

// decodeBase64 decodes a PKCS #12 in the settings. White space in it is ignored.
func decodeBase64(p12 core.Secret) ([]byte, error) {
	data, err := binaryPKCS12([]byte(p12.Reveal()))
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "p12 %w", err)
	}
	if decoded, ok := pemfile.DecodeBase64([]byte(p12.Reveal())); ok {
		return decoded, nil
	}
	if pemfile.Recognize(data) != pemfile.PKCS12 {
		return nil, core.Errorf(core.CodeBadConfig, "p12 is not base64")
	}
	return data, nil
}

// binaryPKCS12 returns the PKCS #12 that data is or stands for: base64, with the lines BEGIN and
// END of PEM as certtool writes it, or without.
func binaryPKCS12(data []byte) ([]byte, error) {
	if bytes.Contains(data[:min(len(data), 1024)], []byte("-----BEGIN")) {
		blocks, err := pemfile.Blocks(data)
		if err == nil && blocks[0].Type == "PKCS12" {
			return blocks[0].Bytes, nil
		}
		return nil, errors.New("is PEM, not PKCS #12: use cert and key")
	}
	if pemfile.Recognize(data) == (pemfile.Format{}) {
		if decoded, ok := pemfile.DecodeBase64(data); ok {
			return decoded, nil
		}
	}
	return data, nil
}

// ParseKey returns the one private key in data: PEM (PKCS #8, PKCS #1 or SEC 1) or PKCS #12,
// which p opens if it is encrypted, and its certificate if data has it; nil: it has none. Of
// several it is the valid one that ends last. The error is a phrase without a code; it contains
// nothing of data. ParseKey is safe for concurrent use.
func ParseKey(data []byte, p Password) (crypto.Signer, *x509.Certificate, error) {
	if der, err := binaryPKCS12(data); err == nil && pemfile.Recognize(der) == pemfile.PKCS12 {
		data = der
	}
	if pemfile.Recognize(data) == pemfile.PKCS12 {
		private, leaf, issuers, err := decodePKCS12(data, p.Text)
		if err != nil {
			return nil, nil, err
		}
		k, err := newKey(private)
		if err != nil {
			return nil, nil, err
		}
		return k.Signer, certificateOf(k, append(issuers, leaf)), nil
	}
	c, err := parsePEM(data)
	if err != nil {
		return nil, nil, err
	}
	k, err := c.key(p)
	if err != nil {
		return nil, nil, err
	}
	return k.Signer, certificateOf(k, c.certs), nil
}

// certificateOf returns the certificate of a key, or nil.
func certificateOf(k key, list []*x509.Certificate) *x509.Certificate {
	if at := pickLeaf(list, k.Public(), time.Now()); at >= 0 {
		return list[at]
	}
	return nil
}
