// Package core is the heart of authsession: what a provider is, the session
// that keeps its credential fresh, and which session a request uses.
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
// core knows no protocol: OAuth, API keys and certificates are the business of
// the packages below providers. It reads no files and no environment; package
// registry/config does. It imports the standard library only.
//
// Read on in secret.go.
package core

import (
	"context"
	"crypto"
	"net/http"
	"time"
)

// Provider is one way to authenticate to one API. It is the one interface
// that an author must implement; the abilities below are optional.
//
// A Provider is safe for concurrent use and keeps no credential: the session
// holds it and hands the previous one back in [Request.Previous]. Everything
// that crosses this interface is plain data, so that a provider works the same
// in the program and in a plugin process.
type Provider interface {
	// Authenticate obtains a credential. It returns by the end of ctx, and
	// reports what went wrong with [Errorf], whose [Code] tells the session
	// what to do next. An error without a code counts as [CodeUnavailable].
	Authenticate(ctx context.Context, req Request) (Credential, error)
}

// ProviderFunc is a [Provider] that is a single function.
type ProviderFunc func(context.Context, Request) (Credential, error)

// Authenticate calls f.
func (f ProviderFunc) Authenticate(ctx context.Context, req Request) (Credential, error) {
	return f(ctx, req)
}

// Authorizer is the ability to make an attachment for each request, as
// signatures, DPoP and SPNEGO need. Without it, [Credential.Attach] goes on
// every request as it is. An error that wraps [errors.ErrUnsupported] means
// "as if absent"; one with [CodeDenied] says that the credential will not do, so
// that the session drops it as it does after a 401.
type Authorizer interface {
	Authorize(ctx context.Context, c Credential, out Outgoing) (Attachment, error)
}

// TLSSigner is the ability to sign with a private key that stays with the
// provider. The TLS handshakes of a session ask for it when [Attachment.Cert]
// holds a chain and no key. Without it, the key must be in the attachment.
type TLSSigner interface {
	SignDigest(ctx context.Context, req SignatureRequest) ([]byte, error)
}

// Revoker is the ability to end a credential at its issuer. [Session.Close]
// uses it. Without it, the credential is only dropped.
type Revoker interface {
	Revoke(ctx context.Context, c Credential) error
}

// InteractiveProvider is the ability to authenticate with the help of a person. A session
// uses it after Authenticate answered [CodeInteractive], if [Options.UI] is set.
// Without it, the session reports Interactive to its caller.
type InteractiveProvider interface {
	SignIn(ctx context.Context, req Request, ui UI) (Credential, error)
}

// Closer is the ability to let go of what a provider holds outside of itself,
// such as its instance in a plugin. Whoever made the provider calls it once no
// session uses it any more; package registry does. A session does not, as it
// may be initialised again. Without it, the provider is only dropped.
type Closer interface {
	Close(ctx context.Context) error
}

// UI is how a provider talks to a person during a sign-in. A nil function means
// that the program cannot do that; a provider then does without or reports
// [CodeInteractive]. The functions are called from any goroutine, one at a time
// for one sign-in.
type UI struct {
	// Show tells the person something, such as a code and where to enter it.
	Show func(ctx context.Context, message string) error
	// Ask asks for one line. With hidden, the answer is not echoed.
	Ask func(ctx context.Context, prompt string, hidden bool) (Secret, error)
	// Open opens a URL in the person's browser, on this machine. An error says
	// that there is none.
	Open func(ctx context.Context, url string) error
	// ShowDevicePrompt asks the person to open a page on any device and to enter a code
	// there. It returns once they were told. Nil: Show tells them.
	ShowDevicePrompt func(ctx context.Context, v DevicePrompt) error
}

// DevicePrompt is a page that a person is asked to open, on any device, as in the
// device authorization grant (RFC 8628 §3.3).
type DevicePrompt struct {
	VerificationURI         string    // short, to be typed; as verification_uri
	UserCode                string    // to be entered there, or compared; not a secret to the person
	VerificationURIComplete string    // the same page with the code in it, for a QR code; empty: none
	ExpiresAt               time.Time // when the code ends; zero: unknown
}

// Reason says why a session asks its provider for a credential.
type Reason uint8

// The reasons. Their numbers are part of the plugin protocol.
const (
	ReasonInitial  Reason = iota // there is none yet
	ReasonExpiring               // Previous is about to expire, or has
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

// Request is what a session tells its provider.
type Request struct {
	Reason    Reason
	Previous  Credential // zero when Initial; Previous.RefreshState is, for example, the refresh token
	Challenge string     // the WWW-Authenticate header of the refusal (RFC 9110 §11.6.1) when Rejected
	// Inputs are the current credentials of the sessions in Options.Inputs, by
	// role, such as "subject_token" (RFC 8693 §2.1).
	Inputs map[string]Credential
	// MayRetry says that no failed attempt preceded this one, so that the
	// provider may repeat, once, a request that spends nothing at the server
	// (see providerhttp.Retry). False, as from a session that has just failed or from a
	// host that does not know the field: the session decides when to try again.
	MayRetry bool
}

// SignatureRequest asks a [TLSSigner] for one signature, in the terms of
// [crypto.Signer].
type SignatureRequest struct {
	Credential Credential
	Digest     []byte      // the hash of the message; the message itself when Hash is zero (Ed25519)
	Hash       crypto.Hash // what made the digest
	PSSSalt    int         // length of the RSA-PSS salt in bytes; zero: PKCS #1 v1.5 (RFC 8017 §8)
}

// Outgoing describes a request to an [Authorizer]. All of it is a copy.
type Outgoing struct {
	Method string
	URL    string
	// Host is the Host header as it will be sent: URL's host and port unless the
	// caller chose another one. Empty, as from a host program that does not know
	// the field: URL's.
	Host   string
	Header http.Header
	// ContentLength is the length of the body in bytes. 0: there is none.
	// Negative: it is not known.
	ContentLength int64
	// Digests are the hashes of the body that Credential.Body.Digests asks for.
	// Nil if it asks for none, or if the body cannot be read twice
	// ([http.Request.GetBody] is nil). Without a body they are those of nothing.
	Digests map[crypto.Hash][]byte
	// Body is the body itself if Credential.Body.Raw asks for it. Nil if it does
	// not, if the body is longer than that, or if it cannot be read twice. Empty
	// and not nil without a body.
	Body []byte
	// Remembered holds the latest values that this origin's answers had for the
	// headers in Attachment.RememberHeaders, by their canonical names: all values of each,
	// in their order, as WWW-Authenticate may come more than once.
	Remembered http.Header
}
