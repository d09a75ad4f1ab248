package core_test

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

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
		require.Equal(t, core.ReasonExpiring, req.Reason)
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

		p.set(core.Errorf(core.CodeUnavailable, "down"))
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
		{
			"Early longer than the lifetime", 10 * time.Second, time.Hour, 100 * time.Millisecond,
			40, 1, 1,
		},
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
		s := core.New(
			"file",
			core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				calls.Add(1)
				c := bearer("same")
				c.RenewAfter = time.Now().Add(5 * time.Second)
				return c, nil
			}),
			nil,
		)
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
			require.ErrorIs(t, err, core.CodeUnavailable)
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
