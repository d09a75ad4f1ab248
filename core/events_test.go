package core_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// eventList keeps the events of sessions.
type eventList struct {
	mu   sync.Mutex
	list []core.Event
}

func (l *eventList) observe(e core.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, e)
}

// take returns what has occurred since the last call. It needs a bubble.
func (l *eventList) take() []core.Event {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := l.list
	l.list = nil
	return out
}

// kinds is take for the kinds alone.
func (l *eventList) kinds() (out []core.EventType) {
	for _, e := range l.take() {
		out = append(out, e.Type)
	}
	return out
}

func TestEventFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		f := &family{life: time.Hour}
		s := core.New("api", f, &core.Options{
			Kind: "fam", Environment: core.QA, UI: somebody(time.Second), Observe: events.observe,
		})
		require.NoError(t, s.Init(t.Context()))
		got := events.take()
		require.Len(t, got, 2)
		require.Equal(t, core.EventSigningIn, got[0].Type)
		require.Equal(t, 10*time.Minute, got[0].Wait)
		require.Empty(t, got[0].Subject)
		require.Equal(t, core.EventAuthenticated, got[1].Type)
		require.Equal(t, "ada", got[1].Subject)
		require.Equal(t, time.Second, got[1].Took)
		for _, e := range got {
			require.Equal(t, "api", e.Session)
			require.Equal(t, "fam", e.Kind)
			require.Equal(t, core.QA, e.Environment)
			require.Zero(t, e.Code)
		}

		f.down = true
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		s.Reject(c, "")
		got = events.take()
		require.Len(t, got, 2)
		require.Equal(t, core.EventRefused, got[0].Type)
		require.Equal(t, "ada", got[0].Subject)
		require.Equal(t, c.Expiry, got[0].Expiry)
		require.Equal(t, core.EventFailed, got[1].Type)
		require.Equal(t, core.CodeUnavailable, got[1].Code)
		require.Equal(t, "ada", got[1].Subject, "of what was to be replaced")
		require.True(t, got[1].Expiry.IsZero())
	})
}

// The event SigningIn comes while the person is asked, and not after.
func TestSigningInIsReportedBeforeItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		s := core.New("api", &family{life: time.Hour}, &core.Options{
			UI: somebody(time.Minute), Observe: events.observe,
		})
		go func() { _ = s.Init(context.Background()) }()
		require.Equal(t, []core.EventType{core.EventSigningIn}, events.kinds())
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, []core.EventType{core.EventAbandoned, core.EventClosed}, events.kinds())
		time.Sleep(time.Hour)
	})
}

// A renewal that gives another subject is reported, with the old one. One that gives
// none, or the first one, is not.
func TestSubjectChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		subjects := []string{"", "ada", "ada", "bob", "", "bob", "eve"}
		p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			c := bearer("x")
			c.Subject, subjects = subjects[0], subjects[1:]
			return c, nil
		})
		var events eventList
		var out bytes.Buffer
		s := core.New("api", p, &core.Options{
			Observe: events.observe, Logger: slog.New(slog.NewTextHandler(&out, nil)),
		})
		require.NoError(t, s.Init(t.Context()))
		var changes []string
		for range 5 {
			require.NoError(t, s.Renew(t.Context()))
			for _, e := range events.take() {
				if e.Type == core.EventSubjectChanged {
					changes = append(changes, e.OldSubject+">"+e.Subject)
				}
			}
		}
		require.Equal(t, []string{"ada>bob"}, changes)
		require.Contains(t, out.String(), `level=WARN msg="session subject changed"`)
		require.Contains(t, out.String(), "subject=bob old_subject=ada")
		require.NotContains(t, out.String(), "expiry=", "there is none")

		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, s.Init(t.Context()))
		require.NotContains(t, events.kinds(), core.EventSubjectChanged,
			"a new life has no old subject")
	})
}

// Waits are reported after a moment, with what is waited for and how long at most.
func TestWaiting(t *testing.T) {
	waits := func(t *testing.T, events *eventList) (out []core.Event) {
		for _, e := range events.take() {
			if e.Type == core.EventWaiting {
				out = append(out, e)
			}
		}
		return out
	}
	t.Run("the store's lock", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var events eventList
			store := newShelf()
			unlock, err := store.Lock(t.Context(), "api")
			require.NoError(t, err)
			s := core.New("api", &issuer{life: time.Hour},
				&core.Options{Store: store, Observe: events.observe})
			done := make(chan error, 1)
			go func() { done <- s.Init(context.Background()) }()
			time.Sleep(90 * time.Millisecond)
			require.Empty(t, waits(t, &events))
			time.Sleep(20 * time.Millisecond)
			got := waits(t, &events)
			require.Len(t, got, 1)
			require.Equal(t, core.WaitForStore, got[0].WaitFor)
			require.Greater(t, got[0].Wait, 9*time.Second)
			require.LessOrEqual(t, got[0].Wait, 10*time.Second)
			time.Sleep(time.Second)
			unlock()
			require.NoError(t, <-done)
			require.Empty(t, waits(t, &events))
			require.NoError(t, s.Renew(t.Context()))
			require.Empty(t, waits(t, &events), "it had the lock at once")
		})
	})
	t.Run("another session", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var events eventList
			front := core.New("front", &issuer{takes: time.Second}, nil)
			s := core.New("api", &issuer{}, &core.Options{
				Inputs: map[string]*core.Session{"subject": front}, Observe: events.observe,
			})
			require.NoError(t, s.Init(t.Context()))
			got := waits(t, &events)
			require.Len(t, got, 1)
			require.Equal(t, core.WaitForInput, got[0].WaitFor)
			require.NoError(t, s.Renew(t.Context()))
			require.Empty(t, waits(t, &events))
		})
	})
	t.Run("a back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var events eventList
			p := &issuer{}
			p.set(core.Errorf(core.CodeUnavailable, "down"))
			s := core.New("api", p, &core.Options{Observe: events.observe})
			for range 2 {
				require.Error(t, s.Init(t.Context()))
			}
			require.Empty(t, waits(t, &events))
			p.set(nil)
			var wg sync.WaitGroup
			for range 50 {
				wg.Go(func() { require.NoError(t, s.Init(context.Background())) })
			}
			wg.Wait()
			got := waits(t, &events)
			require.Len(t, got, 1, "one for all who wait")
			require.Equal(t, core.WaitForBackoff, got[0].WaitFor)
			require.Positive(t, got[0].Wait)
			require.LessOrEqual(t, got[0].Wait, 2*time.Second)
		})
	})
}

// Each attempt ends with one event, also one that Close, Reconfigure or another
// attempt ends.
func TestAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		opts := &core.Options{Observe: events.observe, Store: newShelf()}
		s := core.New("api", &issuer{takes: time.Second}, opts)
		ok, err := s.Restore(t.Context())
		require.NoError(t, err)
		require.False(t, ok)
		got := events.take()
		require.Len(t, got, 1)
		require.Equal(t, core.EventAbandoned, got[0].Type)
		require.ErrorContains(t, got[0].Err, "nothing to take")
		require.NotZero(t, got[0].Code)

		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, []core.EventType{core.EventAuthenticated}, events.kinds())
		go func() { _ = s.Renew(context.Background()) }()
		synctest.Wait()
		s.Reconfigure(&issuer{takes: time.Second}, opts)
		require.Equal(t, []core.EventType{core.EventAbandoned}, events.kinds())
		require.NoError(t, s.Close(t.Context()))
		require.Equal(t, []core.EventType{core.EventAbandoned, core.EventClosed}, events.kinds())
	})
}

func TestEventNames(t *testing.T) {
	want := []string{
		"unknown", "authenticated", "failed", "refused", "ended", "restored", "subject changed",
		"waiting", "signing in", "abandoned", "starting", "unknown",
	}
	for i, name := range want {
		require.Equal(t, name, core.EventType(i).String())
	}
	for i, name := range []string{"nothing", "backoff", "store", "input", "nothing"} {
		require.Equal(t, name, core.WaitFor(i).String())
	}
}
