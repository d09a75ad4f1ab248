package core_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		s := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		ok, err := s.Restore(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "nothing is stored")
		require.Equal(t, core.StateNew, s.Status().State)
		require.NoError(t, s.Status().LastError, "that is no failure")
		require.NoError(t, s.Init(t.Context()))

		other := core.New("api", f, &core.Options{Store: store})
		ok, err = other.Restore(t.Context())
		require.NoError(t, err)
		require.True(t, ok)
		require.Equal(t, "t1", bearing(t, other))
		ok, err = other.Restore(t.Context())
		require.NoError(t, err)
		require.True(t, ok)

		time.Sleep(2 * time.Hour)
		late := core.New("api", f, &core.Options{Store: store})
		ok, err = late.Restore(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "it has expired, and nobody renews it")
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 0}, [2]int{signIns, renewals})

		store.set(
			func() { store.loadErr = core.Errorf(core.CodeUnavailable, "the keyring is locked") })
		_, err = late.Restore(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.NoError(t, late.Status().LastError)
		over, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = late.Restore(over)
		require.ErrorIs(t, err, context.Canceled)

		ok, err = core.New("x", &issuer{}, nil).Restore(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "there is no store")
	})
}

func TestStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		s := core.New("api", f, opts)
		got, err := s.Stored(t.Context())
		require.NoError(t, err)
		require.Nil(t, got, "nothing is stored")
		require.NoError(t, s.Init(t.Context()))
		expiry := s.Status().Expiry

		other := core.New("api", f, opts)
		got, err = other.Stored(t.Context())
		require.NoError(t, err)
		require.True(t, got.Expiry.Equal(expiry))
		require.True(t, got.Renewable)
		require.False(t, got.Refused)
		require.Equal(t, core.StateNew, other.Status().State, "it takes nothing")

		time.Sleep(2 * time.Hour)
		got, err = other.Stored(t.Context())
		require.NoError(t, err)
		require.True(t, got.Expiry.Equal(expiry), "it has expired, and is there")
		_, err = other.RejectStored(t.Context(), core.NewSecret("t1"))
		require.NoError(t, err)
		got, err = other.Stored(t.Context())
		require.NoError(t, err)
		require.True(t, got.Refused)
		signIns, renewals := f.counts()
		require.Equal(t, [2]int{1, 0}, [2]int{signIns, renewals}, "nobody is asked")

		renamed := core.New("api", f, &core.Options{Store: store, StoreScope: "new", StoreFormerKey: "api"})
		got, err = renamed.Stored(t.Context())
		require.NoError(t, err)
		require.NotNil(t, got, "it is under the former key")

		_, err = core.New("api", f, &core.Options{Store: store, Kind: "x"}).Stored(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, "it is another session's")
		store.set(func() { store.loadErr = core.Errorf(core.CodeUnavailable, "the keyring is locked") })
		_, err = other.Stored(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		got, err = core.New("x", &issuer{}, nil).Stored(t.Context())
		require.NoError(t, err)
		require.Nil(t, got, "there is no store")
	})
}

func TestRestoreBesideAnInit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour, takes: time.Second}
		s := core.New("api", p, nil)
		var wg sync.WaitGroup
		wg.Go(func() { require.NoError(t, s.Init(t.Context())) })
		synctest.Wait()
		ok, err := s.Restore(t.Context())
		require.NoError(t, err)
		require.True(t, ok, "it waits for the attempt under way")
		wg.Wait()
		require.NoError(t, s.Close(t.Context()))

		p.set(core.Errorf(core.CodeDenied, "no"))
		wg.Go(func() { require.ErrorIs(t, s.Init(t.Context()), core.CodeDenied) })
		synctest.Wait()
		ok, err = s.Restore(t.Context())
		require.NoError(t, err, "the outcome of an Init is not that of Restore")
		require.False(t, ok)
		wg.Wait()
	})
}

func TestRenew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour, takes: time.Second}
		s := core.New("api", p, nil)
		require.ErrorIs(t, s.Renew(t.Context()), core.CodeNotInitialized)
		require.NoError(t, s.Init(t.Context()))
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() { require.NoError(t, s.Renew(t.Context())) })
		}
		synctest.Wait()
		require.Equal(t, "t1", bearing(t, s), "the old one stays until the new one is there")
		wg.Wait()
		require.Equal(t, "t2", bearing(t, s), "one renewal for all")
		require.Equal(t, core.ReasonExpiring, p.last.Load().Reason)

		p.set(core.Errorf(core.CodeUnavailable, "down"))
		require.ErrorIs(t, s.Renew(t.Context()), core.CodeUnavailable)
		calls := p.calls.Load()
		require.ErrorIs(t, s.Renew(t.Context()), core.CodeUnavailable, "from memory")
		require.Equal(t, calls, p.calls.Load())
		require.Equal(t, "t2", bearing(t, s))
		require.NoError(t, s.Close(t.Context()))
		require.ErrorIs(t, s.Renew(t.Context()), core.CodeClosed)
	})
}

func TestSignInByCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0), AskOnlyOnSignIn: true}
		s := core.New("api", f, opts)
		require.ErrorIs(t, s.Init(t.Context()), core.CodeInteractive, "it does not ask by itself")
		require.NoError(t, s.SignIn(t.Context(), nil))
		require.Equal(t, "t1", bearing(t, s))
		require.NoError(t, s.SignIn(t.Context(), nil))
		signIns, _ := f.counts()
		require.Equal(t, 1, signIns, "nobody is asked who need not be")

		var wg sync.WaitGroup
		fresh := &core.SignInOptions{Fresh: true, UI: somebody(time.Minute)}
		wg.Go(func() { require.NoError(t, s.SignIn(t.Context(), fresh)) })
		time.Sleep(time.Second)
		require.Equal(t, "t1", bearing(t, s), "the old one stays")
		wg.Wait()
		require.Equal(t, "t2", bearing(t, s))
		require.Contains(t, store.text("api"), "Bearer t2")

		refuses := &core.UI{
			Show: func(context.Context, string) error { return core.Errorf(core.CodeDenied, "no") },
		}
		err := s.SignIn(t.Context(), &core.SignInOptions{Fresh: true, UI: refuses})
		require.ErrorIs(t, err, core.CodeDenied)
		require.Equal(t, "t2", bearing(t, s))
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, s.SignIn(t.Context(), nil), "what is stored will do")
		require.Equal(t, "t2", bearing(t, s))

		require.ErrorIs(t, core.New("x", f, nil).SignIn(t.Context(), nil), core.CodeBadConfig)
		require.ErrorIs(t, core.New("x", &unable{}, nil).SignIn(t.Context(), fresh),
			core.CodeInteractive)
	})
}

// unable signs nobody in.
type unable struct{ issuer }

func TestRejectStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		login := core.New("api", f, &core.Options{Store: store, UI: somebody(0)})
		require.NoError(t, login.Init(t.Context()))
		helper := core.New("api", f, &core.Options{Store: store})
		marked, err := helper.RejectStored(t.Context(), core.NewSecret("another"))
		require.NoError(t, err)
		require.False(t, marked)
		marked, err = helper.RejectStored(t.Context(), core.Secret{})
		require.NoError(t, err)
		require.False(t, marked)
		marked, err = helper.RejectStored(t.Context(), core.NewSecret("t1"))
		require.NoError(t, err)
		require.True(t, marked)
		ok, err := helper.Restore(t.Context())
		require.NoError(t, err)
		require.False(t, ok, "what is marked is not taken")
		require.NoError(t, helper.Init(t.Context()))
		require.Equal(t, "t2", bearing(t, helper), "it was renewed")

		marked, err = helper.RejectStored(t.Context(), core.NewSecret("t2"))
		require.NoError(t, err)
		require.True(t, marked)
		time.Sleep(time.Minute)
		_, spent := f.counts()
		require.Equal(t, 1, spent, "the program may end, and leave no renewal unfinished")
		require.Equal(t, "t3", bearing(t, helper), "a session that uses it drops it, too")
		_, err = core.New("x", f, nil).RejectStored(t.Context(), core.NewSecret("t1"))
		require.ErrorIs(t, err, core.CodeBadConfig)
		store.lock = core.Errorf(core.CodeUnavailable, "held")
		_, err = helper.RejectStored(t.Context(), core.NewSecret("t3"))
		require.ErrorIs(t, err, core.CodeUnavailable)
	})
}

func TestViews(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &issuer{life: time.Hour}
		s := core.New("api", p, nil)
		need := s.For(core.Need{MinValidity: 30 * time.Minute})
		_, err := need.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeNotInitialized)
		require.NoError(t, s.Init(t.Context()))
		for _, step := range []struct {
			after time.Duration
			want  string
		}{{0, "t1"}, {29 * time.Minute, "t1"}, {2 * time.Minute, "t2"}, {time.Minute, "t2"}} {
			time.Sleep(step.after)
			c, err := need.Credential(t.Context())
			require.NoError(t, err)
			require.Equal(t, step.want, token(c))
		}
		req, err := http.NewRequest(http.MethodGet, "https://api.example.com/", nil)
		require.NoError(t, err)
		require.NoError(t, need.Authorize(t.Context(), req))
		require.Equal(t, "Bearer t2", req.Header.Get("Authorization"))

		_, err = s.For(core.Need{MinValidity: 2 * time.Hour}).Credential(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "live for 1h0m0s")
		require.EqualValues(t, 2, p.calls.Load(), "a need that cannot be met renews nothing")
		_, err = s.For(core.Need{}).Credential(t.Context())
		require.NoError(t, err)
		require.NoError(t, s.Close(t.Context()))
		_, err = need.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeClosed)
	})
}

func TestViewOfAnAPI(t *testing.T) {
	var got seen
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		if r.Header.Get("Authorization") == "Bearer t1" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	p := &issuer{life: time.Hour}
	s := ready(t, p, nil)
	resp, err := s.For(core.Need{MinValidity: time.Minute}).Client().Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, 2, got.count(), "a refusal renews and repeats")
}
