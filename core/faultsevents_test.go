package core_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// Neither the session nor its callers wait for an Observe, and one that panics
// gets the next event.
func TestObserveDelaysNobody(t *testing.T) {
	for name, observe := range map[string]func(*core.Session, core.Event){
		"hangs":   func(*core.Session, core.Event) { time.Sleep(time.Hour) },
		"panics":  func(*core.Session, core.Event) { panic("x") },
		"Close":   func(s *core.Session, _ core.Event) { _ = s.Close(context.Background()) },
		"Init":    func(s *core.Session, _ core.Event) { _ = s.Init(context.Background()) },
		"Status":  func(s *core.Session, _ core.Event) { _ = s.Status() },
		"rejects": func(s *core.Session, _ core.Event) { s.Reject(bearer("x"), "") },
		"SignOut": func(s *core.Session, _ core.Event) { _ = s.SignOut(context.Background()) },
		"hangs after a refusal": func(_ *core.Session, e core.Event) {
			if e.Type == core.EventRefused {
				time.Sleep(time.Hour)
			}
		},
		"hangs at the end": func(_ *core.Session, e core.Event) {
			if e.Type == core.EventClosed {
				time.Sleep(time.Hour)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *core.Session
				var mu sync.Mutex
				events := 0
				opts := &core.Options{Observe: func(e core.Event) {
					mu.Lock()
					events++
					mu.Unlock()
					observe(s, e)
				}}
				s = core.New("api", &issuer{life: time.Hour}, opts)
				began := time.Now()
				if err := s.Init(t.Context()); err != nil {
					require.ErrorIs(t, err, core.CodeClosed, "by its Observe")
				}
				synctest.Wait()
				c, err := s.Credential(t.Context())
				if err == nil { // else its Observe has closed it
					s.Reject(c, "")
					_, _ = s.Credential(t.Context())
				}
				require.NoError(t, s.Close(t.Context()))
				require.Zero(t, time.Since(began))
				time.Sleep(6 * time.Hour)
				mu.Lock()
				defer mu.Unlock()
				require.Positive(t, events)
			})
		})
	}
}

// An Observe that calls Close for a failed attempt does not wait for that
// attempt.
func TestObserveThatClosesAfterAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s *core.Session
		var took time.Duration
		done := make(chan struct{})
		opts := &core.Options{Observe: func(e core.Event) {
			if e.Type != core.EventFailed {
				return
			}
			began := time.Now()
			_ = s.Close(context.Background())
			took = time.Since(began)
			close(done)
		}}
		p := &issuer{}
		p.set(core.Errorf(core.CodeDenied, "no"))
		s = core.New("api", p, opts)
		require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied)
		<-done
		require.Zero(t, took)
	})
}

// An Observe that hangs does not keep the lock of the store from others.
func TestObserveThatHangsHoldsNoLock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		hangs := func(core.Event) { time.Sleep(10 * time.Hour) }
		a := ready(t, f, &core.Options{Store: store, UI: somebody(0), Observe: hangs})
		b := ready(t, f, &core.Options{Store: store})
		time.Sleep(2 * time.Hour)
		began := time.Now()
		require.Equal(t, "t2", bearing(t, b))
		require.Equal(t, "t2", bearing(t, a))
		require.Zero(t, time.Since(began))
		require.NoError(t, a.Close(t.Context()))
		time.Sleep(100 * time.Hour)
	})
}

// Events arrive one at a time, in the order in which they occurred, also if
// Observe is slow.
func TestOrderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var list []string
		busy := 0
		p := &issuer{life: time.Hour}
		s := core.New("api", p, &core.Options{Observe: func(e core.Event) {
			mu.Lock()
			busy++
			if busy > 1 {
				t.Error("two events at the same time")
			}
			list = append(list, fmt.Sprint(e.Type, " ", e.Reason))
			mu.Unlock()
			time.Sleep(time.Second)
			mu.Lock()
			busy--
			mu.Unlock()
		}})
		require.NoError(t, s.Init(t.Context()))
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		p.set(core.Errorf(core.CodeDenied, "no"))
		s.Reject(c, "")
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeDenied)
		require.NoError(t, s.Close(t.Context()))
		p.set(nil)
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, s.Close(t.Context()))
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, []string{
			"authenticated initial", "refused rejected", "failed rejected", "ended initial",
			"authenticated initial", "ended initial",
		}, list)
	})
}
