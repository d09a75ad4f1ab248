package providerhttp

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/authsession/authsession/core"
)

const (
	minPause = 200 * time.Millisecond // before the first repetition
	maxPause = 500 * time.Millisecond
	maxWait  = 10 * time.Second // how long Retry waits if a server asks for it
)

// pauseBefore returns how long to wait after try failed attempts: a random time, so that
// many clients do not try again at the same moment.
func pauseBefore(try int) time.Duration {
	return (minPause + rand.N(maxPause-minPause)) << (try - 1)
}

// waitFor waits, unless ctx ends before, and reports whether it waited.
func waitFor(ctx context.Context, wait time.Duration) bool {
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= wait {
		return false
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// Retry calls send, which makes one request, and calls it once more if the
// server answered with status 503 or the connection broke, after the answer's
// Retry-After (at most 10 s) or 200 to 500 ms. It does so only if req.MayRetry
// and if ctx has the time, so that an outage does not double the requests.
//
// Use it only for requests that the server may receive twice, as it may have acted on the
// first one: the client credentials of OAuth, a poll, a public document. Never use it for
// what can be used once, such as a refresh token or an authorization code. Make what must
// be new in each request, such as the id of an assertion, in send. Retry returns the last
// error of send, which must be that of a client of [NewClient] or of [AnswerError].
func Retry(ctx context.Context, req core.Request, send func() error) error {
	err := send()
	if !req.MayRetry || !errors.As(err, new(*transientError)) {
		return err
	}
	wait := pauseBefore(1)
	var e *core.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		wait = e.RetryAfter
	}
	if wait > maxWait || !waitFor(ctx, wait) {
		return err
	}
	return send()
}

// transientError marks the cause of an error after which [Retry] calls again.
type transientError struct{ error }

// Unwrap returns the cause.
func (p *transientError) Unwrap() error { return p.error }
