// Read on in session.go.

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

// transportCache holds the transports that a session makes for its own requests:
// one for those with the credential, and one for those that must not show its
// client certificate. The zero cache is empty and open.
type transportCache struct {
	with    atomic.Pointer[ownTransport] // written under mu
	without atomic.Pointer[ownTransport] // written under mu

	mu    sync.Mutex // guards ended; never held across I/O
	ended bool
}

// transportKey says for what a transport is good: connections, and TLS sessions
// that can be resumed, show the certificate that they began with.
type transportKey struct {
	setup *setup
	cert  *tls.Certificate // nil: none is presented
	roots string
	over  bool // cert has ended
}

func keyOf(l *credential) transportKey {
	key := transportKey{setup: l.setup, cert: l.cert, roots: l.cred.Attach.Roots}
	key.over = l.cert != nil && !endsAfter(l.cert, 0)
	return key
}

// ownTransport sends the requests of a session, with one certificate and one set
// of roots.
//
// A connection must not outlive the use of its transport. CloseIdleConnections
// is not enough for that: a request that comes after it lets the transport keep
// connections again, and an HTTP/2 connection with an open stream stays. So
// after retire, the end of each request and of each HTTP/2 body closes what is
// idle once more.
//
// An answer must not be lost either. net/http takes a connection back before it
// hands over an answer without a body, and CloseIdleConnections then makes the
// request fail. So idle connections are closed while no request waits for its
// answer; the end of the last one does what was put off.
type ownTransport struct {
	key     transportKey
	base    http.RoundTripper
	made    *http.Transport // base, if the session made it; nil: somebody else's
	retired atomic.Bool
	timer   *time.Timer // closes idle connections when the certificate ends; nil: none

	waiting sync.RWMutex // read-locked by requests that wait for their answer
	due     atomic.Bool  // idle connections are to be closed
}

func (t *ownTransport) serves(key transportKey) bool { return t != nil && t.key == key }

// RoundTrip implements [http.RoundTripper].
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.made == nil {
		return t.base.RoundTrip(r)
	}
	t.waiting.RLock()
	defer t.requestEnded()
	defer t.waiting.RUnlock()
	resp, err := t.base.RoundTrip(r)
	if resp != nil && resp.ProtoMajor == 2 && resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &streamBody{resp.Body, t}
	}
	return resp, err
}

// requestEnded closes idle connections, if t is retired or if that was put off.
func (t *ownTransport) requestEnded() {
	if t.retired.Load() || t.due.Load() {
		t.closeIdle()
	}
}

// retire closes the connections of t, those in use after their last request. A
// transport that the session did not make stays as it is.
func (t *ownTransport) retire() {
	if t == nil || t.made == nil {
		return
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	t.retired.Store(true)
	t.closeIdle()
}

// idleDelay is when closeIdle looks once more.
const idleDelay = 100 * time.Millisecond

// closeIdle closes idle connections now, and those that become idle within a
// moment: net/http removes an HTTP/2 stream, and a dial that nobody waits for,
// some time after the caller has its answer.
func (t *ownTransport) closeIdle() {
	t.closeUnused()
	time.AfterFunc(idleDelay, t.closeUnused)
}

// closeUnused closes idle connections now, or when the last request that waits
// for its answer has it.
func (t *ownTransport) closeUnused() {
	t.due.Store(true) // before the attempt: the request that prevents it sees this at its end
	if t.waiting.TryLock() {
		t.due.Store(false)
		t.made.CloseIdleConnections()
		t.waiting.Unlock()
	}
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
func (c *transportCache) withCredential(
	s sender, base http.RoundTripper, l *credential,
) http.RoundTripper {
	if base != nil {
		return base
	}
	return c.find(&c.with, s, l, keyOf(l))
}

// withoutCredential returns what sends a request that must not carry the
// credential: not even a client certificate.
func (c *transportCache) withoutCredential(
	s sender, base http.RoundTripper, l *credential,
) http.RoundTripper {
	if base != nil || l.cert == nil {
		return c.withCredential(s, base, l)
	}
	return c.find(&c.without, s, l, transportKey{setup: l.setup})
}

// find returns the transport of a slot if it is good for key, or else puts
// another one there.
func (c *transportCache) find(
	slot *atomic.Pointer[ownTransport], s sender, l *credential, key transportKey,
) http.RoundTripper {
	if own := slot.Load(); own.serves(key) {
		return own
	}
	own, old := c.replace(slot, s, l, key)
	old.retire()
	return own
}

// replace returns the transport for key, and the one that it took the place of.
func (c *transportCache) replace(
	slot *atomic.Pointer[ownTransport], s sender, l *credential, key transportKey,
) (own, old *ownTransport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := slot.Load(); own.serves(key) {
		return own, nil
	}
	own = newOwnTransport(s, l, key)
	if c.ended {
		// A request that Close overtook. Nothing would retire its transport.
		if own.made != nil {
			own.made.DisableKeepAlives = true
		}
		return own, nil
	}
	if own.made != nil && key.cert != nil && !key.over {
		if leaf := leafOf(key.cert); leaf != nil {
			own.timer = time.AfterFunc(time.Until(leaf.NotAfter), own.closeIdle)
		}
	}
	return own, slot.Swap(own)
}

// end closes the connections that the session owns. Until reopen, requests that
// are still under way keep none.
func (c *transportCache) end() {
	c.mu.Lock()
	c.ended = true
	with, without := c.with.Swap(nil), c.without.Swap(nil)
	c.mu.Unlock()
	with.retire()
	without.retire()
}

// reopen lets connections be kept again.
func (c *transportCache) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = false
}

type idleCloser interface{ CloseIdleConnections() }

// closeIdle closes the idle connections of the transports in use, whoever made
// them.
func (c *transportCache) closeIdle() {
	for _, slot := range []*atomic.Pointer[ownTransport]{&c.with, &c.without} {
		if own := slot.Load(); own != nil {
			if base, ok := own.base.(idleCloser); ok {
				base.CloseIdleConnections()
			}
		}
	}
}

// idleTimeout is that of http.DefaultTransport.
const idleTimeout = 90 * time.Second

// newOwnTransport makes a transport for key, whose certificate is that of l. The
// options' one serves as it is if it must neither present nor trust anything
// else, or if it is of another type.
func newOwnTransport(s sender, l *credential, key transportKey) *ownTransport {
	own := &ownTransport{key: key}
	opts := l.setup.opts
	given := opts.Transport
	plain := l.cert == nil && key.roots == "" && opts.Proxy == nil && opts.TLS == nil
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
	if opts.Proxy != nil {
		t.Proxy = opts.proxyOf
	}
	if opts.TLS != nil {
		t.TLSClientConfig = opts.TLS
	}
	own.base, own.made = t, t
	own.configureTLS(s, l)
	return own
}

// configureTLS lets a transport present the certificate of its key, and trust
// its roots. A TLS session that is resumed shows the certificate that it began
// with (RFC 8446 §2.2), so it must not come from another transport.
func (t *ownTransport) configureTLS(s sender, l *credential) {
	config := tlsConfig(t.made.TLSClientConfig, nil)
	if t.key.roots != "" && config.RootCAs == nil {
		config.RootCAs = poolOf(t.key.roots)
	}
	if u, cert := t.key.setup, t.key.cert; cert != nil {
		config.GetClientCertificate = func(
			*tls.CertificateRequestInfo,
		) (*tls.Certificate, error) {
			return s.certificate(u, cert)
		}
	}
	switch {
	case l.cert != nil && t.key.cert == nil:
		config.ClientSessionCache = nil
	case config.ClientSessionCache != nil:
		config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	}
	t.made.TLSClientConfig = config
}
