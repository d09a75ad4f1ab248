// Read on in session.go.

package core

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/url"
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

	mu     sync.Mutex // guards closed; never held across I/O
	closed bool
}

// transportKey says which requests a transport may send: a connection, and a TLS session
// that can be resumed, presents the certificate that it began with.
type transportKey struct {
	setup *setup
	cert  *tls.Certificate // nil: none is presented
	roots string
	ended bool // cert has ended
}

func keyOf(l *credential) transportKey {
	key := transportKey{setup: l.setup, cert: l.cert, roots: l.cred.Attach.Roots}
	key.ended = l.cert != nil && !endsAfter(l.cert, 0)
	return key
}

// ownTransport sends the requests of a session, with one certificate and one set
// of roots.
//
// A connection must not remain after the last use of its transport. CloseIdleConnections
// is not enough for that: a request that comes after it lets the transport keep
// connections again, and an HTTP/2 connection with an open stream stays. So
// after retire, the end of each request and of each HTTP/2 body closes what is
// idle once more.
//
// An answer must not be lost either. net/http marks a connection as idle before it
// returns an answer without a body, and CloseIdleConnections then makes the request
// fail. So idle connections are closed only while no request waits for its answer;
// otherwise the end of the last request closes them.
type ownTransport struct {
	key     transportKey
	base    http.RoundTripper
	owned   *http.Transport // base, if the session made it; nil: the program's
	retired atomic.Bool
	timer   *time.Timer // closes idle connections when the certificate ends; nil: none

	inFlight sync.RWMutex // read-locked by requests that wait for their answer
	closeDue atomic.Bool  // idle connections are to be closed
}

func (t *ownTransport) hasKey(key transportKey) bool { return t != nil && t.key == key }

// RoundTrip implements [http.RoundTripper].
func (t *ownTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.owned == nil {
		return t.base.RoundTrip(r)
	}
	t.inFlight.RLock()
	defer t.requestEnded()
	defer t.inFlight.RUnlock()
	resp, err := t.base.RoundTrip(r)
	if resp != nil && resp.ProtoMajor == 2 && resp.Body != nil && resp.Body != http.NoBody {
		resp.Body = &streamBody{resp.Body, t}
	}
	return resp, err
}

// requestEnded closes idle connections if t is retired or closeDue is set.
func (t *ownTransport) requestEnded() {
	if t.retired.Load() || t.closeDue.Load() {
		t.closeIdle()
	}
}

// retire closes the connections of t, those in use after their last request. It does not
// change a transport that the session did not make. t may be nil.
func (t *ownTransport) retire() {
	if t == nil || t.owned == nil {
		return
	}
	if t.timer != nil {
		t.timer.Stop()
	}
	t.retired.Store(true)
	t.closeIdle()
}

// idleDelay is after how long closeIdle closes connections once more.
const idleDelay = 100 * time.Millisecond

// closeIdle closes idle connections now, and those that become idle shortly after:
// net/http removes an HTTP/2 stream, and a dial that no request waits for, some time
// after the caller has its answer.
func (t *ownTransport) closeIdle() {
	t.closeUnused()
	time.AfterFunc(idleDelay, t.closeUnused)
}

// closeUnused closes idle connections now, or when no request waits for its answer any
// more.
func (t *ownTransport) closeUnused() {
	t.closeDue.Store(true) // before the attempt: the request that prevents it sees this at its end
	if t.inFlight.TryLock() {
		t.closeDue.Store(false)
		t.owned.CloseIdleConnections()
		t.inFlight.Unlock()
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

// withCredential returns the transport for a request with the credential: base if it is
// not nil, otherwise the session's own. The latter is replaced when the certificate or
// the roots change, so that connections of the old ones are not used again.
func (c *transportCache) withCredential(
	s sender, base http.RoundTripper, l *credential,
) http.RoundTripper {
	if base != nil {
		return base
	}
	return c.transportFor(&c.with, s, l, keyOf(l))
}

// withoutCredential returns the transport for a request that must not carry the
// credential, and so presents no client certificate.
func (c *transportCache) withoutCredential(
	s sender, base http.RoundTripper, l *credential,
) http.RoundTripper {
	if base != nil || l.cert == nil {
		return c.withCredential(s, base, l)
	}
	return c.transportFor(&c.without, s, l, transportKey{setup: l.setup})
}

// transportFor returns the transport in slot if it is for key, and otherwise replaces
// it.
func (c *transportCache) transportFor(
	slot *atomic.Pointer[ownTransport], s sender, l *credential, key transportKey,
) http.RoundTripper {
	if own := slot.Load(); own.hasKey(key) {
		return own
	}
	own, old := c.replace(slot, s, l, key)
	old.retire()
	return own
}

// replace returns the transport for key, and the one that it replaced. Nil: none.
func (c *transportCache) replace(
	slot *atomic.Pointer[ownTransport], s sender, l *credential, key transportKey,
) (own, old *ownTransport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if own := slot.Load(); own.hasKey(key) {
		return own, nil
	}
	own = newOwnTransport(s, l, key)
	if c.closed {
		// Close ran before this request. Nothing would retire its transport.
		if own.owned != nil {
			own.owned.DisableKeepAlives = true
		}
		return own, nil
	}
	if own.owned != nil && key.cert != nil && !key.ended {
		if leaf := leafOf(key.cert); leaf != nil {
			own.timer = time.AfterFunc(time.Until(leaf.NotAfter), own.closeIdle)
		}
	}
	return own, slot.Swap(own)
}

// close closes the connections that the session owns. Until reopen, requests that have
// not ended do not keep theirs.
func (c *transportCache) close() {
	c.mu.Lock()
	c.closed = true
	with, without := c.with.Swap(nil), c.without.Swap(nil)
	c.mu.Unlock()
	with.retire()
	without.retire()
}

// reopen allows connections to be kept again.
func (c *transportCache) reopen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = false
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

// newOwnTransport makes a transport for key, whose certificate is that of l.
// Options.Transport is used unchanged if it need not present a certificate or trust other
// roots, or if it is not an *http.Transport.
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
	if t.Proxy = checkedProxy(t.Proxy); opts.Proxy != nil {
		t.Proxy = opts.proxyOf
	}
	if t.OnProxyConnectResponse == nil {
		t.OnProxyConnectResponse = func(
			_ context.Context, proxy *url.URL, _ *http.Request, resp *http.Response,
		) error {
			return l.setup.annotate(opts.checkProxyAnswer(proxy, resp), "")
		}
	}
	if l.cert != nil || key.roots != "" || opts.TLS != nil { // these are for origins, not for proxies
		SeparateProxyTLS(t, t.TLSClientConfig)
	}
	if opts.TLS != nil {
		t.TLSClientConfig = opts.TLS
	}
	own.base, own.owned = t, t
	own.configureTLS(s, l)
	return own
}

// configureTLS makes a transport present the certificate of its key and trust its roots.
// A resumed TLS session presents the certificate that it began with (RFC 8446 §2.2), so
// it must not come from another transport.
func (t *ownTransport) configureTLS(s sender, l *credential) {
	config := tlsConfig(t.owned.TLSClientConfig, nil)
	if t.key.roots != "" && config.RootCAs == nil {
		config.RootCAs = certPool(t.key.roots)
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
	t.owned.TLSClientConfig = config
}
