package core

import (
	"errors"
	"math/rand/v2"
	"time"
)

// backoff remembers failures in a row and when the next attempt may be made.
// It is immutable; nil means no failure.
type backoff struct {
	fails int
	until int64
	err   error
	quiet bool // a person was needed and nobody was there; does not bind who asks now
}

const (
	unavailableBase = time.Second
	unavailableMax  = time.Minute
	coolDownBase    = 10 * time.Second
	coolDownMax     = 5 * time.Minute
	maxRefusalWait  = unavailableMax
)

// end is the moment when the next attempt may be made.
func (b *backoff) end() int64 {
	if b == nil {
		return 0
	}
	return b.until
}

// fail returns b with one more failure. Unavailable doubles from
// a second to a minute with jitter over three quarters of it, and not before
// the server's Retry-After; the other codes cool down from ten seconds to five
// minutes.
func (b *backoff) fail(now int64, err error) *backoff {
	next := &backoff{fails: 1, err: err}
	if b != nil {
		next.fails += b.fails
	}
	base, limit, share := coolDownBase, coolDownMax, time.Duration(4)
	if CodeOf(err) == Unavailable {
		base, limit, share = unavailableBase, unavailableMax, time.Duration(1)
	}
	d := limit
	if n := next.fails - 1; n < 16 {
		d = min(base<<n, limit)
	}
	if share == 1 {
		d = d/4 + rand.N(d*3/4)
	} else {
		d -= rand.N(d / share)
	}
	var e *Error
	if errors.As(err, &e) && e != nil {
		d = max(d, min(e.RetryAfter, maxRetryAfter))
	}
	next.until = later(now, d)
	return next
}

// remembered returns the last failure while its wait lasts.
func (b *backoff) remembered(now int64) error {
	if now >= b.end() || b.quiet {
		return nil
	}
	var e *Error
	if !errors.As(b.err, &e) {
		return b.err
	}
	again := *e
	again.RetryAfter = time.Duration(b.until - now)
	return &again
}

// initWait tells an Init what to do about earlier failures: nothing after the
// first; then wait, if that is short and the fault may pass; else an error.
func (b *backoff) initWait(short time.Duration) (time.Duration, error) {
	now := mono()
	err := b.remembered(now)
	if err == nil || b.fails < 2 {
		return 0, nil
	}
	if wait := time.Duration(b.until - now); CodeOf(err) == Unavailable && wait <= short {
		return wait, nil
	}
	return 0, err
}
