// Package core defines sessions, which authenticate a program to an API and keep the
// credential valid, and providers, which know how to authenticate.
//
// A [Session] is made from a [Provider], authenticated once and used by every
// request until it is closed:
//
//	s := core.New("prices", provider, nil) // nothing is sent
//	if err := s.Init(ctx); err != nil {
//		return err
//	}
//	defer s.Close(ctx)
//	resp, err := s.Client().Get("https://prices.example.com/v1/latest")
//
// Programs use [New], [Session], [View], [Options], [Status] and [Event], and [Scope] with
// the functions [Use], [Do], [With], [Current] and [Client], which choose the session of a
// request; [Error] and [Code] say what to do about a failure, and [UI] asks a person. A
// program that serves a file of sessions has package registry/config, or the package at the
// root of the module, which has everything.
//
// Authors of providers use [Provider], [Request], [Credential] and [Attachment], the optional
// interfaces [Authorizer], [TLSSigner], [Revoker], [InteractiveProvider] and [Closer],
// [NewFactory] with [Info], [Setting] and [Fault], and [Errorf], [LocalErrorf],
// [InputRefused], [Prefix], [Printable], [MayCarry], [OriginText], [AuthTransport] and
// [ProviderLogger].
// Packages providerhttp and providertest below this one are for them alone, too. Authors of
// stores use [Store], [ErrDamaged] and [NewStoreFactory]. Both use [Secret].
//
// core implements no way to authenticate: the packages below providers do, for OAuth, API
// keys, certificates and others. It does not read files, and of the environment only the
// variables of proxies, as net/http does; package registry/config reads the others. Its HTTP
// clients repeat a request only after a refusal. It imports the standard library only.
//
// Read on in secret.go.
package core

import (
	"context"
	"crypto"
	"net/http"
	"time"
)

// Provider is one way to authenticate to one API. It is the only interface that an author
// must implement; the interfaces after it are optional.
//
// A Provider is safe for concurrent use and keeps no credential: the session keeps it and
// passes the previous one in [Request.Previous]. Parameters and results are plain data, so
// that a provider works the same in the program and in a plugin process.
type Provider interface {
	// Authenticate obtains a credential. It returns when ctx ends. Its error is made by
	// [Errorf], whose [Code] tells the session what to do next. An error without a code
	// counts as [CodeUnavailable].
	Authenticate(ctx context.Context, req Request) (Credential, error)
}

// ProviderFunc is a [Provider] that is a single function.
type ProviderFunc func(context.Context, Request) (Credential, error)

// Authenticate calls f.
func (f ProviderFunc) Authenticate(ctx context.Context, req Request) (Credential, error) {
	return f(ctx, req)
}

// Authorizer is an optional interface of a [Provider] that makes an attachment for each
// request, as signatures, DPoP (RFC 9449) and SPNEGO (RFC 4559) need. Without it, the session
// puts [Credential.Attach] on every request. An error that wraps [errors.ErrUnsupported] means
// the same as a provider without the interface. One with [CodeDenied] means that the
// credential is not valid: the session drops it as after a 401. Authorize is called from any
// goroutine, and returns when ctx ends.
type Authorizer interface {
	Authorize(ctx context.Context, c Credential, out Outgoing) (Attachment, error)
}

// TLSSigner is an optional interface of a [Provider] that signs with a private key which
// stays with the provider. The TLS handshakes of a session call it if [Attachment.Cert] has a
// chain and no key. Without it, the key must be in the attachment.
type TLSSigner interface {
	SignDigest(ctx context.Context, req SignatureRequest) ([]byte, error)
}

// Revoker is an optional interface of a [Provider] that ends a credential at its issuer, as
// in RFC 7009. [Session.Close] calls it. Without it, the session only drops the credential.
type Revoker interface {
	Revoke(ctx context.Context, c Credential) error
}

// InteractiveProvider is an optional interface of a [Provider] that authenticates with the
// help of a person. A session calls SignIn after Authenticate returned [CodeInteractive], if
// [Options.UI] is set. Without it, the caller of the session gets CodeInteractive.
type InteractiveProvider interface {
	SignIn(ctx context.Context, req Request, ui UI) (Credential, error)
}

// Closer is an optional interface of a [Provider] that releases what the provider holds
// outside of its own memory, such as its instance in a plugin. The code that made the provider
// calls Close when no session uses the provider any more; package registry does. A session
// does not, as it may be initialised again. Without it, the provider is only dropped.
type Closer interface {
	Close(ctx context.Context) error
}

// UI has the functions by which a provider communicates with a person during a sign-in. A nil
// function means that the program cannot do that; a provider then does not use it, or returns
// [CodeInteractive]. The functions are called from any goroutine, one at a time for one
// sign-in. Their contexts name the session (see [SignInSession]).
type UI struct {
	// Show tells the person something, such as a code and where to enter it.
	Show func(ctx context.Context, message string) error
	// Ask asks for one line. With hidden, the answer is not echoed.
	Ask func(ctx context.Context, prompt string, hidden bool) (Secret, error)
	// Open opens a URL in the person's browser, on this machine. It returns an error
	// if there is no browser.
	Open func(ctx context.Context, url string) error
	// ShowDevicePrompt asks the person to open a page on any device and to enter a code
	// there, and returns without waiting for that. A session calls it with what
	// [CheckDevicePrompt] allows, and with the end of the sign-in in ExpiresAt if that
	// comes before the end of the code. Nil: Show is called instead, with
	// [DevicePrompt.Text].
	ShowDevicePrompt func(ctx context.Context, v DevicePrompt) error
}

// DevicePrompt is a page that a person is asked to open on any device, as in the device
// authorization grant (RFC 8628 §3.3).
type DevicePrompt struct {
	VerificationURI         string    // the page, short enough to type
	UserCode                string    // to enter or to compare there
	VerificationURIComplete string    // the page with the code, for a QR code; empty: none
	ExpiresAt               time.Time // when the code expires; zero: unknown
}

// Reason says why a session asks its provider for a credential.
type Reason uint8

// The reasons. Their numbers are part of the plugin protocol.
const (
	ReasonInitial  Reason = iota // there is no credential yet
	ReasonExpiring               // Previous expires soon, or has expired
	ReasonRejected               // the API refused Previous
)

// String returns the name of r in lower case.
func (r Reason) String() string {
	switch r {
	case ReasonInitial:
		return "initial"
	case ReasonExpiring:
		return "expiring"
	case ReasonRejected:
		return "rejected"
	}
	return "unknown"
}

// Request is what a session passes to its provider.
type Request struct {
	// Reason says why the session asks.
	Reason Reason
	// Previous is the credential before this one, with its RefreshState, such as a
	// refresh token. Zero if Reason is ReasonInitial.
	Previous Credential
	// Challenge is the WWW-Authenticate header of the refusal (RFC 9110 §11.6.1) if
	// Reason is ReasonRejected. Empty: there is none, or it is not known.
	Challenge string
	// Inputs are the current credentials of the sessions in Options.Inputs, by
	// role, such as "subject_token" (RFC 8693 §2.1).
	Inputs map[string]Credential
	// MayRetry says that no failed attempt preceded this one, so that the provider
	// may repeat once a request that the server may receive twice (see
	// providerhttp.Retry). False, after a failure or from a host program of an
	// earlier version: the session decides when to try again.
	MayRetry bool
}

// SignatureRequest asks a [TLSSigner] for one signature, in the terms of
// [crypto.Signer].
type SignatureRequest struct {
	Credential Credential  // the one with the certificate
	Digest     []byte      // the hash of the message; the message if Hash is zero (Ed25519)
	Hash       crypto.Hash // the function that made Digest
	PSSSalt    int         // length of the RSA-PSS salt in bytes; zero: PKCS #1 v1.5 (RFC 8017 §8)
}

// Outgoing describes a request to an [Authorizer]. All of it is a copy, and may be kept.
type Outgoing struct {
	Method string // never empty
	URL    string // absolute, without what the session adds to it
	// Host is the Host header that will be sent: the host and port of URL unless the
	// caller set another one. Empty, from a host program of an earlier version: those
	// of URL.
	Host   string
	Header http.Header // the caller's
	// ContentLength is the length of the body in bytes. 0: there is none.
	// Negative: unknown.
	ContentLength int64
	// Digests are the hashes of the body that Credential.Body.Digests asks for.
	// Nil if it asks for none, or if the body cannot be read twice
	// ([http.Request.GetBody] is nil). Without a body they are hashes of no bytes.
	Digests map[crypto.Hash][]byte
	// Body is the body itself if Credential.Body.Raw asks for it. Nil if it does
	// not, if the body is longer than that, or if it cannot be read twice. Empty
	// and not nil without a body.
	Body []byte
	// Remembered has the latest values of the headers in Attachment.RememberHeaders in
	// answers of this origin, by canonical name: all values of each, in their order, as
	// an answer may have several WWW-Authenticate. Nil: there are none.
	Remembered http.Header
}
