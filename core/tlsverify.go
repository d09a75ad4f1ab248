// Read on in tls.go.

package core

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"sync/atomic"
	"time"
)

// serverVerifier verifies servers against the roots that a session's credential
// names at the time of the handshake. A [tls.Config] cannot express that: its
// RootCAs are fixed.
type serverVerifier struct {
	sender sender
	ctx    context.Context // bounds the wait for a credential
	name   string          // the server's; empty: the one that the handshake sends
	now    func() time.Time
	cached atomic.Pointer[rootPool] // of the latest roots

	// The checks of the caller's configuration, done last.
	verifyPeer       func(certificates [][]byte, chains [][]*x509.Certificate) error
	verifyConnection func(tls.ConnectionState) error
}

type rootPool struct {
	text string
	pool *x509.CertPool
}

// verify is a [tls.Config.VerifyConnection]. It does what crypto/tls does for a
// configuration without InsecureSkipVerify.
func (v *serverVerifier) verify(state tls.ConnectionState) error {
	ctx, cancel := context.WithTimeout(v.ctx, defaultTimeout)
	defer cancel()
	l, err := v.sender.owner.get(ctx, false)
	if err != nil {
		return err
	}
	name := v.name
	if name == "" {
		name = state.ServerName
	}
	if name == "" {
		return l.setup.annotate(Errorf(CodeBadConfig, "the server cannot be verified without a"+
			" name, which a handshake with an IP address does not send: set ServerName or use"+
			" Session.DialTLS"), "authorize")
	}
	chains, err := v.chains(l, name, state.PeerCertificates)
	if err != nil {
		return &tls.CertificateVerificationError{
			UnverifiedCertificates: state.PeerCertificates, Err: err,
		}
	}
	return v.callersChecks(state, chains)
}

func (v *serverVerifier) chains(
	l *credential, name string, certs []*x509.Certificate,
) ([][]*x509.Certificate, error) {
	opts := x509.VerifyOptions{
		DNSName: name, Roots: v.roots(l.cred.Attach.Roots), Intermediates: x509.NewCertPool(),
	}
	if v.now != nil {
		opts.CurrentTime = v.now()
	}
	for _, cert := range certs[1:] {
		opts.Intermediates.AddCert(cert)
	}
	return certs[0].Verify(opts)
}

// roots returns the certificates of a PEM text. For "" it returns nil, which means the
// system's.
func (v *serverVerifier) roots(text string) *x509.CertPool {
	if text == "" {
		return nil
	}
	pool := v.cached.Load()
	if pool == nil || pool.text != text {
		pool = &rootPool{text, certPool(text)}
		v.cached.Store(pool)
	}
	return pool.pool
}

func (v *serverVerifier) callersChecks(
	state tls.ConnectionState, chains [][]*x509.Certificate,
) error {
	if v.verifyPeer != nil {
		raw := make([][]byte, len(state.PeerCertificates))
		for i, cert := range state.PeerCertificates {
			raw[i] = cert.Raw
		}
		if err := v.verifyPeer(raw, chains); err != nil {
			return err
		}
	}
	if v.verifyConnection == nil {
		return nil
	}
	state.VerifiedChains = chains
	return v.verifyConnection(state)
}
