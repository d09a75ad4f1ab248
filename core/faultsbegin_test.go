package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A Begin that ends the goroutine of a block leaves no block behind: the session
// would never be closed again by the end of one.
func TestBeginThatEndsTheGoroutineOfABlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := core.New("api", &issuer{life: time.Hour}, &core.Options{
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				if calls++; calls == 1 {
					runtime.Goexit()
				}
				return ctx
			},
		})
		nothing := func(context.Context) error { return nil }
		go func() { _ = core.Do(context.Background(), s, nothing) }()
		synctest.Wait()
		require.NoError(t, core.Do(t.Context(), s, nothing))
		require.Equal(t, core.StateClosed, s.Status().State)
	})
}

// ends returns the events that end an attempt, each with its span.
func (l *eventList) ends() (out []string) {
	for _, e := range l.take() {
		if e.Type.EndsAttempt() {
			out = append(out, fmt.Sprint(e.Type, " ", spanOf(e.Context())))
		}
	}
	return out
}

// The event that ends an attempt waits for Begin, so that a span always ends.
func TestCloseWhileBeginRuns(t *testing.T) {
	for name, tc := range map[string]struct {
		takes time.Duration
		want  string
	}{
		"in time":  {50 * time.Millisecond, "abandoned span"},
		"too late": {time.Minute, "abandoned "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events eventList
				s := core.New("api", &issuer{takes: time.Second}, &core.Options{
					Observe: events.observe,
					Begin: func(ctx context.Context, _ core.Event) context.Context {
						time.Sleep(tc.takes)
						return context.WithValue(ctx, spanKey{}, "span")
					},
				})
				time.AfterFunc(10*time.Millisecond, func() { _ = s.Close(context.Background()) })
				go func() { _ = s.Init(context.Background()) }()
				time.Sleep(100 * time.Millisecond)
				require.Equal(t, core.StateClosed, s.Status().State)
				require.Equal(t, []string{tc.want}, events.ends())
				time.Sleep(time.Hour)
				require.Empty(t, events.ends())
			})
		})
	}
}

// An attempt that Reconfigure stops ends for the Observe of the options with whose
// Begin it began.
func TestReconfigureEndsTheSpan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var before, after eventList
		s := core.New("api", &issuer{takes: time.Second}, &core.Options{
			Begin: withSpan("before"), Observe: before.observe,
		})
		time.AfterFunc(10*time.Millisecond, func() {
			s.Reconfigure(&issuer{}, &core.Options{
				Begin: withSpan("after"), Observe: after.observe,
			})
		})
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, []string{"abandoned before"}, before.ends())
		require.Equal(t, []string{"authenticated after"}, after.ends())
		require.NoError(t, s.Close(t.Context()))
	})
}

// What follows an event whose Observe ends its goroutine is delivered at once.
func TestEventsAfterAnObserveThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kinds []core.EventType
		hold := make(chan struct{})
		s := core.New("api", &issuer{life: time.Hour}, &core.Options{Observe: func(e core.Event) {
			kinds = append(kinds, e.Type)
			<-hold
			runtime.Goexit()
		}})
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, s.Renew(t.Context()))
		require.NoError(t, s.Close(t.Context()))
		close(hold)
		synctest.Wait()
		require.Equal(t, []core.EventType{
			core.EventAuthenticated, core.EventAuthenticated, core.EventClosed,
		}, kinds)
	})
}

// badHandler is a slog.Handler that panics.
type badHandler struct{ slog.Handler }

func (badHandler) Enabled(context.Context, slog.Level) bool  { return true }
func (badHandler) Handle(context.Context, slog.Record) error { panic("x") }

// A logger that panics ends neither the program nor an attempt.
func TestLoggerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := bearer("x")
		c.Expiry = time.Now().Add(time.Hour)
		c.Origins = []string{"https://api.example.com", "https://other.example.com"}
		store := newShelf()
		store.saveErr = core.Errorf(core.CodeUnavailable, "full")
		s := core.New("api", fixed(c), &core.Options{
			Logger: slog.New(badHandler{}), Origins: c.Origins[:1], Store: store,
		})
		require.NoError(t, s.Init(t.Context()))
		require.Error(t, s.Status().StoreError)
		require.Error(t, s.Close(t.Context()), "it could not be saved")
	})
}

// The Begin of an input is not run by the attempt that needs the input: it would
// hold the callers of that one, or end it.
func TestBeginOfAnInput(t *testing.T) {
	for name, begin := range map[string]func(){
		"hangs":              func() { time.Sleep(time.Hour) },
		"ends its goroutine": runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				front := core.New("front", &issuer{life: time.Minute}, &core.Options{
					Begin: func(ctx context.Context, _ core.Event) context.Context {
						begin()
						return ctx
					},
				})
				refused := false
				p := func(context.Context, core.Request) (core.Credential, error) {
					if !refused {
						refused = true
						no := core.Errorf(core.CodeDenied, "no")
						return core.Credential{}, core.InputRefused("subject", no)
					}
					return bearer("x"), nil
				}
				s := core.New("api", core.ProviderFunc(p), &core.Options{
					Inputs: map[string]*core.Session{"subject": front},
				})
				began := time.Now()
				require.NoError(t, s.Init(t.Context()))
				require.LessOrEqual(t, time.Since(began), 200*time.Millisecond)
				require.NoError(t, s.Close(t.Context()))
				require.NoError(t, front.Close(t.Context()))
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// noAnswer is a transport that returns neither an answer nor an error.
type noAnswer struct{}

func (noAnswer) RoundTrip(*http.Request) (*http.Response, error) { return nil, nil }

// A transport that returns nothing is an error, as it is in net/http.
func TestTransportThatReturnsNothing(t *testing.T) {
	s := ready(t, &issuer{}, &core.Options{Transport: noAnswer{}})
	_, err := s.Client().Get("https://api.example.com/")
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.NoError(t, s.Close(t.Context()))
}
