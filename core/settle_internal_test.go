package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLateCredential proves what becomes of a credential that arrives after its attempt has
// settled, by the moment at which it expires.
func TestLateCredential(t *testing.T) {
	const now = int64(2e18)
	for name, c := range map[string]struct {
		expiry time.Time
		used   bool
	}{
		"without an end": {used: true},
		"ends later":     {expiry: time.Unix(0, now+1), used: true},
		"ends now":       {expiry: time.Unix(0, now)},
		"has ended":      {expiry: time.Unix(0, now-1)},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := new(setup)
			m := &machine{state: lifeReady}
			late := &credential{setup: cfg, cred: Credential{Expiry: c.expiry}}
			fx := m.settleLate(moment{wall: now}, policy{setup: cfg}, &attempt{setup: cfg},
				obtained{credential: late}, time.Second, nil)
			if c.used {
				require.Same(t, late, m.current)
				require.Nil(t, fx.release)
				return
			}
			require.Nil(t, m.current)
			require.Same(t, late, fx.release)
		})
	}
}

// TestRefusalsThatAreSpaced proves when a refusal comes too soon after the last one: until the end
// of its wait, unless the credential was in use for longer than the longest wait, or the challenge
// asks for something else than the last one and the renewals help.
func TestRefusalsThatAreSpaced(t *testing.T) {
	const now = monoOffset
	wait, longest := instant(time.Second), instant(maxRefusalWait)
	last := func(left instant) refusalBackoff {
		return refusalBackoff{count: 1, retryAt: now + left, asked: "a"}
	}
	unhelpful := func(count int) refusalBackoff {
		r := last(wait)
		r.repeated, r.count = true, count
		return r
	}
	for name, c := range map[string]struct {
		refusals refusalBackoff
		inUse    instant
		asked    string
		spaced   bool
	}{
		"within the wait":                   {last(1), 0, "", true},
		"at the end of the wait":            {last(0), 0, "", false},
		"in use for the longest wait":       {last(wait), longest, "", true},
		"in use for longer":                 {last(wait), longest + 1, "", false},
		"asks for the same":                 {last(wait), 0, "a", true},
		"asks for something else":           {last(wait), 0, "b", false},
		"something else, two do not help":   {unhelpful(maxUnhelpful - 1), 0, "b", false},
		"something else, three do not help": {unhelpful(maxUnhelpful), 0, "b", true},
		"something else, three that do help": {func() refusalBackoff {
			r := unhelpful(maxUnhelpful)
			r.repeated = false
			return r
		}(), 0, "b", false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := new(setup)
			current := &credential{setup: cfg}
			current.createdAt = now - c.inUse
			m := &machine{state: lifeReady, current: current, refusals: &c.refusals}
			p := policy{setup: cfg, random: func(time.Duration) time.Duration { return 0 }}
			_, dropped := m.dropRefused(moment{mono: now}, p, current, apiRefusal{asked: c.asked})
			require.Equal(t, !c.spaced, dropped)
			if c.spaced {
				require.Same(t, current, m.current)
				return
			}
			require.Nil(t, m.current)
			require.Same(t, current, m.refused)
		})
	}
}

// TestAdopt proves that a credential which another process has saved becomes that of a session
// that is ready, and of no other.
func TestAdopt(t *testing.T) {
	for _, state := range []lifecycle{lifeNew, lifeReady, lifeClosing, lifeClosed} {
		saved := &credential{setup: new(setup)}
		m := &machine{state: state}
		fx := m.adopt(saved)
		if state == lifeReady {
			require.Same(t, saved, m.current)
			require.Len(t, fx.events, 1)
			continue
		}
		require.Equal(t, machine{state: state}, *m)
		require.Empty(t, fx.events)
	}
}

// TestDropFromMemory proves that a credential is dropped unless an attempt is there to replace it.
func TestDropFromMemory(t *testing.T) {
	m := &machine{state: lifeReady, current: new(credential), attempt: new(attempt)}
	m.dropFromMemory()
	require.NotNil(t, m.current)
	m.attempt = nil
	m.dropFromMemory()
	require.Nil(t, m.current)
}
