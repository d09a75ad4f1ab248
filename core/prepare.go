// Read on in begin.go.

package core

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net/url"
	"sync/atomic"
	"time"
)

var credentialIDs atomic.Uint64

// credential is a Credential ready for use: checked, with everything that
// requests need made once. Only its atomic fields change.
type credential struct {
	until     atomic.Int64 // an instant: before it there is nothing to decide
	lifetime               // when it is renewed and when its use ends
	setup     *setup       // whose provider made it
	named     *[]origin    // where it may go, if the setup's origins do not say; nil: they do
	cert      *tls.Certificate
	made      atomic.Pointer[attachable] // for requests, made on first use
	skipClock atomic.Bool                // TLS handshakes need not read the clock
	plain     atomic.Bool                // the provider said that it is not an Authorizer
	accepted  atomic.Bool                // the API answered 2xx to a request that carried it
	restored  bool                       // it came from the store, so that its life began before
	signedIn  bool                       // a person signed in for it, or for what it was renewed from
	store     *storeMeta                 // what Options.Store has of it; nil: nothing
	cred      Credential
}

// prepare checks what a provider returned and makes it ready for use. The
// credential before it, old, may lend its parsed certificate; it may be nil.
func prepare(u *setup, c Credential, old *credential) (*credential, error) {
	if c.Attach.empty() && u.authorizer == nil {
		return nil, Errorf(CodeUnavailable, "the provider returned an empty credential")
	}
	if err := c.Attach.check(); err != nil {
		return nil, err
	}
	if err := c.Body.check(); err != nil {
		return nil, err
	}
	l := &credential{setup: u}
	if len(u.origins) == 0 {
		named, err := parseOrigins(c.Origins)
		if err != nil {
			return nil, Errorf(CodeBadConfig, "the provider's credential: %w", err)
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
	now := present()
	l.lifetime = newLifetime(now, c, u.opts.Early, randomBelow)
	l.until.Store(int64(l.next(now.mono)))
	return l, nil
}

// subject returns who the credential speaks for. l may be nil.
func (l *credential) subject() string {
	if l == nil {
		return ""
	}
	return l.cred.Subject
}

// origins returns where the credential may go. If it is empty, the credential
// goes to the hosts that callers name.
func (l *credential) origins() []origin {
	if l.named != nil {
		return *l.named
	}
	return l.setup.origins
}

// covers reports whether u is one of the credential's origins, or whether it
// has none.
func (l *credential) covers(u *url.URL) bool {
	origins := l.origins()
	for i := range origins {
		if origins[i].matches(u) {
			return true
		}
	}
	return len(origins) == 0
}

// attachable is what a credential puts on requests. It is never written to.
type attachable struct {
	fields   []field           // for HTTP
	metadata map[string]string // for gRPC; nil: not made yet
}

// header returns the prepared header fields.
func (l *credential) header() []field {
	if made := l.made.Load(); made != nil {
		return made.fields
	}
	made := &attachable{fields: prepareHeader(l.cred.Attach.Header)}
	l.made.CompareAndSwap(nil, made)
	return made.fields
}

// metadata returns the prepared metadata for gRPC, or nil.
func (l *credential) metadata() map[string]string {
	if made := l.made.Load(); made != nil {
		return made.metadata
	}
	return nil
}

// authorizer returns the provider if attachments depend on the request, or nil.
func (l *credential) authorizer() Authorizer {
	if l.setup.authorizer == nil || l.plain.Load() {
		return nil
	}
	return l.setup.authorizer
}

// asAbsent remembers that Authorize is not supported, so that a proxy is called
// once for a credential and not for every request.
func (l *credential) asAbsent() error {
	if l.cred.Attach.empty() {
		return Errorf(CodeUnavailable, "the provider returned an empty credential")
	}
	l.plain.Store(true)
	return nil
}

// prepareCert parses the client certificate, or takes the parsed one of old if
// it is the same.
func (l *credential) prepareCert(c Credential, old *credential) error {
	if c.Attach.Cert.IsZero() {
		return nil
	}
	if old != nil && old.cert != nil && old.setup == l.setup &&
		old.cred.Attach.Cert.Equal(c.Attach.Cert) {
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
	signer, ok := l.setup.provider.(TLSSigner)
	if !ok || hasKey(text) {
		return Errorf(CodeBadConfig, "the client certificate: %w", err)
	}
	if cert, err = parseChain(text); err != nil {
		return err
	}
	key := &remoteKey{signer: signer, public: cert.Leaf.PublicKey, timeout: l.setup.opts.timeout()}
	key.cred.Store(&c)
	cert.PrivateKey = crypto.Signer(key)
	l.cert = &cert
	return nil
}

// parseChain reads a certificate chain whose private key is elsewhere.
func parseChain(text []byte) (cert tls.Certificate, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			cert.Certificate = append(cert.Certificate, block.Bytes)
		}
	}
	if len(cert.Certificate) == 0 {
		return cert, Errorf(CodeBadConfig, "the client certificate holds no PEM certificate")
	}
	if cert.Leaf, err = x509.ParseCertificate(cert.Certificate[0]); err != nil {
		return cert, Errorf(CodeBadConfig, "the client certificate: %w", err)
	}
	return cert, nil
}

func hasKey(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return true
		}
	}
	return false
}

// maxSkip bounds how long TLS handshakes go without a look at the clocks.
const maxSkip = time.Minute

// skipClockUntilDue lets handshakes take the certificate without a reading of the clock
// until a timer says that there is something to look at.
func (l *credential) skipClockUntilDue() {
	wait := min(l.stale.until(mono()), maxSkip)
	if wait <= 0 || !l.skipClock.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(wait, func() { l.skipClock.Store(false) })
}
