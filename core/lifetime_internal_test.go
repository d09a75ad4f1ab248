package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What a credential's times mean, at a moment at which the monotonic clock
// reads start and the wall clock noon. The random part of a duration is half of
// the most that it can be.
func TestLifetime(t *testing.T) {
	const start = instant(1000 * time.Hour)
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	half := func(d time.Duration) time.Duration { return d / 2 }
	after := func(d time.Duration) time.Time { return noon.Add(d) }
	const none = time.Duration(-1)
	for name, tc := range map[string]struct {
		expiry, renewAfter time.Time // zero: none
		early              time.Duration
		stale, expired     time.Duration // after start; none: never
	}{
		"neither": {stale: none, expired: none},
		"an hour": {
			expiry: after(time.Hour),
			stale:  55*time.Minute + 30*time.Second, expired: time.Hour,
		},
		"ten minutes": {
			expiry: after(10 * time.Minute),
			stale:  9*time.Minute + 6*time.Second, expired: 10 * time.Minute,
		},
		"early": {
			expiry: after(time.Hour), early: 20 * time.Minute,
			stale: 42 * time.Minute, expired: time.Hour,
		},
		"early is too early": {
			expiry: after(time.Hour), early: 2 * time.Hour,
			stale: 33 * time.Minute, expired: time.Hour,
		},
		"least to be trusted": {
			expiry: after(minTrusted),
			stale:  91 * time.Millisecond, expired: minTrusted,
		},
		"less than that": {
			expiry: after(minTrusted - 1),
			stale:  9100 * time.Millisecond, expired: minLife,
		},
		"in the past": {
			expiry: after(-time.Hour),
			stale:  9100 * time.Millisecond, expired: minLife,
		},
		"renew after":       {renewAfter: after(time.Minute), stale: time.Minute, expired: none},
		"renew in the past": {renewAfter: after(-time.Minute), stale: minRenew, expired: none},
		"renew before its end": {
			expiry: after(time.Hour), renewAfter: after(time.Minute),
			stale: time.Minute, expired: time.Hour,
		},
		"renew after its end": {
			expiry: after(time.Hour), renewAfter: after(2 * time.Hour),
			stale: 55*time.Minute + 30*time.Second, expired: time.Hour,
		},
		"beyond all instants": {
			expiry: time.Unix(1<<40, 0),
			stale:  none, expired: none,
		},
		"renew beyond them all": {renewAfter: time.Unix(1<<40, 0), stale: none, expired: none},
	} {
		t.Run(name, func(t *testing.T) {
			c := Credential{Expiry: tc.expiry, RenewAfter: tc.renewAfter}
			l := newLifetime(moment{start, noon.UnixNano()}, c, tc.early, half)
			at := func(mono, wall time.Duration) moment {
				return moment{start.plus(mono), noon.Add(wall).UnixNano()}
			}
			require.Equal(t, start, l.createdAt)
			require.Equal(t, ageFresh, l.age(at(0, 0)))
			if tc.stale == none {
				require.Greater(t, l.staleAt, start.plus(200*365*24*time.Hour))
				require.Equal(t, ageFresh, l.age(at(1e6*time.Hour, 1e6*time.Hour)))
				return
			}
			require.Equal(t, tc.stale, l.staleAt.sub(start))
			require.Equal(t, ageFresh, l.age(at(tc.stale-1, 0)))
			require.Equal(t, ageStale, l.age(at(tc.stale, 0)))
			if tc.expired == none {
				require.Equal(t, never, l.expiresAt)
				require.Equal(t, l.staleAt, l.nextCheck(start), "the wall clock does not matter")
				return
			}
			require.Equal(t, ageStale, l.age(at(tc.expired-1, 0)))
			require.Equal(t, ageExpired, l.age(at(tc.expired, 0)))
			require.Equal(t, ageFresh, l.age(at(0, tc.expired-1)),
				"the machine slept, not for long")
			require.Equal(t, ageExpired, l.age(at(0, tc.expired)), "the machine slept")
			require.Equal(t, ageExpired, l.age(at(tc.expired, -time.Hour)),
				"the clock was set back")
			require.Equal(t, min(l.staleAt, start.plus(wallCheckInterval)), l.nextCheck(start))
		})
	}
}

func TestInstants(t *testing.T) {
	require.Equal(t, instant(3), instant(1).plus(2))
	require.Equal(t, never, (never - 1).plus(1))
	require.Equal(t, never, (never - 1).plus(2))
	require.Equal(t, never-1, (never - 2).plus(1))
	require.EqualValues(t, 2, instant(3).sub(1))
	for d, want := range map[time.Duration]time.Duration{5: 5, 6: 6, 10: 9, 100: 90} {
		require.Equal(t, want, jitter(d, func(d time.Duration) time.Duration { return d / 2 }), d)
	}
	require.Positive(t, monoNow())
	require.InDelta(t, time.Now().UnixNano(), readClocks().wall, float64(time.Minute))
}
