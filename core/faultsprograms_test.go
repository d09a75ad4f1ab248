package core_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A call that Close overtakes does not make the session ready again: it returns
// Closed, as Init does.
func TestCloseOvertakesProgramsCalls(t *testing.T) {
	ui := somebody(time.Second)
	for name, call := range map[string]func(context.Context, *core.Session) error{
		"Init":   func(ctx context.Context, s *core.Session) error { return s.Init(ctx) },
		"SignIn": func(ctx context.Context, s *core.Session) error { return s.SignIn(ctx, nil) },
		"SignIn Fresh": func(ctx context.Context, s *core.Session) error {
			return s.SignIn(ctx, &core.SignInOptions{Fresh: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &issuer{}
				p.set(core.Errorf(core.CodeUnavailable, "down"))
				s := core.New("api", p, &core.Options{UI: ui})
				require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
				require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
				var wg sync.WaitGroup
				wg.Go(func() {
					require.ErrorIs(t, call(t.Context(), s), core.CodeClosed,
						"it waits for the back-off")
				})
				synctest.Wait()
				p.set(nil)
				calls := p.calls.Load()
				require.NoError(t, s.Close(t.Context()))
				wg.Wait()
				require.Equal(t, core.StateClosed, s.Status().State)
				require.Equal(t, calls, p.calls.Load())
			})
		})
	}
	t.Run("Restore", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, store := &family{life: time.Hour}, newShelf()
			opts := &core.Options{Store: store, UI: ui}
			require.NoError(t, core.New("api", f, opts).Init(t.Context()))
			time.Sleep(2 * time.Hour)
			f.takes = time.Second
			s := core.New("api", f, opts)
			var wg sync.WaitGroup
			wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeClosed) })
			synctest.Wait()
			wg.Go(func() {
				_, err := s.Restore(t.Context())
				require.ErrorIs(t, err, core.CodeClosed)
			})
			synctest.Wait()
			require.NoError(t, s.Close(t.Context()))
			wg.Wait()
			require.Equal(t, core.StateClosed, s.Status().State)
		})
	})
}

// A credential that was taken from the store says nothing about how long new ones
// live.
func TestViewOfARestoredCredential(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		require.NoError(t, core.New("api", f, opts).Init(t.Context()))
		time.Sleep(50 * time.Minute)
		s := core.New("api", f, opts)
		require.NoError(t, s.Init(t.Context()))
		c, err := s.For(core.Need{MinValidity: 30 * time.Minute}).Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t2", token(c))
		_, err = s.For(core.Need{MinValidity: 2 * time.Hour}).Credential(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
	})
}

// What another process saved may not meet the need either: it is renewed then.
func TestViewBesideAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		s, other := core.New("api", f, opts), core.New("api", f, opts)
		require.NoError(t, s.Init(t.Context()))
		require.NoError(t, other.Init(t.Context()))
		time.Sleep(10 * time.Minute)
		require.NoError(t, other.Renew(t.Context()))
		time.Sleep(35 * time.Minute)
		c, err := s.For(core.Need{MinValidity: 30 * time.Minute}).Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, "t3", token(c))
	})
}

// A need that only a credential of this moment meets is not a renewal for each
// request.
func TestViewWhoseNeedIsTheWholeLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := ready(t, p, nil)
		v := s.For(core.Need{MinValidity: time.Hour - time.Microsecond})
		for range 100 {
			time.Sleep(time.Millisecond)
			_, _ = v.Credential(t.Context())
		}
		require.LessOrEqual(t, p.calls.Load(), int64(3))
	})
}

// A view whose need cannot be met asks once for all callers.
func TestViewOfManyCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		require.NoError(t, core.New("api", f, opts).Init(t.Context()))
		time.Sleep(50 * time.Minute)
		s := core.New("api", f, opts)
		require.NoError(t, s.Init(t.Context()))
		v := s.For(core.Need{MinValidity: 2 * time.Hour})
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				_, err := v.Credential(t.Context())
				require.ErrorIs(t, err, core.CodeBadConfig)
			})
		}
		wg.Wait()
		_, renewals := f.counts()
		require.LessOrEqual(t, renewals, 1)
	})
}

// An Observe that ends its goroutine gets the next event all the same.
func TestObserveThatEndsItsGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var kinds []core.EventType
		s := core.New("api", &issuer{}, &core.Options{Observe: func(ev core.Event) {
			kinds = append(kinds, ev.Type)
			runtime.Goexit()
		}})
		require.NoError(t, s.Init(t.Context()))
		synctest.Wait()
		require.NoError(t, s.Renew(t.Context()))
		synctest.Wait()
		require.NoError(t, s.Close(t.Context()))
		synctest.Wait()
		require.Equal(t,
			[]core.EventType{core.EventAuthenticated, core.EventAuthenticated, core.EventClosed},
			kinds)
	})
}

// slowShelf saves slowly, whatever its context says.
type slowShelf struct {
	*shelf
	takes time.Duration
}

func (s slowShelf) Save(ctx context.Context, key string, value core.Secret) error {
	time.Sleep(s.takes)
	return s.shelf.Save(ctx, key, value)
}

// A caller that leaves while its record is marked does not release the lock: the
// mark would replace what another process saves.
func TestRejectStoredWhoseCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		other := core.New("api", f, opts)
		require.NoError(t, other.Init(t.Context()))
		helper := core.New("api", f, &core.Options{Store: slowShelf{store, 2 * time.Second}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = helper.RejectStored(ctx, core.NewSecret("t1")) })
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, other.Renew(t.Context()))
		wg.Wait()
		time.Sleep(time.Minute)
		require.Contains(t, store.text("api"), "Bearer t2")
	})
}

// lateLock is a store whose lock ignores its context, and whose unlock panics.
type lateLock struct{ *shelf }

func (lateLock) Lock(context.Context, string) (func(), error) {
	time.Sleep(time.Minute)
	return func() { panic("the store is broken") }, nil
}

// A lock that comes when nobody waits for it is released, and a panic there ends
// nothing else.
func TestLateLockWhoseUnlockPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := core.New("api", &issuer{life: time.Hour}, &core.Options{Store: lateLock{newShelf()}})
		require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
		time.Sleep(2 * time.Minute)
	})
}

// A secret that is stored under the former key is refused, too.
func TestRejectStoredUnderTheFormerKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &family{life: time.Hour}
		store := &cabinet{values: map[string]core.Secret{}, locks: map[string]chan struct{}{}}
		old := core.New("api", f, &core.Options{Store: store, UI: somebody(0), StoreKey: "old"})
		require.NoError(t, old.Init(t.Context()))
		s := core.New("api", f, &core.Options{Store: store, StoreFormerKey: "old"})
		marked, err := s.RejectStored(t.Context(), core.NewSecret("t1"))
		require.NoError(t, err)
		require.True(t, marked)
		require.NoError(t, s.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, s))
	})
}
