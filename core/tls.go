package core

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"io"
	"sync/atomic"
	"time"
)

// TLSConfig returns a clone of base (nil: a fresh one, TLS 1.2 and newer) whose
// client certificate is always the session's current one: each handshake asks
// for it, so a rotated certificate needs no new configuration. A handshake
// fails where the session has no valid credential; one whose credential has no
// certificate presents none. If the credential that the session holds now
// names roots and base does not, they are the ones that servers are verified
// against. The configuration is safe for concurrent use; what it presents
// follows the session's life.
func (s *Session) TLSConfig(base *tls.Config) *tls.Config {
	config := tlsConfig(base, s.live.Load())
	send := s.sender()
	config.GetClientCertificate = func(
		info *tls.CertificateRequestInfo,
	) (*tls.Certificate, error) {
		l, err := send.keeper.get(info.Context(), false)
		if err != nil {
			return nil, err
		}
		if l.cert == nil {
			return noCertificate, nil
		}
		return l.cert, nil
	}
	return config
}

var noCertificate = new(tls.Certificate)

func tlsConfig(base *tls.Config, l *live) *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if base != nil {
		config = base.Clone()
		config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	}
	if l != nil && l.cred.Attach.Roots != "" && config.RootCAs == nil {
		config.RootCAs = x509.NewCertPool() // empty if the PEM is: then nobody is trusted
		config.RootCAs.AppendCertsFromPEM([]byte(l.cred.Attach.Roots))
	}
	return config
}

// Signer returns the private key of the session's current client certificate
// for other uses than TLS, such as the assertions of an OAuth client (RFC 7523).
// Where the key stays with the provider (see [Signer]), each signature is asked
// for there, within Options.Timeout. It is good as long as the certificate is:
// ask again for the key of the next one. The error is that of
// [Session.Credential], or [BadConfig] for a session without a certificate. The
// signer is safe for concurrent use.
func (s *Session) Signer(ctx context.Context) (crypto.Signer, error) {
	return s.sender().signer(ctx)
}

func (s sender) signer(ctx context.Context) (crypto.Signer, error) {
	l, err := s.keeper.get(ctx, false)
	if err != nil {
		return nil, err
	}
	if l.cert != nil {
		if key, ok := l.cert.PrivateKey.(crypto.Signer); ok {
			return key, nil
		}
	}
	return nil, s.annotate(l, Errorf(BadConfig, "the session has no client certificate"), "sign")
}

// remoteKey is a private key that stays with its provider.
type remoteKey struct {
	signer  Signer
	public  crypto.PublicKey
	cred    atomic.Pointer[Credential] // the latest with this certificate
	timeout time.Duration
}

// Public implements [crypto.Signer].
func (k *remoteKey) Public() crypto.PublicKey { return k.public }

// Sign implements [crypto.Signer].
func (k *remoteKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	req := SignRequest{Credential: *k.cred.Load(), Digest: digest, Hash: opts.HashFunc()}
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		req.PSSSalt = pss.SaltLength
		if req.PSSSalt == rsa.PSSSaltLengthEqualsHash || req.PSSSalt == rsa.PSSSaltLengthAuto {
			req.PSSSalt = opts.HashFunc().Size()
		}
	}
	var signature []byte
	err := within(context.Background(), k.timeout, func(ctx context.Context) (err error) {
		signature, err = k.signer.Sign(ctx, req)
		return err
	})
	if err != nil {
		return nil, boundary(err, "", "", "sign")
	}
	return signature, nil
}
