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

// credentialIDs counts credentials. A refusal names the credential that it is
// about by its number, so that a late refusal does not drop a newer one.
var credentialIDs atomic.Uint64

// credential is a Credential ready for use: checked, with everything that
// requests need prepared once. Only its atomic fields change, so that callers
// read it without a lock.
type credential struct {
	// recheckAt is an instant: until then callers serve the credential without a look
	// at the machine. Zero: look now. It is the first field, as the hot path reads it.
	recheckAt atomic.Int64
	lifetime         // when it is renewed and when its use ends
	setup     *setup // whose provider made it
	cred      Credential

	// ownOrigins is where it may be sent, if that differs from the setup's origins.
	ownOrigins *[]origin
	cert       *tls.Certificate                // parsed; nil: none
	prepared   atomic.Pointer[preparedHeaders] // made on first use
	store      *storeMeta                      // what Options.Store has of it; nil: nothing

	skipClock     atomic.Bool // TLS handshakes need not read the clock
	notAuthorizer atomic.Bool // the provider answered that it is not an Authorizer
	acceptedByAPI atomic.Bool // the API answered 2xx to a request that carried it
	restored      bool        // it is from the store: its life began before createdAt
	signedIn      bool        // a person signed in for it, or for one that it renews
}

// prepare checks what a provider returned and makes it ready for use. Its parsed
// certificate is taken from old, the credential before it, if it is the same; old
// may be nil.
func prepare(cfg *setup, c Credential, old *credential) (*credential, error) {
	if c.Attach.isEmpty() && cfg.authorizer == nil {
		return nil, Errorf(CodeUnavailable, "the provider returned an empty credential")
	}
	if err := c.Attach.check(); err != nil {
		return nil, err
	}
	if err := c.Body.check(); err != nil {
		return nil, err
	}
	if err := c.checkBounds(); err != nil {
		return nil, err
	}
	out := &credential{setup: cfg}
	// The options have the last word on origins. The provider's count without
	// them.
	if len(cfg.origins) == 0 {
		named, err := parseOrigins(c.Origins)
		if err != nil {
			return nil, Errorf(CodeBadConfig, "the provider's credential: %w", err)
		}
		if named != nil {
			out.ownOrigins = &named
		}
	}
	if err := out.prepareCert(c, old); err != nil {
		return nil, err
	}
	// From here on nothing can fail.
	c.id = credentialIDs.Add(1)
	out.cred = c
	now := readClocks()
	out.lifetime = newLifetime(now, c, cfg.opts.Early, randomBelow)
	out.recheckAt.Store(int64(out.nextCheck(now.mono)))
	return out, nil
}

// subject returns who the credential speaks for. c may be nil.
func (c *credential) subject() string {
	if c == nil {
		return ""
	}
	return c.cred.Subject
}

// origins returns where the credential may be sent. If it is empty, the
// credential is sent to the hosts that callers name.
func (c *credential) origins() []origin {
	if c.ownOrigins != nil {
		return *c.ownOrigins
	}
	return c.setup.origins
}

// covers reports whether u is one of the credential's origins, or whether it
// has none.
func (c *credential) covers(u *url.URL) bool {
	origins := c.origins()
	for i := range origins {
		if origins[i].matches(u) {
			return true
		}
	}
	return len(origins) == 0
}

// preparedHeaders is what a credential puts on requests, in the form that
// requests need. It is never written to.
type preparedHeaders struct {
	fields   []headerField     // for HTTP
	metadata map[string]string // for gRPC; nil: not made yet
}

// header returns the prepared header fields. Two callers may prepare them at a
// time; the results are equal, and one of them stays.
func (c *credential) header() []headerField {
	if made := c.prepared.Load(); made != nil {
		return made.fields
	}
	made := &preparedHeaders{fields: prepareHeader(c.cred.Attach.Header)}
	c.prepared.CompareAndSwap(nil, made)
	return made.fields
}

// metadata returns the prepared metadata for gRPC, or nil.
func (c *credential) metadata() map[string]string {
	if made := c.prepared.Load(); made != nil {
		return made.metadata
	}
	return nil
}

// authorizer returns the provider if attachments depend on the request, or nil.
func (c *credential) authorizer() Authorizer {
	if c.setup.authorizer == nil || c.notAuthorizer.Load() {
		return nil
	}
	return c.setup.authorizer
}

// rememberNotAuthorizer records that Authorize is not supported. A proxy for a
// plugin always has that method and learns only from the plugin's answer whether
// the provider supports it: it is then called once for a credential and not for
// every request.
func (c *credential) rememberNotAuthorizer() error {
	if c.cred.Attach.isEmpty() {
		return Errorf(CodeUnavailable, "the provider returned an empty credential")
	}
	c.notAuthorizer.Store(true)
	return nil
}

// prepareCert parses the client certificate, or takes the parsed one of old if it
// is the same: TLS sessions and idle connections belong to the parsed value, and
// would otherwise be given up at each renewal. A chain without a private key is
// one whose key the provider uses for us, as for a hardware token.
func (c *credential) prepareCert(next Credential, old *credential) error {
	if next.Attach.Cert.IsZero() {
		return nil
	}
	if old != nil && old.cert != nil && old.setup == c.setup &&
		old.cred.Attach.Cert.Equal(next.Attach.Cert) {
		c.cert = old.cert
		// A key that the provider holds is used with the provider's newest
		// credential.
		if key, ok := c.cert.PrivateKey.(*remoteKey); ok {
			key.cred.Store(&next)
		}
		return nil
	}
	text := []byte(next.Attach.Cert.Reveal())
	cert, err := tls.X509KeyPair(text, text)
	if err == nil {
		c.cert = &cert
		return nil
	}
	// The text has no private key that fits: the provider may have it.
	signer, ok := c.setup.provider.(TLSSigner)
	if !ok || hasPrivateKey(text) {
		return Errorf(CodeBadConfig, "the client certificate: %w", err)
	}
	if cert, err = parseChain(text); err != nil {
		return err
	}
	key := &remoteKey{signer: signer, public: cert.Leaf.PublicKey, timeout: c.setup.opts.timeout()}
	key.cred.Store(&next)
	cert.PrivateKey = crypto.Signer(key)
	c.cert = &cert
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

// hasPrivateKey reports whether a PEM text has anything besides certificates.
func hasPrivateKey(text []byte) bool {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			return true
		}
	}
	return false
}

// maxClockSkip limits how long TLS handshakes do not look at the clocks.
const maxClockSkip = time.Minute

// skipClockUntilDue lets handshakes take the certificate without reading the
// clock until the credential is due for renewal, or maxClockSkip has passed.
// Reading the clock in each handshake is what a benchmark of many connections
// shows.
func (c *credential) skipClockUntilDue() {
	wait := min(c.staleAt.sub(monoNow()), maxClockSkip)
	if wait <= 0 || !c.skipClock.CompareAndSwap(false, true) {
		return
	}
	time.AfterFunc(wait, func() { c.skipClock.Store(false) })
}
