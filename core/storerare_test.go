package core_test

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A session that is configured anew is as one of a program that is started
// anew: it takes up what is stored.
func TestReconfiguredSessionTakesUpWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		s := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		s.Reconfigure(f, &core.Options{Store: store, UI: somebody(0), Timeout: time.Second})
		synctest.Wait()
		require.Equal(t, "t1", bearing(t, s))
		time.Sleep(2 * time.Hour)
		require.Equal(t, "t2", bearing(t, s))
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 1}, [2]int{signIns, renewals})
	})
}

// Once a provider is over its time, the lock is another's: what it returns
// then does not take the place of what that one has saved.
func TestLateCredentialIsNotSavedOverAnothers(t *testing.T) {
	for name, another := range map[string]bool{"another has saved": true, "nobody has": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store := newShelf()
				var calls atomic.Int32
				p := core.ProviderFunc(
					func(context.Context, core.Request) (core.Credential, error) {
						c := bearer("timely")
						if calls.Add(1) == 1 {
							time.Sleep(time.Minute)
							c = bearer("late")
						}
						c.Expiry = time.Now().Add(time.Hour)
						return c, nil
					},
				)
				require.ErrorIs(t,
					core.New("api", p, &core.Options{Store: store}).Init(t.Context()),
					core.CodeUnavailable)
				want := "late"
				if another {
					want = "timely"
					require.NoError(t,
						core.New("api", p, &core.Options{Store: store}).Init(t.Context()))
				}
				time.Sleep(time.Minute)
				require.Contains(t, store.text("api"), "Bearer "+want)
			})
		})
	}
}

// slowDelete is a store that cannot save and needs half a second to delete.
type slowDelete struct{ *shelf }

func (s slowDelete) Delete(ctx context.Context, key string) error {
	select {
	case <-time.After(500 * time.Millisecond):
		return s.shelf.Delete(ctx, key)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A record whose refresh state is spent is removed even if the attempt has no time left: the
// removal delays no caller.
func TestSpentRecordIsRemovedByASlowStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newShelf()
		provider := core.ProviderFunc(
			func(_ context.Context, req core.Request) (core.Credential, error) {
				c := bearer("t")
				c.Expiry = time.Now().Add(time.Hour)
				c.RefreshState = core.NewSecret("r1")
				if !req.Previous.RefreshState.IsZero() {
					c.RefreshState = core.NewSecret("r2")
					time.Sleep(950 * time.Millisecond)
				}
				return c, nil
			})
		s := core.New("api", provider,
			&core.Options{Store: slowDelete{store}, Timeout: time.Second})
		require.NoError(t, s.Init(t.Context()))
		require.Contains(t, store.text("api"), "r1")
		time.Sleep(time.Hour)
		store.set(func() { store.saveErr = core.Errorf(core.CodeUnavailable, "the disk is full") })
		began := time.Now()
		require.Equal(t, "t", bearing(t, s))
		require.Less(t, time.Since(began), time.Second)
		time.Sleep(time.Second)
		require.Empty(t, store.text("api"))
	})
}

// A clock that was far ahead when a credential was saved does not keep it for
// years.
func TestStoredCredentialFromTheFuture(t *testing.T) {
	for ahead, want := range map[string]string{
		"2000-01-01T00:04:00Z": "old", "2004-01-01T00:00:00Z": "t1",
	} {
		synctest.Test(t, func(t *testing.T) {
			store := newShelf()
			store.values["api"] = core.NewSecret(
				`{"version":1,"id":"x","saved":"` + ahead + `",` +
					`"header":{"Authorization":"Bearer old"},"expiry":"2004-01-01T01:00:00Z"}`)
			s := core.New("api", &issuer{life: time.Hour}, &core.Options{Store: store})
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, want, bearing(t, s))
		})
	}
}

// odd is a store whose Load or unlock misbehaves.
type odd struct {
	*shelf
	load   func()
	unlock func()
}

func (o odd) Load(ctx context.Context, key string) (core.Secret, error) {
	if o.load != nil {
		o.load()
	}
	return o.shelf.Load(ctx, key)
}

func (o odd) Lock(context.Context, string) (func(), error) { return o.unlock, nil }

func TestStoreThatMisbehaves(t *testing.T) {
	for name, c := range map[string]struct {
		store odd
		want  string
	}{
		"no unlock":     {odd{}, ""},
		"unlock panics": {odd{unlock: func() { panic("x") }}, ""},
		"unlock hangs":  {odd{unlock: func() { time.Sleep(time.Hour) }}, ""},
		"load panics": {
			odd{load: func() { panic("x") }}, "the store: the call panicked (string)",
		},
		"load comes late": {
			odd{load: func() { time.Sleep(time.Minute) }},
			"the store: the call did not return in time",
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c.store.shelf = newShelf()
				err := core.New("api", &issuer{life: time.Hour}, &core.Options{Store: c.store}).
					Init(t.Context())
				if c.want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, core.CodeUnavailable)
					require.ErrorContains(t, err, c.want)
				}
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

func TestBytesThatAreNoTextAreNotStored(t *testing.T) {
	store := newShelf()
	p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		c := bearer("caf\xe9")
		c.Expiry = time.Now().Add(time.Hour)
		return c, nil
	})
	s := core.New("api", p, &core.Options{Store: store})
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, "caf\xe9", bearing(t, s))
	require.ErrorIs(t, s.Status().StoreError, core.CodeBadConfig)
	require.Empty(t, store.text("api"))
}

// stubborn is a store that neither saves nor deletes.
type stubborn struct{ *shelf }

func (stubborn) Delete(context.Context, string) error {
	return core.Errorf(core.CodeUnavailable, "the disk is gone")
}

// ended notes which refresh tokens were revoked.
type ended struct {
	family
	gone []string
}

func (e *ended) Revoke(_ context.Context, c core.Credential) error {
	e.gone = append(e.gone, c.RefreshState.Reveal())
	return nil
}

func TestSignOutRevokesWhatCouldNotBeSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &ended{family: family{life: time.Hour}}, newShelf()
		s := core.New("api", f, &core.Options{Store: stubborn{store}, UI: somebody(0)})
		require.NoError(t, s.Init(t.Context()))
		store.set(func() { store.saveErr = core.Errorf(core.CodeUnavailable, "the disk is gone") })
		time.Sleep(61 * time.Minute)
		require.Equal(t, "t2", bearing(t, s))
		require.ErrorContains(t, s.SignOut(t.Context()), "the disk is gone")
		require.Equal(t, []string{"r2"}, f.gone)
	})
}

func TestInputThatIsNil(t *testing.T) {
	opts := &core.Options{Inputs: map[string]*core.Session{"subject_token": nil}}
	require.ErrorIs(t, opts.Check(), core.CodeBadConfig)
	err := core.New("api", &issuer{}, opts).Init(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, `the input "subject_token" is nil`)
}

func TestNobodyIsAskedToSignInForATimerOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &family{life: time.Hour}
		login := core.New("login", f, &core.Options{UI: somebody(0)})
		s := core.New("api", &issuer{life: time.Hour}, &core.Options{
			KeepFresh: true, Inputs: map[string]*core.Session{"subject_token": login},
		})
		require.NoError(t, s.Init(t.Context()))
		f.mu.Lock()
		f.revoked = true
		f.mu.Unlock()
		time.Sleep(3 * time.Hour)
		signIns, _ := f.counts()
		require.Equal(t, 1, signIns)
		_, err := s.Credential(t.Context())
		require.NoError(t, err, "somebody is there now")
		signIns, _ = f.counts()
		require.Equal(t, 2, signIns)
		require.NoError(t, s.Close(t.Context()))
	})
}

func TestCloseDoesNotWaitForAnInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		login := core.New("login", &issuer{takes: 9 * time.Second, life: time.Minute}, nil)
		s := core.New("api", f, &core.Options{
			Store: store, UI: somebody(0),
			Inputs: map[string]*core.Session{"subject_token": login},
		})
		require.NoError(t, s.Init(t.Context()))
		time.Sleep(58 * time.Minute)
		require.Equal(t, "t1", bearing(t, s), "renewing behind the caller's back")
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, s.Close(t.Context()))
		require.Zero(t, time.Since(began))
		require.NoError(t, login.Close(t.Context()))
	})
}
