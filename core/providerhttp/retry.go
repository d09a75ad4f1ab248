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
	maxWait  = 10 * time.Second // what Retry waits because a server asks for it
)

// pauseBefore returns how long to wait after try failed attempts: at random,
// so that many clients do not come back at the same moment.
func pauseBefore(try int) time.Duration {
	return (minPause + rand.N(maxPause-minPause)) << (try - 1)
}

// waitFor waits and reports whether ctx has time for that.
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
// Use it only for requests that spend nothing, since the server may have acted
// on the first one: the client credentials of OAuth, a poll, a public document.
// Never use it for what is good for one use, such as a refresh token or an
// authorization code. What must be new in each request, such as the id of an
// assertion, is made in send. Retry returns the last error of send, which is
// to come from a client of [NewClient] and from [AnswerError].
func Retry(ctx context.Context, req core.Request, send func() error) error {
	err := send()
	if !req.MayRetry || !errors.As(err, new(*passing)) {
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

// passing marks the cause of an error after which [Retry] calls again.
type passing struct{ error }

// Unwrap returns the cause.
func (p *passing) Unwrap() error { return p.error }
