package core_test

import (
	"context"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestInitFailures(t *testing.T) {
	down := core.Errorf(core.CodeUnavailable, "down")
	denied := core.Errorf(core.CodeDenied, "invalid_client")

	t.Run("the next Init tries again", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			p.set(denied)
			s := core.New("gs", p, nil)
			err := s.Init(t.Context())
			require.ErrorIs(t, err, core.CodeDenied)
			require.Regexp(t,
				`^session "gs": init: denied: invalid_client; next attempt in [0-9.]+s$`,
				err.Error())
			require.Equal(t, core.StateNew, s.Status().State)
			_, err = s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeNotInitialized, "never anonymous")
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
				require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied)
			}
			require.EqualValues(t, 2, p.calls.Load())
			time.Sleep(time.Hour)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied)
			require.EqualValues(t, 3, p.calls.Load())
		})
	})
	t.Run("after two failures Init waits out a short back-off", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour}
			p.set(down)
			s := core.New("gs", p, nil)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
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
			require.ErrorIs(t, s.Init(t.Context()), core.CodeBadConfig)
			s = core.New("gs", nil, nil)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeBadConfig)
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
			require.ErrorIs(t, err, core.CodeNotInitialized,
				"a failed Init leaves the session as it was")
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
			p.set(core.Errorf(core.CodeUnavailable, "500"))
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
			require.ErrorIs(t, err, core.CodeUnavailable, "expired now")
			p.set(nil)
			time.Sleep(time.Minute)
			_, err = s.Credential(t.Context())
			require.NoError(t, err)
		})
	})
	for _, tc := range []struct {
		code core.Code
		most int64
	}{{core.CodeUnavailable, 8}, {core.CodeDenied, 2}, {core.CodeBadConfig, 2}, {core.CodeInteractive, 2}} {
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
			p.set(&core.Error{Code: core.CodeUnavailable, RetryAfter: 90 * time.Second})
			s := core.New("gs", p, &core.Options{Lazy: true})
			for range 80 {
				_, err := s.Credential(t.Context())
				require.Error(t, err)
				time.Sleep(time.Second)
			}
			require.EqualValues(t, 1, p.calls.Load())
			p.set(&core.Error{Code: core.CodeUnavailable, RetryAfter: math.MaxInt64})
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
			require.ErrorIs(t, err, core.CodeUnavailable)
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
			p := &issuer{takes: time.Hour, ignoresContext: true}
			s := core.New("gs", p, &core.Options{Lazy: true, Timeout: time.Second})
			began := time.Now()
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeUnavailable)
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
			s := core.New(
				"gs",
				core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
					runtime.Goexit()
					return core.Credential{}, nil
				}),
				nil,
			)
			require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
			require.NoError(t, s.Close(t.Context()))
		})
	})
	t.Run("a typed nil is an error", func(t *testing.T) {
		s := core.New(
			"gs",
			core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				var none *core.Error
				return bearer("x"), none
			}),
			nil,
		)
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, `session "gs": init: unavailable: a nil *core.Error`)
	})
	t.Run("a panic is an error", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := core.New(
				"gs",
				core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
					panic("hunter2")
				}),
				nil,
			)
			err := s.Init(t.Context())
			require.ErrorIs(t, err, core.CodeUnavailable)
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
		require.Equal(t, core.ReasonRejected, req.Reason)
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
