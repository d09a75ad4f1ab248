package core_test

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func TestStoreFaults(t *testing.T) {
	denied := core.Errorf(core.CodeBadConfig, "folder %q may not be written", "x")
	setup := func(t *testing.T, ui bool) (*family, *shelf, *core.Session, *safeText) {
		f, store, log := &family{life: time.Hour}, newShelf(), &safeText{}
		opts := &core.Options{Store: store, Logger: slog.New(slog.NewTextHandler(log, nil))}
		if ui {
			opts.UI = somebody(0)
		}
		return f, store, core.New("api", f, opts), log
	}
	t.Run("no lock: nobody is asked", func(t *testing.T) {
		f, store, s, _ := setup(t, true)
		store.lock = denied
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, `the store: folder "x" may not be written`)
		require.Zero(t, f.signIns)
	})
	t.Run("not to be read: nobody is asked", func(t *testing.T) {
		f, store, s, _ := setup(t, true)
		store.loadErr = core.Errorf(core.CodeUnavailable, "the keyring is locked")
		require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
		require.Zero(t, f.signIns)
	})
	t.Run("damaged: said, and asked anew", func(t *testing.T) {
		_, store, s, log := setup(t, true)
		store.loadErr = core.Errorf(core.CodeUnavailable, "file x: %w", core.ErrDamaged)
		require.NoError(t, s.Init(t.Context()))
		require.Contains(t, log.String(), "session found its stored credential damaged")
	})
	for name, text := range map[string]string{
		"no JSON": "{", "no record": `{"version":1}`, "version 0": `{"id":"x"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, store, s, log := setup(t, true)
			store.values["api"] = core.NewSecret(text)
			require.NoError(t, s.Init(t.Context()))
			require.Contains(t, log.String(), "damaged")
		})
	}
	t.Run("not saved: used, said, and saved at the end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, store, s, log := setup(t, true)
			require.NoError(t, s.Init(t.Context()))
			time.Sleep(61 * time.Minute)
			store.set(
				func() { store.saveErr = core.Errorf(core.CodeUnavailable, "the disk is full") })
			require.Equal(t, "t2", bearing(t, s))
			require.ErrorContains(t, s.Status().StoreError, "the disk is full")
			require.Contains(t, log.String(), "session could not save its credential")
			synctest.Wait()
			require.Empty(t, store.text("api"), "what is spent is not left for others")
			require.ErrorContains(t, s.Close(t.Context()), "the disk is full")
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, 2, f.signIns, "one sign-in is lost")
			store.set(func() { store.saveErr = nil })
			require.NoError(t, s.Close(t.Context()))
			require.NotEmpty(t, store.text("api"))
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, 2, f.signIns)
			require.NoError(t, s.Status().StoreError)
		})
	})
	t.Run("nothing to spend: a session in use goes on", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			store, p := newShelf(), &issuer{life: time.Hour}
			s := core.New("api", p, &core.Options{Store: store})
			store.lock = denied
			require.ErrorIs(t, s.Init(t.Context()), core.CodeBadConfig,
				"at the beginning it is told")
			require.Zero(t, p.calls.Load())
			store.lock = nil
			time.Sleep(time.Minute)
			require.NoError(t, s.Init(t.Context()))
			store.lock = denied
			time.Sleep(2 * time.Hour)
			require.Equal(t, "t2", bearing(t, s))
			require.ErrorContains(t, s.Status().StoreError, "may not be written")
			store.lock = nil
			time.Sleep(2 * time.Hour)
			require.Equal(t, "t3", bearing(t, s))
			require.NoError(t, s.Status().StoreError)
			require.NoError(t, s.Close(t.Context()))
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, "t3", bearing(t, s))
		})
	})
	t.Run("something to spend: it waits for the store", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, store, s, _ := setup(t, true)
			require.NoError(t, s.Init(t.Context()))
			store.lock = denied
			time.Sleep(2 * time.Hour)
			_, err := s.Credential(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.Equal(t, 1, f.current)
			store.lock = nil
			time.Sleep(time.Minute)
			require.Equal(t, "t2", bearing(t, s))
		})
	})
	t.Run("a store that hangs", func(t *testing.T) {
		f, store, s, _ := setup(t, false)
		store.hangs = true
		s.Reconfigure(f, &core.Options{Store: store, Timeout: 50 * time.Millisecond})
		err := s.Init(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorContains(t, err, "lock is held elsewhere")
	})
	t.Run("the server is down: what is stale will do", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			f, store, s, _ := setup(t, true)
			require.NoError(t, s.Init(t.Context()))
			require.NoError(t, s.Close(t.Context()))
			time.Sleep(57 * time.Minute)
			f.down = true
			require.NoError(t, s.Init(t.Context()))
			require.Equal(t, "t1", bearing(t, s))
			_ = store
		})
	})
}
