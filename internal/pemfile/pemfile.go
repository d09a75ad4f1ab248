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
	if f := Recognize(data); f != (Format{}) {
		return fmt.Errorf("is %w", f)
	}
	if decoded, ok := DecodeBase64(data); ok {
		if f := Recognize(decoded); f != (Format{}) {
			return fmt.Errorf("is base64 without the lines BEGIN and END, of %w", f)
		}
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return errors.New("is binary; want PEM")
	}
	for _, name := range []string{"BEGIN CERTIFICATE", "PRIVATE KEY", "END CERTIFICATE"} {
		if bytes.Contains(bytes.ToUpper(data), []byte(name)) {
			return errors.New("holds no PEM: a line BEGIN or END, in capitals with five plain dashes " +
				"(-----) on either side, is missing")
		}
	}
	return errors.New("holds no PEM")
}

// Roots are the certificates of a bundle.
type Roots struct {
	PEM string // those that crypto/x509 can read, without anything else that is in the bundle
	// Skipped says, for each of the others, its number in the bundle and why it cannot be read.
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
		if block.Type != "CERTIFICATE" {
			continue
		}
		number++
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			out.Skipped = append(out.Skipped, Unreadable(number, err).Error())
			continue
		}
		_ = pem.Encode(&list, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	switch {
	case number == 0:
		return Roots{}, Without("certificate", blocks)
	case len(out.Skipped) == number:
		return Roots{}, errors.New("holds no certificate that can be used: " + out.Skipped[0])
	}
	out.PEM = list.String()
	return out, nil
}

// Unreadable returns the error of a certificate by its number, from 1. err is that of crypto/x509.
func Unreadable(number int, err error) error {
	text := fmt.Sprintf("certificate %d cannot be read", number)
	if strings.ContainsRune(err.Error(), '"') { // it quotes the certificate
		return errors.New(text)
	}
	return errors.New(text + " (" + err.Error() + ")")
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
