package core_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestSessionLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{Provider: "fake", Environment: core.QA})
		require.Zero(t, p.calls.Load(), "New sends nothing")

		_, err := s.Credential(t.Context())
		require.ErrorIs(t, err, core.NotInitialized)
		require.EqualError(t, err, `session "gs" (fake): not initialized: call Init first`)

		for range 3 {
			require.NoError(t, s.Init(t.Context()))
		}
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c), "Init authenticates once")
		st := s.Status()
		require.Equal(t, core.StateReady, st.State)
		require.True(t, st.Valid)
		require.Equal(t, core.QA, st.Environment)

		for range 2 {
			require.NoError(t, s.Close(t.Context()))
		}
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.Closed)
		require.EqualError(t, err, `session "gs" (fake): closed: call Init again`)
		require.False(t, s.Status().Valid)

		require.NoError(t, s.Init(t.Context()))
		c, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t2", token(c))
	})
}

func TestLazySessionAuthenticatesOnFirstUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{Lazy: true})
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c))
		require.Equal(t, core.StateReady, s.Status().State)
		require.NoError(t, s.Close(t.Context()))
		_, err = s.Credential(t.Context())
		require.ErrorIs(t, err, core.Closed, "lazy is for the first use; after Close, Init is asked for")
	})
}

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Minute, takes: 300 * time.Millisecond}
		s := core.New("gs", p, nil)
		require.NoError(t, s.Init(t.Context()))
		get := func() string {
			began := time.Now()
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			require.Zero(t, time.Since(began), "nobody waits")
			return token(c)
		}
		time.Sleep(50 * time.Second)
		require.Equal(t, "t1", get())
		synctest.Wait()
		require.EqualValues(t, 1, p.calls.Load(), "fresh: nothing to do")
		time.Sleep(6 * time.Second)
		for range 10 {
			require.Equal(t, "t1", get(), "stale: served while it is renewed")
		}
		time.Sleep(time.Second)
		require.Equal(t, "t2", get())
		require.EqualValues(t, 2, p.calls.Load(), "one renewal")
		req := p.last.Load()
		require.Equal(t, core.Expiring, req.Reason)
		require.Equal(t, "t1", token(req.Previous))

		time.Sleep(time.Hour)
		require.EqualValues(t, 2, p.calls.Load(), "a session that nobody uses renews nothing")
		began := time.Now()
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t3", token(c))
		require.Equal(t, 300*time.Millisecond, time.Since(began), "expired: one wait")
	})
}

func TestKeepFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Minute, takes: 300 * time.Millisecond}
		s := core.New("gs", p, &core.Options{KeepFresh: true})
		require.NoError(t, s.Init(t.Context()))
		time.Sleep(10 * time.Minute)
		began := time.Now()
		_, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Zero(t, time.Since(began))
		require.InDelta(t, 11, p.calls.Load(), 1)

		p.set(core.Errorf(core.Unavailable, "down"))
		time.Sleep(10 * time.Minute)
		p.set(nil)
		time.Sleep(2 * time.Minute)
		_, err = s.Credential(t.Context())
		require.NoError(t, err, "it tries again by itself")

		require.NoError(t, s.Close(t.Context()))
		n := p.calls.Load()
		time.Sleep(time.Hour)
		require.Equal(t, n, p.calls.Load(), "closed: no more renewals")
	})
}

func TestLifetimes(t *testing.T) {
	for _, tc := range []struct {
		name  string
		life  time.Duration
		early time.Duration
		every time.Duration // between calls
		calls int
		least int64
		most  int64
	}{
		{"5 s", 5 * time.Second, 0, 100 * time.Millisecond, 50, 1, 2},
		{"60 s", time.Minute, 0, time.Second, 50, 1, 1},
		{"an hour", time.Hour, 0, time.Minute, 50, 1, 1},
		{"none", 0, 0, time.Hour, 10, 1, 1},
		{"in the past", -5 * time.Minute, 0, 100 * time.Millisecond, 80, 1, 1},
		{"a few milliseconds", 3 * time.Millisecond, 0, 100 * time.Millisecond, 80, 1, 1},
		{"just over", -1, 0, 100 * time.Millisecond, 80, 1, 1},
		{"absurd", math.MaxInt64, 0, time.Hour, 10, 1, 1},
		{"Early longer than the lifetime", 10 * time.Second, time.Hour, 100 * time.Millisecond, 40, 1, 1},
		{"Early negative", 10 * time.Second, -time.Hour, 100 * time.Millisecond, 80, 1, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &issuer{life: tc.life}
				s := core.New("gs", p, &core.Options{Early: tc.early})
				require.NoError(t, s.Init(t.Context()))
				for range tc.calls {
					_, err := s.Credential(t.Context())
					require.NoError(t, err)
					synctest.Wait()
					time.Sleep(tc.every)
				}
				require.GreaterOrEqual(t, p.calls.Load(), tc.least)
				require.LessOrEqual(t, p.calls.Load(), tc.most)
			})
		})
	}
}

func TestRenewAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		s := core.New("file", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			calls.Add(1)
			c := bearer("same")
			c.RenewAfter = time.Now().Add(5 * time.Second)
			return c, nil
		}), nil)
		require.NoError(t, s.Init(t.Context()))
		for range 100 {
			_, err := s.Credential(t.Context())
			require.NoError(t, err)
			time.Sleep(time.Second)
		}
		require.InDelta(t, 17, calls.Load(), 4)
		time.Sleep(time.Hour)
		n := calls.Load()
		_, err := s.Credential(t.Context())
		require.NoError(t, err, "it did not expire")
		synctest.Wait()
		require.Equal(t, n+1, calls.Load())
	})
}

func TestCallersAreIndependent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour, takes: 2 * time.Second}
		s := core.New("gs", p, &core.Options{Lazy: true})

		leader, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, err := s.Credential(leader)
			require.ErrorIs(t, err, context.Canceled)
			require.ErrorIs(t, err, core.Unavailable)
		})
		synctest.Wait()
		for range 10_000 {
			wg.Go(func() {
				c, err := s.Credential(t.Context())
				require.NoError(t, err, "others do not fail with the leader")
				require.Equal(t, "t1", token(c))
			})
		}
		wg.Go(func() {
			began := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			_, err := s.Credential(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 200*time.Millisecond, time.Since(began))
		})
		synctest.Wait()
		cancel()
		wg.Wait()
		require.EqualValues(t, 1, p.calls.Load())

		dead, cancel := context.WithCancel(t.Context())
		cancel()
		s2 := core.New("gs", p, &core.Options{Lazy: true})
		_, err := s2.Credential(dead)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, s2.Init(dead), context.Canceled)
		synctest.Wait()
		require.EqualValues(t, 1, p.calls.Load(), "nobody asks for a caller who is gone")
	})
}

func TestInitFailures(t *testing.T) {
	down := core.Errorf(core.Unavailable, "down")
	denied := core.Errorf(core.Denied, "invalid_client")

	t.Run("the next Init tries again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			p.set(denied)
			s := core.New("gs", p, nil)
			err := s.Init(t.Context())
			require.ErrorIs(t, err, core.Denied)
			require.Regexp(t, `^session "gs": init: denied: invalid_client; next attempt in [0-9.]+s$`, err.Error())
			require.Equal(t, core.StateHeld, s.Status().State)
			_, err = s.Credential(t.Context())
			require.ErrorIs(t, err, core.NotInitialized, "never anonymous")
			p.set(nil)
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Status().LastError)
		})
	})
	t.Run("a loop around a denied Init is no storm", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			p.set(denied)
			s := core.New("gs", p, nil)
			for range 1000 {
				require.ErrorIs(t, s.Init(t.Context()), core.Denied)
			}
			require.EqualValues(t, 2, p.calls.Load())
			time.Sleep(time.Hour)
			require.ErrorIs(t, s.Init(t.Context()), core.Denied)
			require.EqualValues(t, 3, p.calls.Load())
		})
	})
	t.Run("after two failures Init waits out a short back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			p.set(down)
			s := core.New("gs", p, nil)
			require.ErrorIs(t, s.Init(t.Context()), core.Unavailable)
			require.ErrorIs(t, s.Init(t.Context()), core.Unavailable)
			p.set(nil)
			began := time.Now()
			require.NoError(t, s.Init(t.Context()))
			require.Greater(t, time.Since(began), 100*time.Millisecond)
			require.LessOrEqual(t, time.Since(began), 2*time.Second)
		})
	})
	t.Run("bad options", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := core.New("gs", &issuer{}, &core.Options{Origins: []string{"api.gs.com/x"}})
			require.ErrorIs(t, s.Init(t.Context()), core.BadConfig)
			s = core.New("gs", nil, nil)
			require.ErrorIs(t, s.Init(t.Context()), core.BadConfig)
			require.NoError(t, s.Close(t.Context()))
		})
	})
	t.Run("a caller who left does not waste what was obtained", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour, takes: time.Second}
			s := core.New("gs", p, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Init(ctx), context.DeadlineExceeded)
			time.Sleep(2 * time.Second)
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.NotInitialized, "a failed Init leaves the session as it was")
			began := time.Now()
			require.NoError(t, s.Init(t.Context()))
			require.Zero(t, time.Since(began))
			require.EqualValues(t, 1, p.calls.Load())
		})
	})
}

func TestFailuresWhileInUse(t *testing.T) {
	t.Run("a valid credential is served through an outage", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Minute}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			p.set(core.Errorf(core.Unavailable, "500"))
			for range 598 {
				began := time.Now()
				_, err := s.Credential(t.Context())
				require.NoError(t, err)
				require.Zero(t, time.Since(began))
				time.Sleep(100 * time.Millisecond)
			}
			require.Less(t, p.calls.Load(), int64(10))
			time.Sleep(time.Second)
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.Unavailable, "expired now")
			p.set(nil)
			time.Sleep(time.Minute)
			_, err = s.Credential(t.Context())
			require.NoError(t, err)
		})
	})
	for _, tc := range []struct {
		code core.Code
		most int64
	}{{core.Unavailable, 8}, {core.Denied, 2}, {core.BadConfig, 2}, {core.Interactive, 2}} {
		t.Run("10,000 calls in 10 s: "+tc.code.Error(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &issuer{}
				p.set(core.Errorf(tc.code, "no"))
				s := core.New("gs", p, &core.Options{Lazy: true})
				for range 10_000 {
					began := time.Now()
					_, err := s.Credential(t.Context())
					require.ErrorIs(t, err, tc.code)
					require.Zero(t, time.Since(began))
					var e *core.Error
					require.ErrorAs(t, err, &e)
					require.Positive(t, e.RetryAfter, "every error says when")
					time.Sleep(time.Millisecond)
				}
				require.LessOrEqual(t, p.calls.Load(), tc.most)
			})
		})
	}
	t.Run("Retry-After is honoured, up to an hour", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{}
			p.set(&core.Error{Code: core.Unavailable, RetryAfter: 90 * time.Second})
			s := core.New("gs", p, &core.Options{Lazy: true})
			for range 80 {
				_, err := s.Credential(t.Context())
				require.Error(t, err)
				time.Sleep(time.Second)
			}
			require.EqualValues(t, 1, p.calls.Load())
			p.set(&core.Error{Code: core.Unavailable, RetryAfter: math.MaxInt64})
			time.Sleep(time.Minute)
			_, err := s.Credential(t.Context())
			require.Error(t, err)
			p.set(nil)
			time.Sleep(time.Hour + time.Second)
			_, err = s.Credential(t.Context())
			require.NoError(t, err)
		})
	})
	t.Run("a hung attempt ends at its limit", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{takes: time.Hour, life: time.Hour}
			s := core.New("gs", p, &core.Options{Lazy: true, Timeout: time.Second})
			began := time.Now()
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.Unavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, time.Second, time.Since(began))
			p.takes = 0
			time.Sleep(time.Second)
			_, err = s.Credential(t.Context())
			require.NoError(t, err, "within one back-off")
		})
	})
	t.Run("a provider that ignores its context holds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{takes: time.Hour, deaf: true}
			s := core.New("gs", p, &core.Options{Lazy: true, Timeout: time.Second})
			began := time.Now()
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.Unavailable)
			require.Less(t, time.Since(began), 2*time.Second)
			time.Sleep(10 * time.Minute)
			_, err = s.Credential(t.Context())
			require.ErrorContains(t, err, "has not returned from an earlier call")
			require.EqualValues(t, 1, p.calls.Load())
			began = time.Now()
			require.NoError(t, s.Close(t.Context()))
			require.LessOrEqual(t, time.Since(began), time.Second)
			time.Sleep(time.Hour)
		})
	})
	t.Run("a provider that ends its goroutine holds nobody", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := core.New("gs", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				runtime.Goexit()
				return core.Credential{}, nil
			}), nil)
			require.ErrorIs(t, s.Init(t.Context()), core.Unavailable)
			require.NoError(t, s.Close(t.Context()))
		})
	})
	t.Run("a typed nil is an error", func(t *testing.T) {
		s := core.New("gs", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			var none *core.Error
			return bearer("x"), none
		}), nil)
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.Unavailable)
		require.ErrorContains(t, err, `session "gs": init: unavailable: a nil *core.Error`)
	})
	t.Run("a panic is an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := core.New("gs", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				panic("hunter2")
			}), nil)
			err := s.Init(t.Context())
			require.ErrorIs(t, err, core.Unavailable)
			require.NotContains(t, err.Error(), "hunter2")
		})
	})
}

func TestReject(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour, takes: 50 * time.Millisecond}
		s := core.New("gs", p, nil)
		require.NoError(t, s.Init(t.Context()))
		old, err := s.Credential(t.Context())
		require.NoError(t, err)

		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				s.Reject(old, `Bearer error="invalid_token"`)
				c, err := s.Credential(t.Context())
				require.NoError(t, err)
				require.Equal(t, "t2", token(c), "none goes on with the old one")
			})
		}
		wg.Wait()
		require.EqualValues(t, 2, p.calls.Load())
		req := p.last.Load()
		require.Equal(t, core.Rejected, req.Reason)
		require.Equal(t, "t1", token(req.Previous))
		require.Contains(t, req.Challenge, "invalid_token")

		s.Reject(old, "")
		s.Reject(core.Credential{}, "")
		synctest.Wait()
		require.EqualValues(t, 2, p.calls.Load(), "only the current one counts")

		for range 100 { // an API that refuses whatever it gets
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			s.Reject(c, "")
			time.Sleep(100 * time.Millisecond)
		}
		require.Less(t, p.calls.Load(), int64(8), "refusals are spaced")
		require.EqualValues(t, 101, s.Status().Refusals)
	})
}

// revoking is an issuer that can revoke.
type revoking struct {
	issuer
	revoked []string
	err     error
	hang    bool
}

func (r *revoking) Revoke(ctx context.Context, c core.Credential) error {
	if r.hang {
		<-ctx.Done()
	}
	r.revoked = append(r.revoked, token(c))
	return r.err
}

func TestClose(t *testing.T) {
	t.Run("revokes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			var wg sync.WaitGroup
			for range 10 {
				wg.Go(func() { require.NoError(t, s.Close(t.Context())) })
			}
			wg.Wait()
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("a failed revocation is told, and the session closed", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}, err: core.Errorf(core.Unavailable, "503")}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			require.EqualError(t, s.Close(t.Context()), `session "gs": revoke: unavailable: 503`)
			require.NoError(t, s.Close(t.Context()))
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.Closed)
			p.err = errors.ErrUnsupported
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Close(t.Context()))
		})
	})
	t.Run("is bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}, hang: true}
			s := core.New("gs", p, &core.Options{Timeout: time.Second})
			require.NoError(t, s.Init(t.Context()))
			began := time.Now()
			_ = s.Close(t.Context())
			require.LessOrEqual(t, time.Since(began), 2*time.Second)
		})
	})
	t.Run("of a closed session ends the Init that is under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Close(t.Context()))
			p.takes = time.Second
			var wg sync.WaitGroup
			wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.Closed) })
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			wg.Wait()
			time.Sleep(time.Minute)
			require.Equal(t, core.StateClosed, s.Status().State)
		})
	})
	t.Run("of a closed session drops what an Init left behind", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Close(t.Context()))
			p.takes = time.Second
			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			require.ErrorIs(t, s.Init(ctx), context.DeadlineExceeded)
			time.Sleep(time.Minute)
			require.NoError(t, s.Close(t.Context()))
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("ends an Init that waits out a back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{}
			p.set(core.Errorf(core.Unavailable, "503"))
			s := core.New("gs", p, nil)
			require.Error(t, s.Init(t.Context()))
			require.Error(t, s.Init(t.Context()))
			p.set(nil)
			var wg sync.WaitGroup
			wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.Closed) })
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			wg.Wait()
			require.Equal(t, core.StateClosed, s.Status().State)
			require.NoError(t, s.Init(t.Context()), "a later Init begins again")
		})
	})
	t.Run("revokes what the API has refused", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &revoking{issuer: issuer{life: time.Hour}}
			s := core.New("gs", p, nil)
			require.NoError(t, s.Init(t.Context()))
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			p.set(core.Errorf(core.Unavailable, "503"))
			s.Reject(c, "")
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			require.Equal(t, []string{"t1"}, p.revoked)
		})
	})
	t.Run("ends a renewal under way", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour, takes: time.Minute}
			s := core.New("gs", p, &core.Options{Lazy: true, Timeout: time.Hour})
			var wg sync.WaitGroup
			wg.Go(func() {
				_, err := s.Credential(t.Context())
				require.ErrorIs(t, err, core.Closed)
			})
			synctest.Wait()
			began := time.Now()
			require.NoError(t, s.Close(t.Context()))
			require.Zero(t, time.Since(began))
			wg.Wait()
			p.takes = 0
			require.NoError(t, s.Init(t.Context()))
		})
	})
}

func TestReconfigure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{life: time.Hour}, &issuer{life: time.Hour, takes: time.Second}
		q.calls.Store(100)
		s := core.New("gs", p, nil)
		require.NoError(t, s.Init(t.Context()))
		s.Reconfigure(q, &core.Options{Provider: "new"})
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t1", token(c), "served until the new one is there")
		time.Sleep(2 * time.Second)
		c, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t101", token(c))
		require.Equal(t, core.Initial, q.last.Load().Reason)
		require.Equal(t, "new", s.Status().Provider)

		bad := &issuer{}
		bad.set(core.Errorf(core.Denied, "no"))
		s.Reconfigure(bad, nil)
		for range 100 {
			c, err = s.Credential(t.Context())
			require.NoError(t, err)
			require.Equal(t, "t101", token(c))
			time.Sleep(time.Second)
		}
	})
}

// What was refused is not served again; its renewal goes on with the new
// provider, also when nobody asks.
func TestReconfigureAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{life: time.Hour}, &issuer{life: time.Hour}
		s := core.New("gs", p, &core.Options{KeepFresh: true})
		require.NoError(t, s.Init(t.Context()))
		defer func() { require.NoError(t, s.Close(t.Context())) }()
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		p.takes = time.Second
		s.Reject(c, "")
		synctest.Wait()
		s.Reconfigure(q, &core.Options{KeepFresh: true})
		synctest.Wait()
		require.EqualValues(t, 1, q.calls.Load())
		require.True(t, s.Status().Valid)
	})
}

func TestReconfigureWhileCallersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, q := &issuer{takes: time.Minute}, &issuer{takes: time.Second}
		q.calls.Store(100)
		s := core.New("gs", p, &core.Options{Timeout: time.Hour})
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, s.Init(t.Context())) })
		synctest.Wait()
		s.Reconfigure(q, nil)
		wg.Wait()
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t101", token(c))
	})
}

type person struct{ issuer }

func (p *person) SignIn(ctx context.Context, _ core.Request, ui core.UI) (core.Credential, error) {
	code, err := ui.Ask(ctx, "code", true)
	if err != nil {
		return core.Credential{}, err
	}
	return bearer(code.Reveal()), nil
}

func TestSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &person{}
		p.set(core.Errorf(core.Interactive, "a person must sign in"))
		s := core.New("gs", p, nil)
		require.ErrorIs(t, s.Init(t.Context()), core.Interactive, "no UI: at once")

		asked := 0
		s = core.New("gs", p, &core.Options{UI: &core.UI{Ask: func(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
			asked++
			time.Sleep(time.Minute)
			return core.NewSecret("1234"), nil
		}}})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { require.NoError(t, s.Init(t.Context())) })
		}
		wg.Wait()
		require.Equal(t, 1, asked, "one sign-in, however many wait")
		c, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "1234", token(c))
	})
}

func TestCredentialsThatMayNotBeSent(t *testing.T) {
	header := func(name, value string) core.Credential {
		return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{name: core.NewSecret(value)}}}
	}
	for _, tc := range []struct {
		name string
		cred core.Credential
		want string
	}{
		{"nothing", core.Credential{}, "empty credential"},
		{"empty value", header("Authorization", ""), `header "Authorization" is empty`},
		{"line break", header("Authorization", "Bearer x\r\nX-Evil: 1"), "characters that may not be sent"},
		{"bad name", header("Autho rization", "x"), "characters that may not be sent"},
		{"reserved", header("host", "x"), `may not set the header "host"`},
		{"huge", header("Authorization", string(make([]byte, 200<<10))), "characters that may not be sent"},
		{"large", header("Authorization", largeToken), "larger than 128 KiB"},
		{"cookie", core.Credential{Attach: core.Attachment{Cookie: map[string]core.Secret{"a": core.NewSecret("x;y")}}}, "may not be sent"},
		{"origin", core.Credential{Attach: bearer("x").Attach, Origins: []string{"https://a/b"}}, "not an origin"},
		{"certificate", core.Credential{Attach: core.Attachment{Cert: core.NewSecret("junk")}}, "client certificate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := core.New("gs", core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) { return tc.cred, nil }), nil)
			err := s.Init(t.Context())
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "Evil")
		})
	}
}

var largeToken = func() string {
	b := make([]byte, 129<<10)
	for i := range b {
		b[i] = 'a'
	}
	return string(b)
}()
