package core

import (
	"crypto/tls"
	"net/http"
)

// carrier is the transport of a session's own requests, for one certificate
// and one set of roots.
type carrier struct {
	base  http.RoundTripper
	setup *setup
	cert  *tls.Certificate
	roots string
	owned bool
}

func (c *carrier) retire() {
	if t, ok := c.base.(*http.Transport); ok && c.owned {
		t.CloseIdleConnections()
	}
}

// carry returns what sends a request: base if given, else the session's own
// transport, which is made anew when the certificate or the roots change, so
// that connections which the old ones opened are not used again.
func (s *Session) carry(base http.RoundTripper, l *credential) http.RoundTripper {
	if base != nil {
		return base
	}
	own := s.own.Load()
	if own != nil && own.setup == l.setup && own.cert == l.cert && own.roots == l.cred.Attach.Roots {
		return own.base
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if own := s.own.Load(); own != nil && own.setup == l.setup && own.cert == l.cert && own.roots == l.cred.Attach.Roots {
		return own.base
	}
	next := &carrier{setup: l.setup, cert: l.cert, roots: l.cred.Attach.Roots}
	next.base, next.owned = s.makeBase(l)
	if s.machine.state != StateReady { // closed meanwhile: nobody would retire it
		if t, ok := next.base.(*http.Transport); ok && next.owned {
			t.DisableKeepAlives = true
		}
		return next.base
	}
	if old := s.own.Swap(next); old != nil {
		old.retire()
	}
	return next.base
}

// bare returns what sends a request that must not carry the credential: not
// even a client certificate.
func (s *Session) bare(base http.RoundTripper, l *credential) http.RoundTripper {
	switch {
	case base != nil || l.cert == nil:
		return s.carry(base, l)
	case l.setup.opts.Transport != nil:
		return l.setup.opts.Transport
	}
	return http.DefaultTransport
}

// makeBase makes a transport for l, and reports whether it is the session's
// own: not where the options' one serves as it is.
func (s *Session) makeBase(l *credential) (http.RoundTripper, bool) {
	given, plain := l.setup.opts.Transport, l.cert == nil && l.cred.Attach.Roots == ""
	if given != nil && plain {
		return given, false
	}
	if given == nil {
		given = http.DefaultTransport
	}
	t, ok := given.(*http.Transport)
	switch {
	case ok:
		t = t.Clone()
	case l.setup.opts.Transport != nil || plain:
		return given, false
	default: // a program that replaced http.DefaultTransport with another type
		t = &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	if t.TLSClientConfig == nil {
		t.ForceAttemptHTTP2 = true // which a configuration would turn off
	}
	t.TLSClientConfig = tlsConfig(t.TLSClientConfig, l)
	if l.cert != nil {
		cert := l.cert
		t.TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil }
	}
	return t, true
}
