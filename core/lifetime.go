// Read on in proxyvariables.go.

package core

import (
	"math"
	"time"
)

// This file is the arithmetic of a credential's life: when it becomes stale,
// when it expires, and when to look at the clocks again. All of it is pure but
// for the two functions that read the clocks.

// instant is a reading of the monotonic clock: nanoseconds since the program
// started, plus an offset. Reading it is the cheapest that Go has. The monotonic
// clock stands still while a machine sleeps and ignores steps of the wall clock,
// so that a session also looks at the wall clock, once per wallCheckInterval of
// use.
type instant int64

// moment is a reading of both clocks. The machine gets it as an argument.
type moment struct {
	mono instant
	wall int64 // Unix nanoseconds
}

// never is an instant that does not come. The zero instant is in the past.
const never instant = math.MaxInt64

const (
	wallCheckInterval = time.Second

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
var monoStart = time.Now()

// monoOffset keeps instants positive: see monoStart.
const monoOffset = 1 << 61

// monoNow reads the monotonic clock.
func monoNow() instant { return instant(time.Since(monoStart)) + monoOffset }

// readClocks reads both clocks.
func readClocks() moment { return moment{monoNow(), time.Now().UnixNano()} }

// plus returns the instant d later, or never if that is beyond all instants.
func (i instant) plus(d time.Duration) instant {
	if instant(d) > never-i {
		return never
	}
	return i + instant(d)
}

// sub returns the duration from now to i.
func (i instant) sub(now instant) time.Duration { return time.Duration(i - now) }

// lifetime says when a credential is renewed and when its use ends. It is never
// written to, so that all goroutines may read it.
type lifetime struct {
	createdAt     instant
	staleAt       instant // when to renew it
	expiresAt     instant // when to stop using it
	wallExpiresAt int64   // expired by the wall clock, in Unix nanoseconds; MaxInt64: never
}

// age says how old a credential is.
type age uint8

const (
	ageFresh age = iota
	ageStale
	ageExpired
)

// newLifetime returns the lifetime of a credential that arrives at a moment. The
// end is kept for both clocks: a duration from now on the monotonic one, which no
// step of the wall clock changes, and a time on the wall clock, which continues
// while the machine sleeps. early is Options.Early. random returns a random
// duration below its argument; it spreads the renewals of many sessions that
// started together.
func newLifetime(
	at moment, c Credential, early time.Duration, random func(time.Duration) time.Duration,
) lifetime {
	t := lifetime{createdAt: at.mono, staleAt: never, expiresAt: never, wallExpiresAt: int64(never)}
	now := time.Unix(0, at.wall)
	if !c.Expiry.IsZero() {
		life := c.Expiry.Sub(now)
		if life < minTrusted {
			life = minLife
		}
		t.wallExpiresAt = int64(instant(at.wall).plus(life))
		t.expiresAt = at.mono.plus(life)
		t.staleAt = at.mono.plus(life - jitter(earliness(life, early), random))
	}
	if !c.RenewAfter.IsZero() {
		t.staleAt = min(t.staleAt, at.mono.plus(max(minRenew, c.RenewAfter.Sub(now))))
	}
	return t
}

// age returns how old the credential is. It has expired as soon as one of the two
// clocks says so: to renew it too early costs a request, to use it too late
// fails.
func (t *lifetime) age(at moment) age {
	switch {
	case at.mono >= t.expiresAt || at.wall >= t.wallExpiresAt && t.wallExpiresAt != int64(never):
		return ageExpired
	case at.mono >= t.staleAt:
		return ageStale
	}
	return ageFresh
}

// nextCheck returns when to look at a fresh credential again after a look at now.
// Without an end there is nothing that the wall clock could change.
func (t *lifetime) nextCheck(now instant) instant {
	if t.wallExpiresAt == int64(never) {
		return t.staleAt
	}
	return min(t.staleAt, now.plus(wallCheckInterval))
}

// earliness returns how long before its end a credential is renewed. It is never
// more than half of its life, or a long Options.Early would renew a short-lived
// credential without end.
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
