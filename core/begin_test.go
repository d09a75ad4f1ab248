package core_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

type spanKey struct{}

// spanOf returns the span of a context, or nothing.
func spanOf(ctx context.Context) string {
	name, _ := ctx.Value(spanKey{}).(string)
	return name
}

// spans is a provider that notes the span of each call.
type spans struct {
	issuer
	mu   sync.Mutex
	seen []string
	ctx  context.Context // of the last call
}

func (p *spans) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	p.mu.Lock()
	p.seen, p.ctx = append(p.seen, spanOf(ctx)), ctx
	p.mu.Unlock()
	return p.issuer.Authenticate(ctx, req)
}

func (p *spans) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.seen
	p.seen = nil
	return out
}

// withSpan is a Begin that puts a span into the caller's context.
func withSpan(name string) func(context.Context, core.Event) context.Context {
	return func(ctx context.Context, _ core.Event) context.Context {
		return context.WithValue(ctx, spanKey{}, name)
	}
}

// goroutine identifies the goroutine that calls it.
func goroutine() string {
	text := make([]byte, 64)
	text = text[:runtime.Stack(text, false)]
	return strings.Fields(string(text))[1]
}

func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		var on, caller string
		var begun []core.Event
		p := &spans{issuer: issuer{life: time.Hour}}
		s := core.New("api", p, &core.Options{
			Kind: "fake", Environment: core.QA, Observe: events.observe,
			Begin: func(ctx context.Context, ev core.Event) context.Context {
				on, caller = goroutine(), fmt.Sprint(ctx.Value(callerKey{}))
				begun = append(begun, ev)
				return context.WithValue(ctx, spanKey{}, fmt.Sprint("span", len(begun)))
			},
		})
		ctx := context.WithValue(t.Context(), callerKey{}, "me")
		require.NoError(t, s.Init(ctx))
		require.Equal(t, []string{"span1"}, p.take())
		require.Equal(t, goroutine(), on, "it runs on the goroutine of the caller")
		require.Equal(t, "me", caller, "with the context of the caller")
		require.Equal(t, []core.Event{{
			Session: "api", Kind: "fake", Environment: core.QA, Type: core.EventStarting,
		}}, begun)
		got := events.take()
		require.Len(t, got, 1)
		require.True(t, got[0].Type.EndsAttempt())
		require.Equal(t, "span1", spanOf(got[0].Context()))

		time.Sleep(58 * time.Minute) // stale: served at once, and renewed
		require.Equal(t, "t1", bearing(t, s))
		require.Equal(t, goroutine(), on)
		synctest.Wait()
		require.Equal(t, "t2", bearing(t, s))
		require.Equal(t, []string{"span2"}, p.take())
		require.Equal(t, core.ReasonExpiring, begun[1].Reason)
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		s.Reject(c, "")
		require.Equal(t, goroutine(), on)
		synctest.Wait()
		require.Equal(t, []string{"span3"}, p.take())
		events.take()
		require.NoError(t, s.Close(t.Context()))
		got = events.take()
		require.Len(t, got, 1)
		require.Empty(t, spanOf(got[0].Context()), "Ended is not about an attempt")
		require.Len(t, begun, 3)
	})
}

type callerKey struct{}

// A timer's attempt has a Begin on the timer's goroutine, with a background context.
func TestBeginOfATimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on, caller atomic.Value
		p := &spans{issuer: issuer{life: time.Hour}}
		s := core.New("api", p, &core.Options{
			KeepFresh: true,
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				on.Store(goroutine())
				caller.Store(fmt.Sprint(ctx.Value(callerKey{}), ctx.Done() == nil))
				return context.WithValue(ctx, spanKey{}, "span")
			},
		})
		require.NoError(t, s.Init(context.WithValue(t.Context(), callerKey{}, "me")))
		p.take()
		time.Sleep(59 * time.Minute)
		require.Equal(t, []string{"span"}, p.take())
		require.NotEqual(t, goroutine(), on.Load())
		require.Equal(t, "<nil> true", caller.Load())
		require.NoError(t, s.Close(t.Context()))
	})
}

// What ends the context that Begin returns does not end the attempt, which has a
// limit of its own, and the caller's scope is not the attempt's.
func TestAttemptOutlivesWhatBeginReturns(t *testing.T) {
	cancelled, cancel := context.WithCancel(context.Background())
	cancel()
	for name, begin := range map[string]func(context.Context, core.Event) context.Context{
		"the caller's context": withSpan("span"),
		"a cancelled context": func(context.Context, core.Event) context.Context {
			return context.WithValue(cancelled, spanKey{}, "span")
		},
		"a deadline": func(ctx context.Context, _ core.Event) context.Context {
			ctx, cancel := context.WithTimeout(context.WithValue(ctx, spanKey{}, "span"), time.Millisecond)
			time.AfterFunc(time.Second, cancel)
			return ctx
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events eventList
				p := &spans{issuer: issuer{takes: 5 * time.Second}}
				s := core.New("api", p, &core.Options{Begin: begin, Observe: events.observe})
				ctx, leave := context.WithCancel(core.With(t.Context(), s))
				time.AfterFunc(time.Second, leave)
				require.ErrorIs(t, s.Init(ctx), context.Canceled)
				require.Equal(t, []string{"span"}, p.take())
				require.NoError(t, p.ctx.Err())
				deadline, ok := p.ctx.Deadline()
				require.True(t, ok)
				require.Equal(t, 9*time.Second, time.Until(deadline))
				_, err := core.Current(p.ctx)
				require.Error(t, err, "the scope is the caller's")
				require.NoError(t, s.Init(t.Context()), "the attempt went on")
				require.EqualValues(t, 1, p.calls.Load())
				got := events.take()
				require.Len(t, got, 1)
				require.NoError(t, got[0].Context().Err())
				require.Equal(t, "span", spanOf(got[0].Context()))
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// nilContext is a context whose methods panic: it is a nil pointer.
type nilContext struct{ context.Context }

// A Begin that gives nothing counts as none.
func TestBeginThatGivesNothing(t *testing.T) {
	for name, begin := range map[string]func(context.Context, core.Event) context.Context{
		"nil":           func(context.Context, core.Event) context.Context { return nil },
		"a nil pointer": func(context.Context, core.Event) context.Context { return (*nilContext)(nil) },
		"a panic":       func(context.Context, core.Event) context.Context { panic("x") },
		"Goexit": func(context.Context, core.Event) context.Context {
			runtime.Goexit()
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var events eventList
				p := &spans{}
				s := core.New("api", p, &core.Options{Begin: begin, Observe: events.observe})
				began := time.Now()
				done := make(chan struct{})
				go func() {
					defer close(done) // Goexit ends this goroutine
					_ = s.Init(context.Background())
				}()
				<-done
				require.NoError(t, s.Init(t.Context()))
				require.Zero(t, time.Since(began), "nothing waits for it")
				require.Equal(t, []string{""}, p.take())
				got := events.take()
				require.Len(t, got, 1)
				require.Equal(t, context.Background(), got[0].Context())
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}

// A Begin that hangs holds the caller that runs it and nobody else. The attempt
// starts without it after a tenth of a second.
func TestBeginThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		var events eventList
		p := &spans{issuer: issuer{life: time.Hour}}
		s := core.New("api", p, &core.Options{
			KeepFresh: true, Observe: events.observe,
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				<-free
				return context.WithValue(ctx, spanKey{}, "late")
			},
		})
		var held atomic.Bool
		held.Store(true)
		go func() {
			_ = s.Init(context.Background())
			held.Store(false)
		}()
		synctest.Wait()
		began := time.Now()
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		require.Equal(t, []string{""}, p.take())
		require.True(t, held.Load(), "it holds its caller")
		_ = s.Status()
		time.Sleep(59 * time.Minute)
		require.Equal(t, "t2", bearing(t, s), "the timer renews all the same")
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		go s.Reject(c, "")
		synctest.Wait()
		time.Sleep(time.Second)
		require.Equal(t, "t3", bearing(t, s))
		began = time.Now()
		require.NoError(t, s.Close(t.Context()))
		require.Zero(t, time.Since(began))
		require.Contains(t, events.kinds(), core.EventClosed)
		close(free)
		synctest.Wait()
		require.False(t, held.Load())
	})
}

// A Begin that returns too late for its attempt, but before the end, is still in the
// event that ends it, so that a span can be ended.
func TestBeginThatIsLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		p := &spans{issuer: issuer{takes: time.Second}}
		s := core.New("api", p, &core.Options{
			Observe: events.observe,
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				time.Sleep(200 * time.Millisecond)
				return context.WithValue(ctx, spanKey{}, "late")
			},
		})
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, []string{""}, p.take())
		got := events.take()
		require.Len(t, got, 1)
		require.Equal(t, "late", spanOf(got[0].Context()))
		require.Equal(t, 1100*time.Millisecond, got[0].Took)
		require.NoError(t, s.Close(t.Context()))
	})
}

// Begin may call any method of its session.
func TestBeginThatCallsItsSession(t *testing.T) {
	for name, call := range map[string]func(context.Context, *core.Session){
		"Status":     func(_ context.Context, s *core.Session) { _ = s.Status() },
		"Init":       func(ctx context.Context, s *core.Session) { _ = s.Init(ctx) },
		"Credential": func(ctx context.Context, s *core.Session) { _, _ = s.Credential(ctx) },
		"Renew":      func(ctx context.Context, s *core.Session) { _ = s.Renew(ctx) },
		"Close":      func(ctx context.Context, s *core.Session) { _ = s.Close(ctx) },
		"SignOut":    func(ctx context.Context, s *core.Session) { _ = s.SignOut(ctx) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s *core.Session
				var calls atomic.Int64
				s = core.New(
					"api",
					&issuer{},
					&core.Options{
						Lazy: true,
						Begin: func(ctx context.Context, _ core.Event) context.Context {
							if calls.Add(1) < 5 {
								call(ctx, s)
							}
							return ctx
						},
					},
				)
				began := time.Now()
				if err := s.Init(t.Context()); err != nil {
					require.ErrorIs(t, err, core.CodeClosed, "by its Begin")
				}
				require.LessOrEqual(t, time.Since(began), 100*time.Millisecond)
				require.NoError(t, s.Close(t.Context()))
				require.EqualValues(t, 1, calls.Load(), "one for an attempt")
			})
		})
	}
}

// The second attempt after a refused input has a span of its own, which no caller
// waits for.
func TestBeginAfterARefusedInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events eventList
		var n atomic.Int64
		front := core.New("front", &issuer{}, nil)
		p := core.ProviderFunc(
			func(ctx context.Context, req core.Request) (core.Credential, error) {
				if spanOf(ctx) == "span1" {
					return core.Credential{}, core.InputRefused("subject",
						core.Errorf(core.CodeDenied, "no"))
				}
				return bearer(spanOf(ctx)), nil
			},
		)
		s := core.New("api", p, &core.Options{
			Inputs: map[string]*core.Session{"subject": front}, Observe: events.observe,
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				return context.WithValue(ctx, spanKey{}, fmt.Sprint("span", n.Add(1)))
			},
		})
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "span2", bearing(t, s))
		var ends []string
		for _, e := range events.take() {
			if e.Type.EndsAttempt() {
				ends = append(ends, fmt.Sprint(e.Type, " ", spanOf(e.Context())))
			}
		}
		require.Equal(t, []string{"abandoned span1", "authenticated span2"}, ends)
		require.NoError(t, s.Close(t.Context()))
	})
}

// Every Begin has one event that ends it, however the attempt ends.
func TestEveryBeginEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		open := map[string]bool{}
		n := 0
		p := &issuer{life: time.Hour, takes: time.Second}
		opts := &core.Options{
			Timeout: 2 * time.Second, Store: newShelf(),
			Begin: func(ctx context.Context, _ core.Event) context.Context {
				mu.Lock()
				defer mu.Unlock()
				n++
				name := fmt.Sprint("span", n)
				open[name] = true
				return context.WithValue(ctx, spanKey{}, name)
			},
			Observe: func(e core.Event) {
				mu.Lock()
				defer mu.Unlock()
				if name := spanOf(e.Context()); name != "" && e.Type.EndsAttempt() {
					require.True(t, open[name], "%s ends twice", name)
					delete(open, name)
				}
			},
		}
		s := core.New("api", p, opts)
		_, err := s.Restore(t.Context()) // nothing is there
		require.NoError(t, err)
		require.NoError(t, s.Init(t.Context()))
		p.set(core.Errorf(core.CodeUnavailable, "down"))
		require.Error(t, s.Renew(t.Context()))
		time.Sleep(time.Minute)
		p.set(nil)
		p.ignoresContext, p.takes = true, 10*time.Second
		require.Error(t, s.Renew(t.Context())) // at its limit; it returns later
		time.Sleep(time.Minute)
		synctest.Wait() // the provider has returned
		p.ignoresContext, p.takes = false, time.Second
		go func() { _ = s.Renew(context.Background()) }()
		synctest.Wait()
		s.Reconfigure(p, opts)
		require.NoError(t, s.Close(t.Context()))
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.GreaterOrEqual(t, n, 6)
		require.Empty(t, open)
	})
}
