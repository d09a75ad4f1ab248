//go:build cgo

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/authsession/authsession/core"
)

const (
	// maxFile bounds the file of certificates.
	maxFile = 1 << 20
	// maxChain bounds how many issuers of the token follow the certificate.
	maxChain = 8
)

// chain is the certificate and its issuers, from where the settings say.
func (p *provider) chain(s *session) ([]*x509.Certificate, error) {
	switch {
	case p.Cert != "":
		chain, err := parse([]byte(p.Cert))
		if err != nil {
			return nil, core.Errorf(core.CodeBadConfig, "cert: %w", err)
		}
		return chain, nil
	case p.CertFile != "":
		chain, err := read(p.CertFile)
		if err != nil {
			return nil, core.Errorf(core.CodeBadConfig, "cert_file: %w", err)
		}
		return chain, nil
	}
	return p.chainIn(s)
}

func read(path string) ([]*x509.Certificate, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	content, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, err
	}
	return parse(content)
}

// parse reads certificates in PEM, leaf first. It takes nothing else, so that
// no private key is handed to the host by mistake.
func parse(content []byte) ([]*x509.Certificate, error) {
	var chain []*x509.Certificate
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return nil, errors.New("want certificates only; there is something else, such as a private key")
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d cannot be read", len(chain)+1)
		}
		chain = append(chain, cert)
	}
	if len(chain) == 0 {
		return nil, errors.New("want a certificate in PEM")
	}
	return chain, nil
}

func text(chain []*x509.Certificate) string {
	var out bytes.Buffer
	for _, cert := range chain {
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return out.String()
}

// chainIn finds the certificate in the token that goes with the key, by the
// key's id or else by its label, and then its issuers. Roots are left out.
func (p *provider) chainIn(s *session) ([]*x509.Certificate, error) {
	all, err := s.certificates()
	if err != nil {
		return nil, err
	}
	var chain []*x509.Certificate
	for _, c := range all {
		if len(s.id) > 0 && bytes.Equal(c.id, s.id) || len(s.id) == 0 && c.label == s.label {
			chain = append(chain, c.cert)
		}
	}
	switch {
	case len(chain) == 0:
		return nil, core.Errorf(
			core.CodeBadConfig,
			"the token %q has no certificate for the key %q: put it there, or give cert or cert_file",
			p.Token,
			p.name(),
		)
	case len(chain) > 1:
		return nil, core.Errorf(
			core.CodeBadConfig,
			"the token %q has several certificates for the key %q: give cert or cert_file",
			p.Token,
			p.name(),
		)
	}
	for len(chain) <= maxChain {
		issuer := issuerOf(chain[len(chain)-1], all)
		if issuer == nil {
			break
		}
		chain = append(chain, issuer)
	}
	return chain, nil
}

// issuerOf finds the issuer of c that is no root; nil if there is none.
func issuerOf(c *x509.Certificate, all []stored) *x509.Certificate {
	for _, s := range all {
		root := bytes.Equal(s.cert.RawIssuer, s.cert.RawSubject)
		if !root && bytes.Equal(c.RawIssuer, s.cert.RawSubject) && c.CheckSignatureFrom(s.cert) == nil {
			return s.cert
		}
	}
	return nil
}
