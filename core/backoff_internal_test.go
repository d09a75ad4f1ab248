package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// whole is the longest jitter.
func whole(d time.Duration) time.Duration { return d }

// none is the shortest jitter.
func none(time.Duration) time.Duration { return 0 }

// TestPauses proves how long an attempt waits after failures in a row, with the longest and with
// the shortest jitter.
func TestPauses(t *testing.T) {
	const s, m = time.Second, time.Minute
	for _, c := range []struct {
		name              string
		err               Error
		count             int
		shortest, longest time.Duration
	}{
		{"unavailable", Error{Code: CodeUnavailable}, 1, s / 4, s},
		{"unavailable, twice", Error{Code: CodeUnavailable}, 2, s / 2, 2 * s},
		{"unavailable, six times", Error{Code: CodeUnavailable}, 6, 8 * s, 32 * s},
		{"unavailable, seven times", Error{Code: CodeUnavailable}, 7, 15 * s, m},
		{"unavailable, often", Error{Code: CodeUnavailable}, 1000, 15 * s, m},
		{"denied", Error{Code: CodeDenied}, 1, 7500 * time.Millisecond, 10 * s},
		{"denied, five times", Error{Code: CodeDenied}, 5, 2 * m, 160 * s},
		{"denied, often", Error{Code: CodeDenied}, 1000, 225 * s, 5 * m},
		{"local", Error{Code: CodeDenied, Local: true}, 9, s, s},
		{"retry after", Error{Code: CodeUnavailable, RetryAfter: 3 * s}, 1, 3 * s, 3 * s},
		{"retry after, too long", Error{Code: CodeDenied, RetryAfter: 100 * time.Hour}, 1,
			maxRetryAfter, maxRetryAfter},
	} {
		least, most := none, whole // of what is added after Unavailable
		if c.err.Code != CodeUnavailable {
			least, most = whole, none // of what is subtracted
		}
		require.Equal(t, c.shortest, waitAfter(c.count, &c.err, least), c.name)
		require.Equal(t, c.longest, waitAfter(c.count, &c.err, most), c.name)
	}
}

// TestBindingFailure proves which of several failures an attempt waits for: the one whose wait ends
// last; of two that end together, the one of the lower code; none whose wait has ended.
func TestBindingFailure(t *testing.T) {
	add := func(f *failures, code Code, retryAfter time.Duration) *failures {
		return f.add(0, &Error{Code: code, RetryAfter: retryAfter}, program, none)
	}
	for _, c := range []struct {
		name        string
		denied      time.Duration
		unavailable time.Duration
		want        Code
	}{
		{"denied lasts longer", 40 * time.Second, 30 * time.Second, CodeDenied},
		{"unavailable lasts longer", 30 * time.Second, 40 * time.Second, CodeUnavailable},
		{"both end together", 30 * time.Second, 30 * time.Second, CodeUnavailable},
	} {
		for _, f := range []*failures{
			add(add(nil, CodeDenied, c.denied), CodeUnavailable, c.unavailable),
			add(add(nil, CodeUnavailable, c.unavailable), CodeDenied, c.denied),
		} {
			require.Equal(t, c.want, f.binding(1, program).err.Code, c.name)
			end := instant(max(c.denied, c.unavailable))
			require.Equal(t, end, f.retryTime(end-1, program), c.name)
			require.Nil(t, f.binding(end, program), c.name)
			require.Zero(t, f.retryTime(end, program), c.name)
		}
	}
}

// TestInitWaitIsShort proves that an Init waits for the end of a back-off that is as long as it may
// be, and returns the error of a longer one.
func TestInitWaitIsShort(t *testing.T) {
	var f *failures
	for range 2 {
		f = f.add(0, &Error{Code: CodeUnavailable, RetryAfter: 30 * time.Second}, program, none)
	}
	wait, err := f.initWait(0, program, 30*time.Second)
	require.NoError(t, err)
	require.Equal(t, 30*time.Second, wait)
	_, err = f.initWait(0, program, 30*time.Second-1)
	require.ErrorIs(t, err, CodeUnavailable)
}

// TestJitter proves that a duration loses up to a fifth, and one without a fifth nothing.
func TestJitter(t *testing.T) {
	for d, want := range map[time.Duration]time.Duration{0: 0, 5: 5, 6: 5, 100: 80} {
		require.Equal(t, want, jitter(d, whole))
		require.Equal(t, d, jitter(d, none))
	}
}

// TestTimerThatFiresOnTime proves that a timer which fires at the very moment renews.
func TestTimerThatFiresOnTime(t *testing.T) {
	cfg := newSetup("api", ProviderFunc(nil), &Options{KeepFresh: true})
	c := &credential{setup: cfg, lifetime: lifetime{createdAt: 1, staleAt: 100, expiresAt: 200}}
	m := machine{state: lifeReady, current: c}
	p := policy{setup: cfg, keepFresh: true, timeout: time.Second, random: none}
	require.Equal(t, instant(100), m.timerDue(1, p))
	require.Nil(t, m.tick(moment{mono: 99}, p).start)
	require.NotNil(t, m.tick(moment{mono: 100}, p).start)
}
