// Read on in perrpc.go.

package core

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
)

// TLSConfig returns a clone of base (nil: a fresh one, TLS 1.2 and newer) that
// uses the session's current credential: each handshake asks for it, so that a rotated
// certificate or other roots need no new configuration. A handshake fails if the
// session has no valid credential or if its certificate has ended. One whose
// credential has no certificate presents none.
//
// Servers are verified against base.RootCAs or, if base has none, against the
// roots that the session's credential names at that moment; if it names none
// either, against the system's. For the latter two the configuration has
// InsecureSkipVerify set, and a VerifyConnection that checks the chain, the time,
// the usage and the name as crypto/tls would, and then calls those of base. The
// name is base.ServerName, or else the one that the handshake sends. A handshake
// sends no IP address: to connect to one, set base.ServerName or use
// [Session.DialTLS]; it fails otherwise. ConnectionState.VerifiedChains is empty.
// With base.InsecureSkipVerify, the server is verified by base alone.
//
// The certificate is shown to every server, and to every https proxy, that asks for it on a
// connection with the configuration, whatever the session's origins are: a handshake does not
// say what it is for. Use the configuration for connections to the API alone. Only in an
// http.Transport below [Session.Transport], the handshakes for requests to other origins show
// none, and [SeparateProxyTLS] gives proxies a configuration of their own. A server of TLS 1.3
// that asks for a certificate after the handshake does not get one, as crypto/tls does not
// have that (RFC 8446 §4.6.2).
//
// The configuration never resumes sessions, because a resumed one presents the
// certificate that it began with: base.ClientSessionCache is dropped. It is safe
// for concurrent use.
func (s *Session) TLSConfig(base *tls.Config) *tls.Config {
	sender := s.sender()
	config := sender.tlsConfig(context.Background(), base)
	fromSender := config.GetClientCertificate
	config.GetClientCertificate = func(
		info *tls.CertificateRequestInfo,
	) (*tls.Certificate, error) {
		if sender.isBare(info) {
			return noCertificate, nil
		}
		l := s.published.Load()
		if l == nil || !l.skipClock.Load() { // else a timer says when to look at the clock again
			return fromSender(info)
		}
		if l.cert == nil {
			return noCertificate, nil
		}
		return l.cert, nil
	}
	return config
}

// isBare reports whether a handshake is for a request that does not carry the credential.
func (s sender) isBare(info *tls.CertificateRequestInfo) bool {
	ctx := info.Context()
	return ctx != nil && ctx.Value(bareKey{s.sendingState}) != nil
}

// DialTLS connects to addr, "host:port", and performs a TLS handshake as
// TLSConfig(nil) describes; the server is verified for host, which may be an IP
// address. ctx, and apart from that Options.Timeout, bounds all of it. The
// connection is a [*tls.Conn]. The function fits http.Transport.DialTLSContext.
// Errors are those of Credential, of the network, of the verification, and
// [CodeUnavailable] for a client certificate that has ended.
func (s *Session) DialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	if ctx == nil {
		return nil, s.config().annotate(errNoContext, "dial")
	}
	return s.sender().dialTLS(ctx, network, addr)
}

func (s sender) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	l, err := s.owner.get(ctx, false)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, l.setup.annotate(Errorf(CodeBadConfig, "%w", err), "dial")
	}
	target := &url.URL{Scheme: "https", Host: addr} // for errors
	ctx, cancel := context.WithTimeout(ctx, l.setup.opts.timeout())
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, l.setup.annotate(dialError(target, err), "dial")
	}
	secured := tls.Client(conn, s.tlsConfig(ctx, &tls.Config{ServerName: host}))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, l.setup.annotate(dialError(target, err), "dial")
	}
	return secured, nil
}

// dialError gives an error of DialTLS its code: CodeBadConfig if a certificate or the
// handshake was refused, otherwise CodeUnavailable.
func dialError(u *url.URL, err error) error {
	var (
		coded  *Error
		verify *tls.CertificateVerificationError
		alert  tls.AlertError
	)
	switch {
	case errors.As(err, &coded):
		return err
	case errors.As(err, &verify):
		return Errorf(CodeBadConfig, "the certificate of %s: %w", OriginText(u), err)
	case errors.As(err, &alert):
		return Errorf(CodeBadConfig, "%s refused the TLS handshake: %w", OriginText(u), err)
	}
	return Errorf(CodeUnavailable, "%s: %w", OriginText(u), err)
}

// tlsConfig makes a configuration that uses the owner's current credential. ctx
// bounds how long the verification of a server waits for one.
func (s sender) tlsConfig(ctx context.Context, base *tls.Config) *tls.Config {
	config := tlsConfig(base, nil)
	config.ClientSessionCache = nil
	config.GetClientCertificate = func(
		info *tls.CertificateRequestInfo,
	) (*tls.Certificate, error) {
		wait := info.Context()
		if wait == nil { // info is not from a handshake
			wait = ctx
		}
		l, err := s.owner.get(wait, false)
		if err != nil {
			return nil, err
		}
		cert, err := s.certificate(l.setup, l.cert)
		if err == nil && endsAfter(cert, maxClockSkip) {
			l.skipClockUntilDue()
		}
		return cert, err
	}
	if config.RootCAs == nil && !config.InsecureSkipVerify {
		v := &serverVerifier{sender: s, ctx: ctx, name: config.ServerName, now: config.Time,
			verifyPeer: config.VerifyPeerCertificate, verifyConnection: config.VerifyConnection}
		config.InsecureSkipVerify = true // VerifyConnection does what this turns off
		config.VerifyPeerCertificate, config.VerifyConnection = nil, v.verify
	}
	return config
}

// Signer returns the private key of the session's current client certificate for other uses
// than TLS, such as the assertions of an OAuth client (RFC 7523). If the key stays with the
// provider (see [TLSSigner]), each signature is a call of the provider, within
// Options.Timeout. Call Signer again when the certificate has changed. The error is that of
// [Session.Credential], or [CodeBadConfig] for a session without a certificate. The signer
// is safe for concurrent use.
func (s *Session) Signer(ctx context.Context) (crypto.Signer, error) {
	return s.sender().signer(ctx)
}

func (s sender) signer(ctx context.Context) (crypto.Signer, error) {
	l, err := s.owner.get(ctx, false)
	if err != nil {
		return nil, err
	}
	if l.cert != nil {
		if key, ok := l.cert.PrivateKey.(crypto.Signer); ok {
			return key, nil
		}
	}
	err = Errorf(CodeBadConfig, "the session has no client certificate")
	return nil, l.setup.annotate(err, "sign")
}
