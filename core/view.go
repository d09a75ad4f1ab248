// Read on in slots.go.

package core

import (
	"context"
	"net/http"
	"time"
)

// Need says what a caller needs of a credential. The zero Need is what every
// caller gets.
type Need struct {
	// MinValidity is how long the credential has to be valid for, as one that is
	// handed to another program. Zero or less: until it has been returned.
	MinValidity time.Duration
}

// View is a session for callers with a [Need]. It is safe for concurrent use.
// It ends with its session and is not closed: after [Session.Close] its methods
// return [CodeClosed]. The zero View is a view of a zero Session.
type View struct {
	session *Session
	need    Need
}

// For returns a view of the session whose credentials meet a need. A credential
// that does not is renewed first, once for all callers. A need that no credential
// of the session can meet for at least a second, because their lifetime is
// shorter, is [CodeBadConfig].
func (s *Session) For(n Need) *View { return &View{s, n} }

// Credential is [Session.Credential] for the need.
func (v *View) Credential(ctx context.Context) (Credential, error) {
	c, err := v.get(ctx, false)
	if err != nil {
		return Credential{}, err
	}
	return c.cred, nil
}

// Client is [Session.Client] for the need.
func (v *View) Client() *http.Client { return &http.Client{Transport: v.Transport(nil)} }

// HandshakeClient is that of the session, see [Session.HandshakeClient].
func (v *View) HandshakeClient() *http.Client {
	return &http.Client{Transport: v.Transport(nil), CheckRedirect: followNoRedirect}
}

// Transport is [Session.Transport] for the need.
func (v *View) Transport(base http.RoundTripper) http.RoundTripper {
	return viewTransport{v, base}
}

// Authorize is [Session.Authorize] for the need.
func (v *View) Authorize(ctx context.Context, r *http.Request) error {
	return v.sender().authorizeInPlace(ctx, r)
}

// viewTransport is the transport of a View.
type viewTransport struct {
	view *View
	base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t viewTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.view.sender().roundTrip(t.base, r)
}

// sender returns the part of the view that sends requests. It shares the
// session's connections; only the credentials are chosen by the view.
func (v *View) sender() sender { return sender{v, v.sessionOrZero().sendingParts()} }

// sessionOrZero returns the session of the view. For the zero View that is a zero
// Session, which has an error instead of a nil pointer.
func (v *View) sessionOrZero() *Session {
	if v.session == nil {
		return &Session{}
	}
	return v.session
}

// maxViewRenewals is how often a view renews for one caller. A second time is
// necessary if the first renewal took what another process had saved, which may
// be older than what the issuer gives.
const maxViewRenewals = 2

// get implements credentialOwner. It renews credentials that do not meet the need.
func (v *View) get(ctx context.Context, answers bool) (*credential, error) {
	for renewals := 0; ; renewals++ {
		c, err := v.sessionOrZero().get(ctx, answers)
		switch {
		case err != nil || v.meets(c):
			return c, err
		case v.neverMeets(c):
			err := Errorf(CodeBadConfig,
				"the session's credentials live for %v, and one that is valid for %v is needed",
				c.expiresAt.sub(c.createdAt).Round(time.Second), v.need.MinValidity)
			return nil, c.setup.annotate(err, "")
		case renewals == maxViewRenewals:
			err := Errorf(CodeUnavailable,
				"the new credential is valid for less than %v", v.need.MinValidity)
			return nil, c.setup.annotate(err, "")
		}
		if err := v.sessionOrZero().renew(ctx, c); err != nil {
			return nil, err
		}
	}
}

// neverMeets reports whether the session's credentials live so short that they do
// not meet the need for at least minRenew: each caller would then renew them. A
// credential from the store tells nothing about that, because it is older than
// its lifetime says.
func (v *View) neverMeets(c *credential) bool {
	return !c.restored && c.expiresAt.sub(c.createdAt)-minRenew < v.need.MinValidity
}

// meets reports whether a credential meets the need by both clocks.
func (v *View) meets(c *credential) bool {
	if v.need.MinValidity <= 0 || c.expiresAt == never {
		return true
	}
	now := readClocks()
	// Either clock may be the one that says that the credential has expired.
	left := min(c.expiresAt.sub(now.mono), time.Duration(c.wallExpiresAt-now.wall))
	return left >= v.need.MinValidity
}

// refuse implements credentialOwner.
func (v *View) refuse(ctx context.Context, c *credential, invalid bool, challenge string) {
	v.sessionOrZero().refuse(ctx, c, invalid, challenge)
}
