package core_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// cabinet is a Store in memory that has a lock for each key and notes what is
// done with it. It checks after each step that nothing is lost.
type cabinet struct {
	mu     sync.Mutex
	values map[string]core.Secret
	locks  map[string]chan struct{}
	steps  []string
	before func(ctx context.Context, step string) error // nil: nothing fails
	lost   bool                                         // there was a step after which no key had a record
}

func (c *cabinet) do(ctx context.Context, step string, fn func()) error {
	if c.before != nil {
		if err := c.before(ctx, step); err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.steps = append(c.steps, step)
	fn()
	c.lost = c.lost || len(c.values) == 0
	return nil
}

func (c *cabinet) Load(ctx context.Context, key string) (value core.Secret, err error) {
	err = c.do(ctx, "load "+key, func() { value = c.values[key] })
	return value, err
}

func (c *cabinet) Save(ctx context.Context, key string, value core.Secret) error {
	return c.do(ctx, "save "+key, func() { c.values[key] = value })
}

func (c *cabinet) Delete(ctx context.Context, key string) error {
	return c.do(ctx, "delete "+key, func() { delete(c.values, key) })
}

func (c *cabinet) Lock(ctx context.Context, key string) (func(), error) {
	var lock chan struct{}
	if err := c.do(ctx, "lock "+key, func() {
		if c.locks[key] == nil {
			c.locks[key] = make(chan struct{}, 1)
		}
		lock = c.locks[key]
	}); err != nil {
		return nil, err
	}
	select {
	case lock <- struct{}{}:
		return func() { <-lock }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// has returns the keys that have a record, as "former", "new", "both" or "".
func (c *cabinet) has() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, former := c.values["former"]
	_, key := c.values["new"]
	switch {
	case former && key:
		return "both"
	case former:
		return "former"
	case key:
		return "new"
	}
	return ""
}

// withFormer returns a store whose former key has a credential of f, which an
// earlier version of the program saved under opts.
func withFormer(t *testing.T, f core.Provider, opts core.Options) *cabinet {
	c := &cabinet{values: map[string]core.Secret{}, locks: map[string]chan struct{}{}}
	opts.Store, opts.StoreKey, opts.UI = c, "former", somebody(0)
	s := core.New("api", f, &opts)
	require.NoError(t, s.Init(t.Context()))
	require.NoError(t, s.Close(t.Context()))
	require.Equal(t, "former", c.has())
	c.steps, c.lost = nil, false
	return c
}

func withFormerKey(c *cabinet) *core.Options {
	return &core.Options{Store: c, StoreKey: "new", StoreFormerKey: "former", StoreScope: "acme"}
}

func TestFormerKeyIsMovedOnce(t *testing.T) {
	for name, c := range map[string]struct {
		wait  time.Duration // since the credential was saved
		token string
	}{
		"fresh":   {time.Minute, "t1"},
		"expired": {2 * time.Hour, "t2"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &family{life: time.Hour}
				store := withFormer(t, f, core.Options{})
				time.Sleep(c.wait)
				s := core.New("api", f, withFormerKey(store))
				require.NoError(t, s.Init(t.Context()))
				require.Equal(t, c.token, bearing(t, s))
				require.Equal(t, "new", store.has())
				require.False(t, store.lost)
				require.Equal(t, []string{
					"load new", "lock new", "load new", "load former", "lock former", "load former",
					"save new", "delete former", "load new",
				}, store.steps[:9])
				require.NoError(t, s.Close(t.Context()))

				// Afterwards the former key is not looked at.
				store.steps = nil
				require.NoError(t, core.New("api", f, withFormerKey(store)).Init(t.Context()))
				require.Equal(t, []string{"load new"}, store.steps)
				require.Equal(t, 1, f.signIns)
			})
		})
	}
}

func TestFormerKeyOfTwoSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &family{life: time.Hour}
		store := withFormer(t, f, core.Options{})
		store.before = func(ctx context.Context, _ string) error {
			time.Sleep(10 * time.Millisecond) // every step is seen by the other session
			return nil
		}
		time.Sleep(2 * time.Hour)
		var wait sync.WaitGroup
		for range 2 {
			wait.Go(func() {
				s := core.New("api", f, withFormerKey(store))
				require.NoError(t, s.Init(t.Context()))
				require.Equal(t, "t2", bearing(t, s))
			})
		}
		wait.Wait()
		require.Equal(t, "new", store.has())
		require.Equal(t, 1, strings.Count(fmt.Sprint(store.steps), "delete former"))
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 1}, [2]int{signIns, renewals},
			"the refresh token was presented once")
	})
}

// A store that fails while the record is moved loses nothing, and delays the
// session within its limit.
func TestFormerKeyFaults(t *testing.T) {
	fails := func(context.Context) error {
		return core.Errorf(core.CodeUnavailable, "the disk is full")
	}
	panics := func(context.Context) error { panic("x") }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	sleeps := func(context.Context) error {
		time.Sleep(time.Minute)
		return core.Errorf(core.CodeUnavailable, "late")
	}
	for step, want := range map[string]struct {
		has string // after the Init with the fault
		err error  // of that Init; nil: the credential was taken
	}{
		"load former":   {"former", core.CodeInteractive},
		"load former 2": {"former", core.CodeInteractive},
		"lock former":   {"former", core.CodeInteractive},
		"save new":      {"former", core.CodeInteractive},
		"delete former": {"both", nil},
		"load new 3":    {"new", core.CodeUnavailable},
	} {
		for how, fault := range map[string]func(context.Context) error{
			"fails": fails, "panics": panics, "hangs": hangs, "sleeps": sleeps,
		} {
			t.Run(step+" "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := &family{life: time.Hour}
					store, log := withFormer(t, f, core.Options{}), &safeText{}
					var times sync.Map
					var healthy atomic.Bool
					store.before = func(ctx context.Context, op string) error {
						n, _ := times.LoadOrStore(op, new(atomic.Int32))
						count := n.(*atomic.Int32).Add(1)
						if op != step && fmt.Sprint(op, " ", count) != step || healthy.Load() {
							return nil
						}
						return fault(ctx)
					}
					opts := withFormerKey(store)
					opts.Logger = slog.New(slog.NewTextHandler(log, nil))
					s := core.New("api", f, opts)
					began := time.Now()
					err := s.Init(t.Context())
					require.LessOrEqual(t, time.Since(began), 10*time.Second+200*time.Millisecond)
					if want.err != nil {
						require.ErrorIs(t, err, want.err)
					} else {
						require.NoError(t, err)
						require.Equal(t, "t1", bearing(t, s))
					}
					if step != "load new 3" {
						require.Contains(t, log.String(),
							"session could not move its stored credential from its former key")
					}
					require.Equal(t, want.has, store.has())

					// Once the store is well, the credential is there.
					time.Sleep(2 * time.Minute)
					healthy.Store(true)
					require.NoError(t, s.Init(t.Context()))
					require.Equal(t, "t1", bearing(t, s))
					require.False(t, store.lost)
					require.Contains(t, []string{"new", "both"}, store.has())
					require.Equal(t, 1, f.signIns)

					require.NoError(t, s.SignOut(t.Context()))
					require.Empty(t, store.has())
				})
			})
		}
	}
}

// safeText collects a log.
type safeText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *safeText) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *safeText) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// A record of the former key that is another session's stays there; SignOut
// leaves it, too.
func TestFormerKeyOfAnotherSession(t *testing.T) {
	base := core.Options{
		Kind:        "oauth2",
		Environment: core.QA,
		Origins:     []string{"https://api.example.com"},
	}
	for name, c := range map[string]struct {
		change func(o *core.Options) // of what the earlier version had
		moved  bool
	}{
		"the same":    {func(*core.Options) {}, true},
		"same scope":  {func(o *core.Options) { o.StoreScope = "acme" }, true},
		"other scope": {func(o *core.Options) { o.StoreScope = "other" }, false},
		"other kind":  {func(o *core.Options) { o.Kind = "basic" }, false},
		"environment": {func(o *core.Options) { o.Environment = core.Prod }, false},
		"other origins": {
			func(o *core.Options) { o.Origins = []string{"https://other.example"} }, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, opts := &family{life: time.Hour}, base
				c.change(&opts)
				store := withFormer(t, f, opts)
				now := base
				now.Store, now.StoreScope = store, "acme"
				now.StoreKey, now.StoreFormerKey = "new", "former"
				s := core.New("api", f, &now)
				err := s.Init(t.Context())
				if c.moved {
					require.NoError(t, err)
					require.Equal(t, "new", store.has())
					return
				}
				require.ErrorIs(t, err, core.CodeInteractive, "as if there were no former key")
				require.NoError(t, s.SignOut(t.Context()))
				require.NoError(t, core.New("api", f, &now).SignOut(t.Context()))
				require.Equal(t, "former", store.has())
				require.Zero(t, f.revocations.Load())
				require.NotContains(t, store.steps, "lock former", "a lock may leave a file")
			})
		})
	}
}

func TestSignOutEndsTheFormerKey(t *testing.T) {
	for name, c := range map[string]struct {
		use         bool
		text        string // what is under the former key; empty: the credential
		fault       string // a step that fails
		has         string
		revocations int
	}{
		"not used":          {false, "", "", "", 1},
		"used":              {true, "", "", "", 1},
		"a later version":   {false, `{"version":2,"id":"x"}`, "", "", 0},
		"not to be read":    {false, "", "load former", "former", 0},
		"not to be locked":  {false, "", "lock former", "former", 0},
		"not to be deleted": {false, "", "delete former", "former", 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &family{life: time.Hour}
				store := withFormer(t, f, core.Options{})
				if c.text != "" {
					store.values["former"] = core.NewSecret(c.text)
				}
				s := core.New("api", f, withFormerKey(store))
				if c.use {
					require.NoError(t, s.Init(t.Context()))
				}
				store.before = func(_ context.Context, step string) error {
					if step == c.fault {
						return core.Errorf(core.CodeUnavailable, "the disk is gone")
					}
					return nil
				}
				err := s.SignOut(t.Context())
				if c.fault != "" {
					require.ErrorContains(t, err, "the disk is gone")
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, c.has, store.has())
				require.EqualValues(t, c.revocations, f.revocations.Load())
				require.Empty(t, store.locks["former"], "the lock is free")
				require.Empty(t, store.locks["new"], "the lock is free")
			})
		})
	}
}

// Another process may move the record while this one signs out.
func TestSignOutWhileTheFormerKeyIsMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for delay := range 30 {
			f := &family{life: time.Hour}
			store := withFormer(t, f, core.Options{})
			store.before = func(context.Context, string) error {
				time.Sleep(10 * time.Millisecond)
				return nil
			}
			var wait sync.WaitGroup
			wait.Go(func() {
				time.Sleep(time.Duration(delay)*10*time.Millisecond + 5*time.Millisecond)
				_ = core.New("api", f, withFormerKey(store)).Init(t.Context())
			})
			time.Sleep(100 * time.Millisecond)
			require.NoError(t, core.New("api", f, withFormerKey(store)).SignOut(t.Context()))
			wait.Wait()
			require.Empty(t, store.has(), "after %d steps", delay)
			require.Positive(t, f.revocations.Load())
		}
	})
}

// A former key with nothing stored costs one look, and no lock.
func TestFormerKeyThatIsAbsent(t *testing.T) {
	for name, former := range map[string]string{
		"nothing there": "former", "the same key": "new", "none": "",
	} {
		t.Run(name, func(t *testing.T) {
			f := &family{life: time.Hour}
			store := &cabinet{values: map[string]core.Secret{}, locks: map[string]chan struct{}{}}
			opts := withFormerKey(store)
			opts.StoreFormerKey, opts.UI = former, somebody(0)
			s := core.New("api", f, opts)
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, "new", store.has())
			want := []string{"load new", "lock new", "load new", "save new"}
			if former == "former" {
				want = []string{"load new", "lock new", "load new", "load former", "save new"}
			}
			require.Equal(t, want, store.steps)
			require.NoError(t, s.SignOut(t.Context()))
			require.Empty(t, store.has())
		})
	}
}

// A session that is closed meanwhile leaves the record under one key.
func TestCloseWhileTheFormerKeyIsMoved(t *testing.T) {
	for delay := range 12 {
		synctest.Test(t, func(t *testing.T) {
			f := &family{life: time.Hour}
			store := withFormer(t, f, core.Options{})
			store.before = func(ctx context.Context, _ string) error {
				select {
				case <-time.After(10 * time.Millisecond):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			s := core.New("api", f, withFormerKey(store))
			var wait sync.WaitGroup
			wait.Go(func() { _ = s.Init(t.Context()) })
			time.Sleep(time.Duration(delay)*10*time.Millisecond + 5*time.Millisecond)
			require.NoError(t, s.Close(t.Context()))
			wait.Wait()
			require.Contains(t, []string{"former", "new"}, store.has(), "after %d steps", delay)
			require.False(t, store.lost)
			require.NoError(t, core.New("api", f, withFormerKey(store)).Init(t.Context()))
			require.Equal(t, "new", store.has())
			require.Equal(t, 1, f.signIns)
		})
	}
}

// What is stored under the session's key is not replaced, even if it has
// expired.
func TestFormerKeyBesideTheKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &family{life: time.Hour}
		store := withFormer(t, f, core.Options{})
		former := store.values["former"]
		opts := withFormerKey(store)
		opts.StoreFormerKey, opts.UI = "", somebody(0)
		require.NoError(t, core.New("api", f, opts).Init(t.Context()))
		time.Sleep(2 * time.Hour)
		s := core.New("api", f, withFormerKey(store))
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t3", bearing(t, s), "renewed with what t2 had")
		require.Equal(t, former, store.values["former"])
		require.False(t, f.revoked)
	})
}

// An earlier version of the program may still run, and holds the lock of its
// key while it renews or signs out.
func TestFormerKeyInUse(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(t *testing.T, s *core.Session)
		want      string // "": a person must sign in
	}{
		"renews": {
			func(t *testing.T, s *core.Session) { require.Equal(t, "t2", bearing(t, s)) }, "t2",
		},
		"signs out": {
			func(t *testing.T, s *core.Session) { require.NoError(t, s.SignOut(t.Context())) }, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &family{life: time.Hour}
				store := withFormer(t, f, core.Options{})
				old := core.New("api", f, &core.Options{Store: store, StoreKey: "former"})
				require.NoError(t, old.Init(t.Context()))
				time.Sleep(2 * time.Hour)
				var seen atomic.Bool
				store.before = func(_ context.Context, step string) error {
					if step == "lock former" && !seen.Swap(true) {
						c.meanwhile(t, old)
					}
					return nil
				}
				s := core.New("api", f, withFormerKey(store))
				err := s.Init(t.Context())
				require.False(t, f.revoked, "no refresh token was presented twice")
				if c.want == "" {
					require.ErrorIs(t, err, core.CodeInteractive)
					require.Empty(t, store.has())
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.want, bearing(t, s))
				require.Equal(t, "new", store.has())
			})
		})
	}
}
