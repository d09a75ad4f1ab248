// Read on in tlsverify.go.

package core

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// This file is the sender: it puts a session's credential on requests and reads
// what the API answers. permit.go decides which requests may carry it, attach.go
// writes to them, challenge.go reads refusals and transportcache.go sends.

// Client returns an HTTP client whose requests carry the session's credential, over
// Options.Transport or a transport of the session's own. It is safe for concurrent use,
// and remains usable when the session is closed and initialised again.
func (s *Session) Client() *http.Client { return &http.Client{Transport: s.Transport(nil)} }

// HandshakeClient returns a client like that of Client that does not follow redirects: it
// returns the 3xx answer. It is for libraries that send an HTTP request for something else
// than an answer, such as a WebSocket handshake (RFC 6455 §4.1), and take a client for it:
//
//	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPClient: s.HandshakeClient()})
//
// Such a library follows redirects with a client that does, and sends the headers that it was
// given, such as those of [Session.Authorize], to wherever the redirect points: net/http keeps
// back Authorization and Cookie there, and no others. The client puts the credential on
// requests itself and leaves one that is already there as it is. It is safe for concurrent
// use.
func (s *Session) HandshakeClient() *http.Client {
	return &http.Client{Transport: s.Transport(nil), CheckRedirect: followNoRedirect}
}

func followNoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// bareKey marks the context of a request that does not carry the credential of a session, so
// that a TLS handshake for it does not show the session's certificate.
type bareKey struct{ of *sendingState }

func (bareKey) ownKey() {}

// Transport returns a RoundTripper that puts the session's credential on requests to its
// origins and sends them through base. If base is nil, it uses Options.Transport;
// otherwise base must present client certificates itself (see [Session.TLSConfig]). The
// RoundTripper is safe for concurrent use if base is.
//
// A base with TLSConfig presents the certificate in the handshakes of requests that carry
// the credential, and in none that it begins for a redirect to another origin. It presents
// it to an https proxy that asks for one, and verifies that proxy as it does the API:
// [SeparateProxyTLS] prevents both.
//
// A request that the caller addressed to another origin is [CodeOriginRefused] and
// not sent; where a redirect leads to one, the request goes on without a
// credential, also when it leads back. After a refusal the credential is renewed
// once and, if the body can be read again (http.Request.GetBody) and
// Options.NoReplay is false, the request is sent once more; the caller gets the second
// answer. These answers are refusals:
//
//   - 401, and the statuses in Options.RefusedStatus. A challenge in the
//     credential's own scheme with the error insufficient_scope,
//     insufficient_user_authentication or insufficient_claims is not a refusal,
//     nor is one with use_dpop_nonce or invalid_dpop_proof: the caller gets that
//     answer, and the credential stays in use. One with realm, service and scope
//     is a refusal all the same: that of a container registry, which asks for
//     another token.
//   - Any 4xx whose challenge says invalid_token, in the scheme Bearer or in
//     the credential's own (RFC 6750 §3.1).
//
// The caller's request is never written to, and a header, query parameter or
// cookie that it already has stays as it is.
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
	if t.base == nil {
		t.session.sendingParts().transports.closeIdle()
		return
	}
	if c, ok := t.base.(idleCloser); ok {
		c.CloseIdleConnections()
	}
}

func (s *Session) roundTrip(base http.RoundTripper, r *http.Request) (*http.Response, error) {
	return s.sender().roundTrip(base, r)
}

func (s sender) roundTrip(base http.RoundTripper, r *http.Request) (*http.Response, error) {
	l, err := s.owner.get(r.Context(), true)
	attach := false
	if err == nil {
		attach, err = s.permit(l, r)
	}
	if err != nil {
		closeBody(r)
		return nil, err
	}
	if !attach {
		bare := r.WithContext(context.WithValue(r.Context(), bareKey{s.sendingState}, true))
		resp, err := s.transports.withoutCredential(s, base, l).RoundTrip(bare)
		if resp != nil {
			resp.Request = r // permit follows the redirects, whatever base keeps of them
		}
		return resp, l.setup.renegotiationError(r.URL, err)
	}
	rounds := maxRounds
	resp, answer, err := s.deliver(base, l, r, r.Body, &rounds)
	if err != nil || !answer.refused {
		return resp, err
	}
	s.owner.refuse(r.Context(), l, answer.invalid, answer.challenge)
	if l.setup.opts.NoReplay || !rewindable(r) || answer.again {
		return resp, nil
	}
	rounds = max(rounds, 1)
	return s.replay(base, l, r, resp, &rounds)
}

// maxRounds is how often a request is authorized and sent until a 401 is final.
// The repetition after a renewal has the rounds that are left, and at least one.
const maxRounds = 3

// replay sends r once more after resp refused l. It returns resp if there is no other
// credential, or if r must not carry it.
func (s sender) replay(
	base http.RoundTripper, refused *credential, r *http.Request, resp *http.Response, rounds *int,
) (*http.Response, error) {
	l, err := s.owner.get(r.Context(), true)
	if err != nil || l == refused {
		return resp, nil
	}
	if attach, err := s.permit(l, r); err != nil || !attach {
		return resp, nil
	}
	body, err := rewind(r)
	if err != nil {
		return resp, nil
	}
	drain(resp)
	resp, answer, err := s.deliver(base, l, r, body, rounds)
	if err == nil && answer.refused {
		s.owner.refuse(r.Context(), l, answer.invalid, answer.challenge)
	}
	return resp, err
}

// deliver sends r with l, and again while a 401 has a new value of a header that the
// Authorizer asked for ([Attachment.RememberHeaders]) and rounds are left. The apiAnswer
// is zero if the session added nothing to the request.
func (s sender) deliver(
	base http.RoundTripper, l *credential, r *http.Request, body io.ReadCloser, rounds *int,
) (*http.Response, apiAnswer, error) {
	for {
		*rounds--
		resp, out, err := s.send(base, l, r, body)
		if err != nil {
			return resp, apiAnswer{}, err
		}
		answer := s.answerOf(l, r, resp, out)
		answer.again = out.newValues && resp.StatusCode == http.StatusUnauthorized && !answer.invalid
		if !answer.again || *rounds == 0 {
			return resp, answer, nil
		}
		if l.setup.opts.NoReplay || !rewindable(r) {
			return resp, apiAnswer{}, nil
		}
		if body, err = rewind(r); err != nil {
			return resp, apiAnswer{}, nil
		}
		drain(resp)
	}
}

// answerOf returns the meaning of resp for l.
func (s sender) answerOf(
	l *credential, r *http.Request, resp *http.Response, out sentRequest,
) apiAnswer {
	if !out.carried {
		return apiAnswer{}
	}
	if resp.StatusCode >= 200 && resp.StatusCode <= 299 {
		if !l.acceptedByAPI.Load() {
			l.acceptedByAPI.Store(true)
		}
		return apiAnswer{}
	}
	scheme := ""
	if !hasHeader(r.Header, "Authorization") { // else it is the caller's
		scheme = schemeOf(out.header)
	}
	return readAnswer(resp.StatusCode, resp.Header, scheme, l.setup.opts.RefusedStatus)
}

const (
	maxDrain  = 4 << 10 // bytes of an answer that are read so that its connection can be reused
	drainTime = 50 * time.Millisecond
)

// drain closes an answer that the caller does not get. It reads the rest of a small one,
// for at most drainTime, so that its connection can be used again.
func drain(resp *http.Response) {
	if n := resp.ContentLength; n >= 0 && n <= maxDrain {
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, n+1)) // one more: to see the end
		}()
		t := time.NewTimer(drainTime)
		defer t.Stop()
		select {
		case <-done:
		case <-t.C:
		}
	}
	_ = resp.Body.Close()
}

// sentRequest describes a request that was sent.
type sentRequest struct {
	header    http.Header // of the request
	carried   bool        // the session added something to it
	newValues bool        // the answer has a new value of a header to remember
}

// send makes the outgoing request from r and l and sends it.
func (s sender) send(
	base http.RoundTripper, l *credential, r *http.Request, body io.ReadCloser,
) (*http.Response, sentRequest, error) {
	out := new(http.Request)
	*out = *r
	out.Header = make(http.Header, len(r.Header)+len(l.cred.Attach.Header))
	isFree := l.copyHeader(out.Header, r.Header)
	out.Body = body
	carried, used, err := s.attach(r.Context(), l, out, true, isFree)
	if err != nil {
		if body != nil {
			_ = body.Close()
		}
		return nil, sentRequest{}, err
	}
	resp, err := s.transports.withCredential(s, base, l).RoundTrip(out)
	if resp == nil && err == nil { // net/http notices that only for users of http.Client
		err = l.setup.annotate(Errorf(CodeUnavailable, "the transport returned no answer"), "")
	}
	newValues := false
	if resp != nil {
		newValues = used != nil && s.remembered.remember(resp, r.URL, used.remember, used.given)
		resp.Request = r // the URL of out may hold a key
		if out.URL != r.URL && resp.Header["Location"] != nil {
			removeAddedQuery(resp.Header, out.URL, r.URL)
		}
	}
	return resp, sentRequest{out.Header, carried || l.cert != nil, newValues},
		l.setup.renegotiationError(r.URL, err)
}

// renegotiationError returns the error of a request to u whose server asked for a TLS
// renegotiation that the configuration does not allow, and other errors, and nil,
// unchanged. crypto/tls has neither a type nor a value for it.
func (u *setup) renegotiationError(to *url.URL, err error) error {
	if err == nil { // before op, which is on the heap
		return nil
	}
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "local error" || op.Err == nil ||
		op.Err.Error() != "tls: no renegotiation" {
		return err
	}
	return u.annotate(Errorf(CodeBadConfig, "%s asks for a TLS renegotiation, as for a client "+
		"certificate, which the session does not allow: set tls.renegotiation to once "+
		"(Options.TLS in Go): %w", OriginText(to), err), "")
}

// Authorize puts the credential on r in place, for a client that is not
// net/http, such as a WebSocket handshake (ws and wss count as http and
// https). The caller sends r and, if it is refused, calls [Session.Reject]; the
// next attempt needs a request without the old credential, as what r has stays
// as it is.
//
// What sends r must not follow redirects: a redirect would take the headers and
// cookies of r to another host. A library that sends it with an [http.Client], as
// coder/websocket does, is given [Session.HandshakeClient], which needs no Authorize.
// Errors are those of Credential, and [CodeOriginRefused] for a URL that is not the
// session's.
func (s *Session) Authorize(ctx context.Context, r *http.Request) error {
	return s.sender().authorizeInPlace(ctx, r)
}

func (s sender) authorizeInPlace(ctx context.Context, r *http.Request) error {
	l, err := s.owner.get(ctx, false)
	if err != nil {
		return err
	}
	if r.URL == nil {
		return l.setup.annotate(Errorf(CodeOriginRefused, "the request has no URL"), "authorize")
	}
	if attach, err := s.permit(l, r); err != nil || !attach {
		return err
	}
	if r.Header == nil {
		r.Header = make(http.Header, len(l.cred.Attach.Header))
	}
	_, _, err = s.attach(ctx, l, r, false, false)
	return err
}
