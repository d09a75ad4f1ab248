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
// It ends with its session, and need not be closed: after [Session.Close] its uses
// are [CodeClosed]. The zero View is one of a zero Session.
type View struct {
	session *Session
	need    Need
}

// For returns a view of the session whose credentials meet a need. One that does
// not is renewed first, once for all callers. A need that no credential of the
// session can meet for at least a second, because they live shorter, is [CodeBadConfig].
func (s *Session) For(n Need) *View { return &View{s, n} }

// Credential is [Session.Credential] for the need.
func (v *View) Credential(ctx context.Context) (Credential, error) {
	l, err := v.get(ctx, false)
	if err != nil {
		return Credential{}, err
	}
	return l.cred, nil
}

// Client is [Session.Client] for the need.
func (v *View) Client() *http.Client { return &http.Client{Transport: v.Transport(nil)} }

// Transport is [Session.Transport] for the need.
func (v *View) Transport(base http.RoundTripper) http.RoundTripper {
	return viewTransport{v, base}
}

// Authorize is [Session.Authorize] for the need.
func (v *View) Authorize(ctx context.Context, r *http.Request) error {
	return v.sender().authorizeInPlace(ctx, r)
}

type viewTransport struct {
	view *View
	base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t viewTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.view.sender().roundTrip(t.base, r)
}

func (v *View) sender() sender { return sender{v, v.of().sendingParts()} }

// of returns the session of the view.
func (v *View) of() *Session {
	if v.session == nil {
		return &Session{}
	}
	return v.session
}

// maxViewRenewals is how often a view renews for one caller: once more than once
// if the first renewal found what another process had saved.
const maxViewRenewals = 2

// get implements keeper.
func (v *View) get(ctx context.Context, answers bool) (*credential, error) {
	for renewals := 0; ; renewals++ {
		l, err := v.of().get(ctx, answers)
		switch {
		case err != nil || v.met(l):
			return l, err
		case v.beyond(l):
			return nil, l.setup.annotate(Errorf(CodeBadConfig, "the session's credentials live for %v, and one that is valid for %v is needed",
				l.expired.until(l.born).Round(time.Second), v.need.MinValidity), "")
		case renewals == maxViewRenewals:
			return nil, l.setup.annotate(Errorf(CodeUnavailable, "the new credential is valid for less than %v", v.need.MinValidity), "")
		}
		if err := v.of().renew(ctx, l); err != nil {
			return nil, err
		}
	}
}

// beyond reports whether the session's credentials do not meet the need for at
// least minRenew: each caller would renew them. One from the store tells nothing
// about that, as it is older than its lifetime says.
func (v *View) beyond(l *credential) bool {
	return !l.restored && l.expired.until(l.born)-minRenew < v.need.MinValidity
}

// met reports whether a credential meets the need.
func (v *View) met(l *credential) bool {
	if v.need.MinValidity <= 0 || l.expired == never {
		return true
	}
	now := present()
	left := min(l.expired.until(now.mono), time.Duration(l.wall-now.wall))
	return left >= v.need.MinValidity
}

// refuse implements keeper.
func (v *View) refuse(ctx context.Context, l *credential, invalid bool, challenge string) {
	v.of().refuse(ctx, l, invalid, challenge)
}
