// Package pemfile reads certificates and keys in PEM (RFC 7468) as people and other programs write
// them, and names the other formats that are found in their place:
//
//	roots, err := pemfile.ReadRoots(data)
//	pool.AppendCertsFromPEM([]byte(roots.PEM))
//
// Errors are phrases that continue the name of a file or of a setting. They contain nothing of a
// private key. The functions keep nothing and are safe for concurrent use.
//
// Read on in text.go.
package pemfile

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Limit is the size of the largest text that is read, in bytes.
const Limit = 1 << 20

// Blocks returns the PEM blocks of data, which is PEM in one of the forms that [Text] reads. Text
// between the blocks is a comment. The error says what data is instead, and for some formats which
// command converts it.
func Blocks(data []byte) ([]*pem.Block, error) {
	text, err := Text(data)
	if err != nil {
		return nil, err
	}
	var blocks []*pem.Block
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks = append(blocks, block)
	}
	switch {
	case bytes.Count(text, []byte(start)) > len(blocks): // pem.Decode skips what it cannot parse
		return nil, errors.New("the PEM is damaged or cut short")
	case len(blocks) == 0:
		return nil, noPEM(text)
	}
	return blocks, nil
}

// noPEM returns the error of data without a block.
func noPEM(data []byte) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return errors.New("is empty")
	}
	f := Recognize(data)
	if f == (Format{}) {
		f = Recognize(bytes.TrimSpace(data))
	}
	if f != (Format{}) {
		return fmt.Errorf("is %w", f)
	}
	if isAltered(data) {
		return errors.New("has a BEGIN line that is not -----BEGIN …-----, in capitals with five " +
			"hyphens and plain spaces: copy it again, as plain text")
	}
	if decoded, ok := DecodeBase64(data); ok {
		if f := Recognize(decoded); f != (Format{}) {
			return fmt.Errorf("is base64 without the lines BEGIN and END, of %w", f)
		}
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("is binary; want PEM")
	}
	upper := bytes.ToUpper(data)
	for _, name := range []string{"BEGIN CERTIFICATE", "PRIVATE KEY", "END CERTIFICATE"} {
		if bytes.Contains(upper, []byte(name)) {
			return errors.New("holds no PEM: a line BEGIN or END, in capitals with five hyphens " +
				"(-----) on either side, is missing")
		}
	}
	return errors.New("holds no PEM")
}

// isAltered reports whether data is PEM whose first line has another form, as editors, chats and
// pages make of it: with dashes for the hyphens, other spaces or small letters.
func isAltered(data []byte) bool {
	text := strings.ToUpper(strings.ReplaceAll(string(data), "\u00a0", " "))
	_, after, found := strings.Cut(text, "BEGIN ")
	label, _, _ := strings.Cut(after, "\n")
	return found && (strings.Contains(label, "CERTIFICATE") || strings.Contains(label, "PRIVATE KEY"))
}

// Roots are the certificates of a bundle.
type Roots struct {
	PEM string // those that crypto/x509 can read, without anything else that is in the bundle
	// Skipped says, for each of the others, its number in the bundle and why it is not used.
	Skipped []string
}

// ReadRoots returns the certificates in data. As in [x509.CertPool.AppendCertsFromPEM], those that
// cannot be parsed are skipped, and other blocks are ignored. The error is for data without a
// certificate that can be used; it says why the first one cannot.
func ReadRoots(data []byte) (Roots, error) {
	blocks, err := Blocks(data)
	if err != nil {
		return Roots{}, err
	}
	var out Roots
	var list strings.Builder
	number := 0
	for _, block := range blocks {
		f := formatOf(block)
		if !isCertificate(block) && !f.certificates {
			continue
		}
		number++
		if f.certificates {
			out.Skipped = append(out.Skipped, fmt.Sprintf("certificate %d is %v", number, f))
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			out.Skipped = append(out.Skipped, Unreadable(number, err).Error())
			continue
		}
		_ = pem.Encode(&list, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	switch {
	case !slices.ContainsFunc(blocks, isCertificate):
		return Roots{}, Without("certificate", blocks)
	case len(out.Skipped) == number:
		return Roots{}, errors.New("holds no certificate that can be used: " + out.Skipped[0])
	}
	out.PEM = list.String()
	return out, nil
}

func isCertificate(block *pem.Block) bool { return block.Type == "CERTIFICATE" }

// Unreadable returns the error of a certificate by its number, from 1. err is that of crypto/x509.
func Unreadable(number int, err error) error {
	return fmt.Errorf("certificate %d cannot be read%s", number, Reason(err))
}

// Reason returns, in parentheses after a space, the error of crypto/x509 about a certificate, and
// what is wanted if that helps. It is empty if the error quotes the certificate.
func Reason(err error) string {
	text := err.Error()
	switch {
	case strings.ContainsRune(text, '"'):
		return ""
	case strings.Contains(text, "unsupported elliptic curve"):
		text += "; want P-256, P-384 or P-521"
	case strings.Contains(text, "invalid ECDSA parameters"):
		text += "; want the name of a curve, not its parameters"
	case strings.Contains(text, "invalid uncompressed public key"):
		text += "; is its point compressed?"
	}
	return " (" + text + ")"
}

// Without returns the error of blocks among which there is none of what is wanted, such as a
// "certificate" or a "private key". It names what else they are.
func Without(wanted string, blocks []*pem.Block) error {
	for _, block := range blocks {
		if f := formatOf(block); f != (Format{}) && f.Name != "a "+wanted {
			return fmt.Errorf("holds no %s, but %w", wanted, f)
		}
	}
	return fmt.Errorf("holds no %s", wanted)
}
