// Read on in authtransport.go.

package core

import (
	"math"
	"time"
)

// This file is the arithmetic of a credential's life: when it becomes stale,
// when it expires, and when to look at the clocks again. All of it is pure but
// for the two functions that read the clocks.

// instant is a reading of the monotonic clock: nanoseconds since the program
// started, plus an offset. Reading it is the cheapest that Go has. Because the
// monotonic clock stands still while a machine sleeps and ignores steps of the
// wall clock, a session also looks at the wall clock, once per wallCheck of use.
type instant int64

// moment is a reading of both clocks.
type moment struct {
	mono instant
	wall int64 // Unix nanoseconds
}

// never is an instant that does not come. The zero instant is long ago.
const never instant = math.MaxInt64

const (
	wallCheck = time.Second

	// A credential becomes stale when this share of its lifetime is left, at
	// most maxEarly before its end.
	earlyShare = 10
	maxEarly   = 5 * time.Minute
	// A credential with less than minTrusted left on arrival is used for
	// minLife: one of the clocks is wrong, and it must not be fetched for every
	// request.
	minTrusted = 100 * time.Millisecond
	minLife    = 10 * time.Second
	// minRenew is the least time between two attempts that RenewAfter causes.
	minRenew = time.Second
)

// started is the zero of the monotonic clock. In a testing/synctest bubble the
// clock reads a moment before it; the offset keeps instants positive.
var started = time.Now()

const monoOffset = 1 << 61

func mono() instant { return instant(time.Since(started)) + monoOffset }

func present() moment { return moment{mono(), time.Now().UnixNano()} }

// plus returns the instant d later, or never if that is beyond all instants.
func (i instant) plus(d time.Duration) instant {
	if instant(d) > never-i {
		return never
	}
	return i + instant(d)
}

// until returns how long it is from now to i.
func (i instant) until(now instant) time.Duration { return time.Duration(i - now) }

// lifetime says when a credential is renewed and when its use ends. It is never
// written to.
type lifetime struct {
	born    instant
	stale   instant // when to renew it
	expired instant // when to stop using it
	wall    int64   // expired by the wall clock, in Unix nanoseconds; MaxInt64: never
}

type age uint8

const (
	ageFresh age = iota
	ageStale
	ageExpired
)

// newLifetime returns the lifetime of a credential that arrives at a moment.
// early is Options.Early. random returns a random duration below its argument;
// it spreads the renewals of many sessions.
func newLifetime(
	at moment, c Credential, early time.Duration, random func(time.Duration) time.Duration,
) lifetime {
	t := lifetime{born: at.mono, stale: never, expired: never, wall: int64(never)}
	now := time.Unix(0, at.wall)
	if !c.Expiry.IsZero() {
		life := c.Expiry.Sub(now)
		if life < minTrusted {
			life = minLife
		}
		t.wall = int64(instant(at.wall).plus(life))
		t.expired = at.mono.plus(life)
		t.stale = at.mono.plus(life - jitter(earliness(life, early), random))
	}
	if !c.RenewAfter.IsZero() {
		t.stale = min(t.stale, at.mono.plus(max(minRenew, c.RenewAfter.Sub(now))))
	}
	return t
}

// age returns how old the credential is. It has expired when either clock says
// so.
func (t *lifetime) age(at moment) age {
	switch {
	case at.mono >= t.expired || at.wall >= t.wall && t.wall != int64(never):
		return ageExpired
	case at.mono >= t.stale:
		return ageStale
	}
	return ageFresh
}

// next returns when to look at a fresh credential again after a look at now.
func (t *lifetime) next(now instant) instant {
	if t.wall == int64(never) {
		return t.stale
	}
	return min(t.stale, now.plus(wallCheck))
}

// earliness returns how long before its end a credential is renewed.
func earliness(life, early time.Duration) time.Duration {
	if early <= 0 {
		return min(life/earlyShare, maxEarly)
	}
	return min(early, life/2)
}

// jitter returns d less up to a fifth of it.
func jitter(d time.Duration, random func(time.Duration) time.Duration) time.Duration {
	if d <= 5 {
		return d
	}
	return d - random(d/5)
}
