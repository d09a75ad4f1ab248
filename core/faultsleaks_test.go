package core_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// A client of a session that is closed and initialised many times leaves neither
// goroutines nor connections.
func TestManyLivesOfASession(t *testing.T) {
	srv, open, _ := counting(t, false)
	s := core.New("api", trusting(srv), &core.Options{KeepFresh: true})
	client := s.Client()
	before := runtime.NumGoroutine()
	for range 100 {
		require.NoError(t, s.Init(t.Context()))
		resp, err := client.Get(srv.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NoError(t, s.Close(t.Context()))
	}
	requireNone(t, open)
	require.Eventually(t, func() bool { return runtime.NumGoroutine() <= before+5 },
		20*time.Second, 10*time.Millisecond)
}

// Blocks, Close, SignIn and Reconfigure at the same time end, and the session is
// closed after a last Close.
func TestEverythingAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Minute, takes: 10 * time.Millisecond}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(time.Millisecond), KeepFresh: true}
		s := core.New("api", f, opts)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		for i, act := range []func(){
			func() { _ = s.SignIn(ctx, &core.SignInOptions{Fresh: true}) },
			func() { _ = s.SignIn(ctx, nil) },
			func() { _ = s.Close(ctx) },
			func() { _ = s.SignOut(ctx) },
			func() { _, _ = s.Restore(ctx) },
			func() { _ = s.Renew(ctx) },
			func() { s.Reconfigure(f, opts) },
			func() { _, _ = s.RejectStored(ctx, core.NewSecret("t1")) },
			func() { _ = core.Do(ctx, s, func(ctx context.Context) error { return s.Init(ctx) }) },
			func() { _, _ = s.For(core.Need{MinValidity: 50 * time.Second}).Credential(ctx) },
		} {
			wg.Go(func() {
				for ctx.Err() == nil {
					act()
					time.Sleep(time.Duration(i+1) * 7 * time.Millisecond)
				}
			})
		}
		time.Sleep(20 * time.Second)
		cancel()
		wg.Wait()
		require.NoError(t, s.SignOut(t.Context()))
		time.Sleep(10 * time.Minute)
		require.Equal(t, core.StateClosed, s.Status().State)
		require.Empty(t, store.text("api"))
		require.Empty(t, store.turn, "the lock is free")
	})
}

// lateShelf deletes and saves slowly, whatever its context says.
type lateShelf struct{ slowShelf }

func (s lateShelf) Delete(ctx context.Context, key string) error {
	time.Sleep(s.takes)
	return s.shelf.Delete(ctx, key)
}

// A SignOut whose caller leaves does not release the lock before the store has
// answered: it would delete what another process saves.
func TestSignOutWhoseCallerLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, store := &family{life: time.Hour}, newShelf()
		opts := &core.Options{Store: store, UI: somebody(0)}
		require.NoError(t, core.New("api", f, opts).Init(t.Context()))
		slow := core.New("api", f,
			&core.Options{Store: lateShelf{slowShelf{store, 2 * time.Second}}})
		_, err := slow.Restore(t.Context())
		require.NoError(t, err)
		other := core.New("api", f, opts)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_ = slow.SignOut(ctx)
		require.Less(t, time.Since(began), 1500*time.Millisecond)
		require.NoError(t, other.SignIn(t.Context(), &core.SignInOptions{Fresh: true}))
		time.Sleep(time.Minute)
		require.Contains(t, store.text("api"), "Bearer t2")
	})
}

// An answer with a hostile challenge is read in a moment.
func TestHugeChallenges(t *testing.T) {
	var line string
	for len(line) < 200_000 {
		line += `Bearer a="\",b=,,, = ` + "\t" + `Bearer ====, `
	}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("WWW-Authenticate", line)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	s := ready(t, &issuer{}, nil)
	began := time.Now()
	resp, err := s.Client().Get(srv.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Less(t, time.Since(began), hangBound)
}
