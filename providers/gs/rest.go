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

// The retry rule: pauses of 0.5 s, 1 s, 2 s on average, or what the API asks
// for, as long as that is no more than maxPause.
const (
	maxTries = 4
	maxPause = 30 * time.Second
	maxTotal = 2 * time.Minute
)

// request is a call made ready: everything that its attempts share.
type request struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
	out    any
	call   Call
	again  bool // may be repeated
}

// do makes a call: once, or as often as the retry rule allows.
func (s *Session) do(ctx context.Context, method, path string, payload, out any, call *Call) error {
	var c Call
	if call != nil {
		c = *call
	}
	cred, err := s.core.Credential(ctx)
	if err != nil {
		return err
	}
	r := &request{method: method, out: out, call: c}
	if r.url, err = s.target(cred.Attributes, path, &c); err != nil {
		return err
	}
	if err := r.fill(payload); err != nil {
		return err
	}
	if err := checkOut(out); err != nil {
		return err
	}
	r.again = method != http.MethodPost && !c.NoRetry && cred.Attributes[attrNoRetry] != "true"

	began := time.Now()
	pauses := backoff.ExponentialBackOff{InitialInterval: 500 * time.Millisecond, RandomizationFactor: 0.5, Multiplier: 2, MaxInterval: maxPause}
	for try := 1; ; try++ {
		err := s.attempt(ctx, r)
		if err == nil || !r.again || try == maxTries || !passing(err) {
			return unwrapPassing(err)
		}
		wait := pauses.NextBackOff()
		var api *APIError
		if errors.As(err, &api) {
			wait = max(wait, api.RetryAfter)
		}
		if wait > maxPause || time.Since(began)+wait > maxTotal || !pause(ctx, wait) {
			return unwrapPassing(err)
		}
	}
}

// fill puts the payload where the method wants it.
func (r *request) fill(payload any) error {
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

// attempt sends the request once; the session's transport repeats it once more
// where a 401 tells that the token has ended.
func (s *Session) attempt(parent context.Context, r *request) error {
	timeout := r.call.Timeout
	if timeout <= 0 {
		timeout = defaultCallTimeout
	}
	ctx, cancel := context.WithTimeout(parent, timeout)
	defer cancel()
	cred, err := s.core.Credential(ctx)
	if err != nil {
		return err
	}
	var body io.Reader
	if len(r.body) > 0 {
		body = bytes.NewReader(r.body) // which http.NewRequest can rewind
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.url.String(), body)
	if err != nil {
		return core.Errorf(core.BadConfig, "the request: %w", err)
	}
	req.Header = maps.Clone(r.header)
	resp, err := s.core.Client().Do(req)
	if err != nil {
		return r.broken(ctx, err)
	}
	defer resp.Body.Close()
	if r.call.RequestID != nil {
		*r.call.RequestID = resp.Header.Get(requestID)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		secrets := secretsOf(cred)
		if now, err := s.core.Credential(ctx); err == nil {
			secrets = append(secrets, secretsOf(now)...)
		}
		return refusal(r.method, r.url, resp, secrets)
	}
	return r.read(ctx, resp)
}

// read takes the answer in.
func (r *request) read(ctx context.Context, resp *http.Response) error {
	limit := r.call.MaxBody
	if limit <= 0 {
		limit = defaultMaxBody
	}
	limit = min(limit, math.MaxInt64-1)
	body, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	switch {
	case err != nil:
		return r.broken(ctx, &url.Error{URL: r.url.String(), Err: err})
	case int64(len(body)) > limit:
		return r.errorf(core.Errorf(core.Unavailable, "the answer is larger than %d bytes", limit))
	}
	if err := decode(resp.Header.Get("Content-Type"), body, r.out); err != nil {
		return r.errorf(err)
	}
	return nil
}

// errorf names the request in an error, without its query.
func (r *request) errorf(err error) error {
	return fmt.Errorf("gs: %s %s: %w", r.method, withoutQuery(r.url), err)
}

// broken is the error of a request that found no answer. It counts as passing
// unless the session refused to send it, time ran out or no retry can help.
func (r *request) broken(ctx context.Context, err error) error {
	var refused *core.Error
	if errors.As(err, &refused) {
		return refused
	}
	ended := ctx.Err() != nil
	err = providerhttp.ClientError(err)
	out := r.errorf(err)
	if ended || core.CodeOf(err) != core.Unavailable {
		return out
	}
	return &passingError{out}
}

// passingError marks the error of a connection that a later attempt may not
// meet.
type passingError struct{ error }

func (e *passingError) Unwrap() error { return e.error }

func unwrapPassing(err error) error {
	if e, ok := err.(*passingError); ok {
		return e.error
	}
	return err
}

// passing reports whether a later attempt may fare better.
func passing(err error) bool {
	if _, ok := err.(*passingError); ok {
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

// pause waits, unless ctx will end before.
func pause(ctx context.Context, d time.Duration) bool {
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
