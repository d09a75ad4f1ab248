// How a call is sent, and when it is repeated.
//
// Read on in websocket.go.

package gs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/cenkalti/backoff/v5"
)

// The limits of retries. The pauses are 0.5 s, 1 s and 2 s on average, or the Retry-After of the
// answer.
const (
	maxAttempts   = 4
	maxPause      = 30 * time.Second // a call whose pause would be longer fails
	maxRetryDelay = 2 * time.Minute  // between the first attempt and the last
)

// request is what all attempts of a call have in common.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	out    any
	call   Call
	retry  bool // whether the call may be repeated
}

// do makes a call, and repeats it if it may be repeated and the failure may pass.
func (s *Session) do(ctx context.Context, method, path string, payload, out any, call *Call) error {
	var c Call
	if call != nil {
		c = *call
	}
	cred, err := s.Core().Credential(ctx)
	if err != nil {
		return err
	}
	r := &request{method: method, out: out, call: c}
	if r.url, err = s.callURL(cred.Attributes, path, &c); err != nil {
		return err
	}
	if err := r.setPayload(payload); err != nil {
		return err
	}
	if err := checkOut(out); err != nil {
		return err
	}
	r.retry = method != http.MethodPost && !c.NoRetry && cred.Attributes[attrNoRetry] != "true"

	began := time.Now()
	pauses := backoff.ExponentialBackOff{
		InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2,
		MaxInterval: maxPause,
	}
	for attempt := 1; ; attempt++ {
		err := s.attempt(ctx, r)
		if err == nil || !r.retry || attempt == maxAttempts || !mayPass(err) {
			return unwrapTemporary(err)
		}
		wait := pauses.NextBackOff()
		var api *APIError
		if errors.As(err, &api) {
			wait = max(wait, api.RetryAfter)
		}
		if wait > maxPause || time.Since(began)+wait > maxRetryDelay || !sleep(ctx, wait) {
			return unwrapTemporary(err)
		}
	}
}

// setPayload puts the payload into the body or the query, and sets the headers.
func (r *request) setPayload(payload any) error {
	r.header = make(http.Header, len(r.call.Header)+2)
	hasBody := r.method == http.MethodPost || r.method == http.MethodPut
	if !hasBody && r.call.InBody {
		payload, hasBody = r.call.Payload, true
	}
	if !hasBody && r.call.Payload != nil {
		query, err := queryOf(r.call.Payload)
		if err != nil {
			return err
		}
		if r.url.RawQuery != "" && query != "" {
			r.url.RawQuery += "&"
		}
		r.url.RawQuery += query
	}
	if r.call.MsgPack {
		r.header.Set("Accept", msgpackType)
	}
	if hasBody {
		body, contentType, err := encode(payload, r.call.MsgPack)
		if err != nil {
			return err
		}
		r.body = body
		r.header.Set("Content-Type", contentType)
	}
	for name, values := range r.call.Header {
		r.header[http.CanonicalHeaderKey(name)] = values
	}
	return checkHeader(r.call.Header)
}

// attempt sends the request once. After a 401, the session's transport repeats it once with a new
// token.
func (s *Session) attempt(parent context.Context, r *request) error {
	timeout := r.call.Timeout
	if timeout <= 0 {
		timeout = defaultCallTimeout
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	cred, err := s.Core().Credential(ctx)
	if err != nil {
		return err
	}
	var body io.Reader
	if len(r.body) > 0 {
		// http.NewRequest sets GetBody for it, so that the transport can repeat it
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), body)
	if err != nil {
		return core.Errorf(core.CodeBadConfig, "the request: %w", err)
	}
	req.Header = maps.Clone(r.header)
	client := http.Client{Transport: s.Core().Transport(nil), CheckRedirect: sameOriginOnly}
	resp, err := client.Do(req)
	if err != nil {
		return r.connectionError(ctx, err)
	}
	defer resp.Body.Close()
	if r.call.RequestID != nil {
		*r.call.RequestID = resp.Header.Get(requestID)
	}
	secrets := func() []core.Secret {
		list := secretsOf(cred)
		if now, err := s.Core().Credential(ctx); err == nil {
			list = append(list, secretsOf(now)...)
		}
		return list
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answerError(r.method, r.url, resp, secrets())
	}
	return r.readAnswer(ctx, resp, secrets)
}

// readAnswer reads the answer and decodes it into r.out.
func (r *request) readAnswer(
	ctx context.Context, resp *http.Response, secrets func() []core.Secret,
) error {
	limit := r.call.MaxBody
	if limit <= 0 {
		limit = defaultMaxBody
	}
	limit = min(limit, math.MaxInt64-1)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return r.connectionError(ctx, &url.Error{URL: r.url.String(), Err: err})
	case int64(len(body)) > limit:
		return r.annotate(core.Errorf(core.CodeUnavailable, "the answer is larger than %d bytes", limit))
	}
	accept := r.header.Get("Accept")
	if err := redirectedError(r.method, r.url, accept, resp, body, secrets); err != nil {
		return err
	}
	if err := decode(resp.Header.Get("Content-Type"), body, r.out); err != nil {
		return r.annotate(err)
	}
	return nil
}

// annotate adds the request to an error, without its query.
func (r *request) annotate(err error) error {
	return fmt.Errorf("gs: %s %s: %w", r.method, withoutQuery(r.url), err)
}

// connectionError returns the error of a request without an answer. It is a *temporaryError if
// another attempt may succeed: not if the session refused to send the request, if the context has
// ended, or if the error has a code that no retry changes.
func (r *request) connectionError(ctx context.Context, err error) error {
	var refused *core.Error
	if errors.As(err, &refused) {
		return refused
	}
	ended := ctx.Err() != nil
	err = providerhttp.ClientError(err)
	out := r.annotate(err)
	if ended || core.CodeOf(err) != core.CodeUnavailable {
		return out
	}
	return &temporaryError{out}
}

// temporaryError marks the error of a connection after which another attempt may succeed.
type temporaryError struct{ error }

func (e *temporaryError) Unwrap() error { return e.error }

func unwrapTemporary(err error) error {
	if e, ok := err.(*temporaryError); ok {
		return e.error
	}
	return err
}

// mayPass reports whether another attempt may succeed.
func mayPass(err error) bool {
	if _, ok := err.(*temporaryError); ok {
		return true
	}
	var api *APIError
	if !errors.As(err, &api) {
		return false
	}
	switch api.Status {
	case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// sleep waits for d and reports whether it did. It does not wait if ctx would end first.
func sleep(ctx context.Context, d time.Duration) bool {
	if end, ok := ctx.Deadline(); ok && time.Until(end) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
