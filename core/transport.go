package core

import (
	"context"
	"io"
	"maps"
	"net/http"
	"strings"
)

// Transport returns a RoundTripper that puts the session's credential on
// requests to its origins and sends them through base. Nil base means what
// Options.Transport says; with another base, the base must present client
// certificates itself (see TLSConfig).
//
// A request that the caller addressed to another origin is [OriginRefused] and
// not sent; where a redirect leads to one, the request goes on without a
// credential, also when it leads back. After a 401 the credential is renewed once and, if its body can
// be had again (http.Request.GetBody) and Options.NoReplay is off, the request
// is sent once more; the second answer is the caller's. The caller's request
// is never written to, and a header, query parameter or cookie that it already
// has stays as it is.
func (s *Session) Transport(base http.RoundTripper) http.RoundTripper {
	return &transport{session: s, base: base}
}

type transport struct {
	session *Session
	base    http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	return t.session.roundTrip(t.base, r)
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the base.
func (t *transport) CloseIdleConnections() {
	base := t.base
	if base == nil {
		if own := t.session.own.Load(); own != nil {
			base = own.base
		}
	}
	if c, ok := base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (s *Session) roundTrip(base http.RoundTripper, r *http.Request) (*http.Response, error) {
	l, err := s.get(r.Context(), true)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	attach, err := s.permit(l, r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	if !attach {
		resp, err := s.bare(base, l).RoundTrip(r)
		if resp != nil {
			resp.Request = r // the way that redirects came, whatever base keeps of it
		}
		return resp, err
	}
	resp, refused, err := s.deliver(base, l, r, r.Body)
	if !refused {
		return resp, err
	}
	s.refuse(l, false, challenge(resp))
	if l.setup.opts.NoReplay || !rewindable(r) {
		return resp, nil
	}
	again, err := s.get(r.Context(), true)
	if err != nil || again == l {
		return resp, nil
	}
	if attach, err := s.permit(again, r); err != nil || !attach {
		return resp, nil
	}
	body, err := rewind(r)
	if err != nil {
		return resp, nil
	}
	drain(resp)
	if resp, refused, err = s.deliver(base, again, r, body); refused {
		s.refuse(again, false, challenge(resp))
	}
	return resp, err
}

// deliver sends r with l, and once more where a 401 brings what the Authorizer
// wants to learn (Attachment.Learn). It reports whether the API refused the
// credential.
func (s *Session) deliver(base http.RoundTripper, l *credential, r *http.Request, body io.ReadCloser) (*http.Response, bool, error) {
	resp, out, err := s.send(base, l, r, body)
	if err != nil || resp.StatusCode != http.StatusUnauthorized || !out.taught {
		return resp, err == nil && resp.StatusCode == http.StatusUnauthorized && out.ours, err
	}
	if l.setup.opts.NoReplay || !rewindable(r) {
		return resp, false, nil
	}
	if body, err = rewind(r); err != nil {
		return resp, false, nil
	}
	drain(resp)
	resp, out, err = s.send(base, l, r, body)
	return resp, err == nil && resp.StatusCode == http.StatusUnauthorized && out.ours, err
}

// challenge returns all challenges of a refusal as one list (RFC 9110 §5.3).
func challenge(resp *http.Response) string {
	return strings.Join(resp.Header.Values("Www-Authenticate"), ", ")
}

// drain reads a little of an answer, so that the connection can be used again.
func drain(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
	_ = resp.Body.Close()
}

// sent is what became of a request that was sent.
type sent struct {
	ours   bool // something on it was the session's
	taught bool // the answer told the Authorizer something new
}

// send makes the outgoing request from r and l.
func (s *Session) send(base http.RoundTripper, l *credential, r *http.Request, body io.ReadCloser) (*http.Response, sent, error) {
	out := new(http.Request)
	*out = *r
	out.Header = make(http.Header, len(r.Header)+len(l.cred.Attach.Header))
	maps.Copy(out.Header, r.Header)
	out.Body = body
	ours, what, err := s.attach(r.Context(), l, out, true)
	if err != nil {
		if body != nil {
			_ = body.Close()
		}
		return nil, sent{}, err
	}
	resp, err := s.carry(base, l).RoundTrip(out)
	taught := false
	if resp != nil {
		taught = what != nil && s.lessons.learn(resp, r.URL, what.learn, what.known)
		resp.Request = r // not ours: its URL may hold a key
		if out.URL != r.URL && resp.Header["Location"] != nil {
			hideEcho(resp, out.URL, r.URL)
		}
	}
	return resp, sent{ours || l.cert != nil, taught}, err
}

// permit decides whether the credential goes on r: yes; no, but the request
// may go on without it; or an error.
func (s *Session) permit(l *credential, r *http.Request) (bool, error) {
	if r.URL == nil {
		return false, nil // the base says what is wrong
	}
	ok := r.URL.Scheme == "https" || mayCarry(r.URL, l.setup.opts.AllowHTTP)
	if r.Response == nil {
		if !l.covers(r.URL) {
			return false, s.config().annotate(Errorf(OriginRefused, "%s is none of the session's origins", where(r.URL)), "")
		}
		if !ok {
			return false, s.config().annotate(Errorf(OriginRefused, "%s is not https", where(r.URL)), "")
		}
		return true, nil
	}
	return ok && l.stayed(r), nil
}

// stayed reports whether every redirect that led to r stayed within the
// origins, or at the caller's host if there are none. A place elsewhere must
// not choose a request that the credential then goes on.
func (l *credential) stayed(r *http.Request) bool {
	first := firstHop(r)
	if first == nil || first.URL == nil {
		return false
	}
	named := len(l.origins()) > 0
	for ; r != first; r = r.Response.Request {
		if r.URL == nil || named && !l.covers(r.URL) || !named && !sameOrigin(first.URL, r.URL) {
			return false
		}
	}
	return l.covers(first.URL)
}

// firstHop follows the redirects that led to r back to the caller's request.
func firstHop(r *http.Request) *http.Request {
	for r != nil && r.Response != nil {
		r = r.Response.Request
	}
	return r
}

// Authorize puts the credential on r in place, for a client that is not
// net/http, such as a WebSocket handshake (ws and wss count as http and
// https). The caller sends r and, if it is refused, calls [Session.Reject]; the
// next attempt needs a request without the old credential, as what r has stays
// as it is. Errors are those of Credential, and [OriginRefused] for a URL that is not
// the session's.
func (s *Session) Authorize(ctx context.Context, r *http.Request) error {
	l, err := s.get(ctx, false)
	if err != nil {
		return err
	}
	if r.URL == nil {
		return s.config().annotate(Errorf(OriginRefused, "the request has no URL"), "authorize")
	}
	if attach, err := s.permit(l, r); err != nil || !attach {
		return err
	}
	if r.Header == nil {
		r.Header = make(http.Header, len(l.cred.Attach.Header))
	}
	_, _, err = s.attach(ctx, l, r, false)
	return err
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

func rewindable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

func rewind(r *http.Request) (io.ReadCloser, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body, nil
	}
	return r.GetBody()
}
