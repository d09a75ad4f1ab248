package core

import (
	"crypto/tls"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// transportCache holds the transport that a session makes for its own requests.
// The zero cache is empty and open.
type transportCache struct {
	current atomic.Pointer[ownTransport] // written under mu

	mu    sync.Mutex // guards ended; never held across I/O
	ended bool
}

// ownTransport sends the requests of a session, with one certificate and one set
// of roots.
//
// A connection must not outlive the use of its transport. CloseIdleConnections
// is not enough for that: a request that comes after it lets the transport keep
// connections again, and an HTTP/2 connection with an open stream stays. So
// after retire, the end of each request and of each HTTP/2 body closes what is
// idle once more.
type ownTransport struct {
	base    http.RoundTripper
	made    *http.Transport // base, if the session made it; nil: somebody else's
	setup   *setup
	cert    *tls.Certificate
	roots   string
	retired atomic.Bool
}

// serves reports whether t is the transport for l.
func (t *ownTransport) serves(l *live) bool {
	return t != nil && t.setup == l.setup && t.cert == l.cert && t.roots == l.cred.Attach.Roots
}

// RoundTrip implements [http.RoundTripper].
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.base.RoundTrip(r)
	if t.made == nil {
		return resp, err
	}
	if resp != nil && resp.ProtoMajor == 2 && resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &streamBody{resp.Body, t}
	}
	t.requestEnded()
	return resp, err
}

// requestEnded closes idle connections, if t is retired.
func (t *ownTransport) requestEnded() {
	if t.retired.Load() {
		t.closeIdle()
	}
}

// retire closes the connections of t, those in use after their last request. A
// transport that the session did not make stays as it is.
func (t *ownTransport) retire() {
	if t != nil && t.made != nil {
		t.retired.Store(true)
		t.closeIdle()
	}
}

// idleDelay is when closeIdle looks once more.
const idleDelay = 100 * time.Millisecond

// closeIdle closes idle connections now, and those that become idle within a
// moment: net/http removes an HTTP/2 stream, and a dial that nobody waits for,
// some time after the caller has its answer.
func (t *ownTransport) closeIdle() {
	t.made.CloseIdleConnections()
	time.AfterFunc(idleDelay, t.made.CloseIdleConnections)
}

// streamBody is the body of an HTTP/2 answer.
type streamBody struct {
	body      io.ReadCloser
	transport *ownTransport
}

// Read implements [io.Reader].
func (b *streamBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err != nil {
		b.transport.requestEnded()
	}
	return n, err
}

// Close implements [io.Closer].
func (b *streamBody) Close() error {
	err := b.body.Close()
	b.transport.requestEnded()
	return err
}

// withCredential returns what sends a request: base if given, else the session's
// own transport, which is made anew when the certificate or the roots change, so
// that connections which the old ones opened are not used again.
func (c *transportCache) withCredential(base http.RoundTripper, l *live) http.RoundTripper {
	if base != nil {
		return base
	}
	if own := c.current.Load(); own.serves(l) {
		return own
	}
	own, old := c.replace(l)
	old.retire()
	return own
}

// replace returns the transport for l, and the one that it took the place of.
func (c *transportCache) replace(l *live) (own, old *ownTransport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := c.current.Load(); own.serves(l) {
		return own, nil
	}
	own = newOwnTransport(l)
	if c.ended {
		// A request that Close overtook. Nothing would retire its transport.
		if own.made != nil {
			own.made.DisableKeepAlives = true
		}
		return own, nil
	}
	return own, c.current.Swap(own)
}

// withoutCredential returns what sends a request that must not carry the
// credential: not even a client certificate.
func (c *transportCache) withoutCredential(base http.RoundTripper, l *live) http.RoundTripper {
	switch {
	case base != nil || l.cert == nil:
		return c.withCredential(base, l)
	case l.setup.opts.Transport != nil:
		return l.setup.opts.Transport
	}
	return http.DefaultTransport
}

// end closes the connections that the session owns. Until reopen, requests that
// are still under way keep none.
func (c *transportCache) end() {
	c.mu.Lock()
	c.ended = true
	own := c.current.Swap(nil)
	c.mu.Unlock()
	own.retire()
}

// reopen lets connections be kept again.
func (c *transportCache) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = false
}

type idleCloser interface{ CloseIdleConnections() }

// closeIdle closes the idle connections of the transport in use, whoever made it.
func (c *transportCache) closeIdle() {
	own := c.current.Load()
	if own == nil {
		return
	}
	if base, ok := own.base.(idleCloser); ok {
		base.CloseIdleConnections()
	}
}

// idleTimeout is that of http.DefaultTransport.
const idleTimeout = 90 * time.Second

// newOwnTransport makes a transport for l. The options' one serves as it is
// where l has neither certificate nor roots, or where it is of another type.
func newOwnTransport(l *live) *ownTransport {
	own := &ownTransport{setup: l.setup, cert: l.cert, roots: l.cred.Attach.Roots}
	given, plain := l.setup.opts.Transport, l.cert == nil && l.cred.Attach.Roots == ""
	if given != nil && plain {
		own.base = given
		return own
	}
	if given == nil {
		given = http.DefaultTransport
	}
	t, ok := given.(*http.Transport)
	switch {
	case ok:
		t = t.Clone()
		// Clone makes the original ready for HTTP/2, and the configuration that it
		// copies would turn HTTP/2 off in the copy.
		c := t.TLSClientConfig
		t.ForceAttemptHTTP2 = t.ForceAttemptHTTP2 || c != nil && slices.Contains(c.NextProtos, "h2")
	case l.setup.opts.Transport != nil || plain:
		own.base = given
		return own
	default: // a program that replaced http.DefaultTransport with another type
		t = &http.Transport{
			Proxy: http.ProxyFromEnvironment, IdleConnTimeout: idleTimeout, ForceAttemptHTTP2: true,
		}
	}
	t.TLSClientConfig = tlsConfig(t.TLSClientConfig, l)
	if cert := l.cert; cert != nil {
		t.TLSClientConfig.GetClientCertificate = func(
			*tls.CertificateRequestInfo,
		) (*tls.Certificate, error) {
			return cert, nil
		}
	}
	own.base, own.made = t, t
	return own
}
