package core

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// The session's clock: nanoseconds since the program started, monotonic, which
// is the cheapest reading Go has. Because it stands still while a machine
// sleeps and ignores steps of the wall clock, live.judge asks the wall clock
// too, at most once per wallCheck.
//
// In a testing/synctest bubble the clock reads a moment before epoch; the
// offset keeps it above zero, which means "long ago".
var epoch = time.Now()

func mono() int64 { return int64(time.Since(epoch)) + 1<<61 }

const (
	never     = math.MaxInt64
	wallCheck = int64(time.Second)

	// A share of the lifetime before its end makes a credential stale.
	earlyShare = 10
	maxEarly   = 5 * time.Minute
	// A credential that arrives expired, or nearly so (a clock is wrong
	// somewhere), is used for minLife, so that it is not fetched for every
	// request.
	minTrusted = 100 * time.Millisecond
	minLife    = 10 * time.Second
	// RenewAfter is not taken more seriously than this.
	minRenew = time.Second
)

var credentialIDs atomic.Uint64

// live is a credential, ready for use: checked, with everything that requests
// need made once. Only until changes.
type live struct {
	until    atomic.Int64 // before this moment there is nothing to look at
	stale    int64        // when to renew
	expired  int64        // when to stop
	born     int64
	wall     int64 // expired by the wall clock, in Unix nanoseconds
	setup    *setup
	named    *[]origin // by the provider; nil where the options name some
	cert     *tls.Certificate
	fields   atomic.Pointer[[]field]           // for HTTP, made on first use
	md       atomic.Pointer[map[string]string] // for gRPC, made on first use
	quiet    atomic.Bool                       // TLS handshakes need not look at the clock
	accepted atomic.Bool                       // the API answered a request that carried it with a 2xx
	plain    atomic.Bool                       // the provider said that it is no Authorizer
	kept     *kept                             // what Options.Store has of it; nil: nothing
	cred     Credential
}

type age uint8

const (
	fresh age = iota
	stale
	expired
)

// prepare checks what a provider returned and makes it ready for use. old may
// lend what has not changed.
func prepare(u *setup, c Credential, old *live) (*live, error) {
	if c.Attach.empty() && u.authorizer == nil {
		return nil, Errorf(Unavailable, "the provider returned an empty credential")
	}
	if err := c.Attach.check(); err != nil {
		return nil, err
	}
	l := &live{setup: u}
	if len(u.origins) == 0 {
		named, err := parseOrigins(c.Origins)
		if err != nil {
			return nil, Errorf(BadConfig, "the provider's credential: %w", err)
		}
		if named != nil {
			l.named = &named
		}
	}
	if err := l.prepareCert(c, old); err != nil {
		return nil, err
	}
	c.id = credentialIDs.Add(1)
	l.cred = c
	l.clock(u.opts.Early)
	return l, nil
}

// origins are where the credential may go; empty: the hosts that callers name.
func (l *live) origins() []origin {
	if l.named != nil {
		return *l.named
	}
	return l.setup.origins
}

// header returns the prepared header fields.
func (l *live) header() []field {
	if f := l.fields.Load(); f != nil {
		return *f
	}
	f := prepareHeader(l.cred.Attach.Header)
	l.fields.Store(&f)
	return f
}

// authorizer returns the provider if attachments depend on the request, or nil.
func (l *live) authorizer() Authorizer {
	if l.setup.authorizer == nil || l.plain.Load() {
		return nil
	}
	return l.setup.authorizer
}

// asAbsent remembers that Authorize is not supported, so that a proxy is asked
// once for a credential and not for every request.
func (l *live) asAbsent() error {
	if l.cred.Attach.empty() {
		return Errorf(Unavailable, "the provider returned an empty credential")
	}
	l.plain.Store(true)
	return nil
}

func (l *live) prepareCert(c Credential, old *live) error {
	if c.Attach.Cert.IsZero() {
		return nil
	}
	if old != nil && old.cert != nil && old.setup == l.setup && old.cred.Attach.Cert.Equal(c.Attach.Cert) {
		l.cert = old.cert
		if key, ok := l.cert.PrivateKey.(*remoteKey); ok {
			key.cred.Store(&c)
		}
		return nil
	}
	text := []byte(c.Attach.Cert.Reveal())
	cert, err := tls.X509KeyPair(text, text)
	if err == nil {
		l.cert = &cert
		return nil
	}
	signer, ok := l.setup.provider.(Signer)
	if !ok || hasKey(text) {
		return Errorf(BadConfig, "the client certificate: %w", err)
	}
	cert = tls.Certificate{}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if len(cert.Certificate) == 0 {
		return Errorf(BadConfig, "the client certificate holds no PEM certificate")
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return Errorf(BadConfig, "the client certificate: %w", err)
	}
	key := &remoteKey{signer: signer, public: cert.Leaf.PublicKey, timeout: l.setup.opts.timeout()}
	key.cred.Store(&c)
	cert.PrivateKey = crypto.Signer(key)
	l.cert = &cert
	return nil
}

func hasKey(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return true
		}
	}
	return false
}

// clock sets the moments at which the credential turns stale and expired.
func (l *live) clock(early time.Duration) {
	now, at := time.Now(), mono()
	l.born, l.stale, l.expired, l.wall = at, never, never, never
	if !l.cred.Expiry.IsZero() {
		life := l.cred.Expiry.Sub(now)
		if life < minTrusted {
			life = minLife
		}
		l.wall = later(now.UnixNano(), life)
		l.expired = later(at, life)
		l.stale = later(at, life-jitter(earliness(life, early)))
	}
	if !l.cred.RenewAfter.IsZero() {
		l.stale = min(l.stale, later(at, max(minRenew, l.cred.RenewAfter.Sub(now))))
	}
	l.until.Store(l.next(at))
}

// earliness is how long before its end a credential of a given lifetime is
// renewed.
func earliness(life, early time.Duration) time.Duration {
	if early <= 0 {
		return min(life/earlyShare, maxEarly)
	}
	return min(early, life/2)
}

// jitter takes up to a fifth away, so that many sessions do not renew as one.
func jitter(d time.Duration) time.Duration {
	if d <= 5 {
		return d
	}
	return d - rand.N(d/5)
}

func later(at int64, d time.Duration) int64 {
	if int64(d) > never-at {
		return never
	}
	return at + int64(d)
}

// next is when to look at the credential again after a look at now.
func (l *live) next(now int64) int64 {
	if l.wall == never {
		return l.stale
	}
	return min(l.stale, now+wallCheck)
}

// judge tells the credential's age by both clocks.
func (l *live) judge(now int64) age {
	switch {
	case now >= l.expired || l.wall != never && time.Now().UnixNano() >= l.wall:
		return expired
	case now >= l.stale:
		return stale
	}
	return fresh
}

// maxQuiet bounds how long TLS handshakes go without a look at the clocks.
const maxQuiet = time.Minute

// hush lets handshakes take the certificate without a reading of the clock
// until a timer says that there is something to look at.
func (l *live) hush() {
	now := mono()
	wait := min(time.Duration(l.stale-now), maxQuiet)
	if wait <= 0 || !l.quiet.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(wait, func() { l.quiet.Store(false) })
}
