package config_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/stretchr/testify/require"
)

const before = `
default: a
sessions:
  a: {provider: apikey, settings: {key: one}}
  b: {provider: apikey, settings: {key: "${file:b.secret}"}}
  c: {provider: apikey, settings: {key: three}}
`

const after = `
default: d
sessions:
  a: {provider: apikey, settings: {key: one}}
  b: {provider: apikey, settings: {key: "${file:b.secret}"}}
  d: {provider: apikey, settings: {key: four}}
`

func TestReload(t *testing.T) {
	ctx := context.Background()
	opts := options(t, "a.yaml", before)
	dir := filepath.Dir(opts.Files[0])
	write(t, dir, "b.secret", "two")
	cfg := load(t, opts)
	s := map[string]*core.Session{}
	for name, want := range map[string]string{"a": "one", "b": "two", "c": "three"} {
		s[name], _ = cfg.Session(name)
		require.Equal(t, "X-API-Key "+want, header(t, cfg, name))
	}
	count := func(name string) uint64 { return s[name].Status().Authentications }

	// Faulty: nothing changes, not even what is good in it.
	write(t, dir, "a.yaml", after+"  e: {provider: apikey}\n")
	require.ErrorIs(t, cfg.Reload(ctx), core.CodeBadConfig)
	require.Equal(t, []string{"a", "b", "c"}, cfg.Registry().Names())
	require.Equal(t, "a", cfg.Default())

	write(t, dir, "a.yaml", after)
	write(t, dir, "b.secret", "zwei")
	require.NoError(t, cfg.Reload(ctx))
	require.Equal(t, []string{"a", "b", "d"}, cfg.Registry().Names())
	for _, name := range []string{"a", "b"} {
		same, err := cfg.Session(name)
		require.NoError(t, err)
		require.Same(t, s[name], same)
	}
	require.Equal(t, uint64(1), count("a"))
	require.Equal(t, core.StateClosed, s["c"].Status().State)
	require.Eventually(t, func() bool { return header(t, cfg, "b") == "X-API-Key zwei" },
		5*time.Second, time.Millisecond)
	current, err := opts.Scope.Current(ctx)
	require.NoError(t, err)
	d, _ := cfg.Session("d")
	require.Same(t, d, current)

	own := core.New("own", nil, nil)
	opts.Scope.SetCurrent(own)
	write(t, dir, "a.yaml", "sessions: {}\n")
	require.NoError(t, cfg.Reload(ctx))
	require.Empty(t, cfg.Registry().Names())
	require.False(t, opts.Scope.RemoveCurrent(d), "the default is current no longer")
	require.Same(t, own, opts.Scope.SetCurrent(nil), "what the program has set stays")

	require.NoError(t, cfg.Close(ctx))
	require.ErrorIs(t, cfg.Reload(ctx), core.CodeClosed)
}

// TestReloadUnderLoad changes settings while requests go on: none fails, and
// none goes without a key.
func TestReloadUnderLoad(t *testing.T) {
	ctx := context.Background()
	var bare atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "X-API-Key key-") {
			bare.Add(1)
		}
	}))
	defer server.Close()
	text := func(i int) string {
		return fmt.Sprintf(
			"sessions:\n  same: {provider: apikey, settings: {key: key-0}}\n"+
				"  changing: {provider: apikey, lazy: true, settings: {key: key-%d}}\n"+
				"  extra%d: {provider: apikey, settings: {key: x}}\n",
			i, i)
	}
	opts := options(t, "a.yaml", text(0))
	cfg := load(t, opts)
	header(t, cfg, "same")
	ctx, cancel := context.WithCancel(ctx)
	var wait sync.WaitGroup
	var requests, failed atomic.Int64
	for _, name := range []string{"same", "changing", "same", "changing"} {
		wait.Go(func() {
			for ctx.Err() == nil {
				s, err := cfg.Session(name)
				if err != nil {
					failed.Add(1)
					continue
				}
				resp, err := s.Client().Get(server.URL)
				if requests.Add(1); err != nil || resp.StatusCode != http.StatusOK {
					failed.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	for i := 1; i <= 20; i++ {
		goal := requests.Load() + 20
		require.NoError(t, os.WriteFile(opts.Files[0], []byte(text(i)), 0o600))
		require.NoError(t, cfg.Reload(ctx))
		require.Eventually(t, func() bool { return requests.Load() >= goal }, 10*time.Second,
			time.Millisecond)
	}
	cancel()
	wait.Wait()
	require.Zero(t, failed.Load())
	require.Zero(t, bare.Load())
	same, _ := cfg.Session("same")
	require.Equal(t, uint64(1), same.Status().Authentications)
}

func TestWatch(t *testing.T) {
	opts := options(t, "a.yaml", before)
	dir := filepath.Dir(opts.Files[0])
	write(t, dir, "b.secret", "two")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		outcomes := make(chan error, 9)
		opts.Interval = time.Second
		opts.OnReload = func(err error) { outcomes <- err }
		opts.Session.Logger = slog.New(slog.NewTextHandler(&log, nil))
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { cfg.Watch(ctx); close(done) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() } // the bubble's clock

		pass(10 * time.Second)
		require.Empty(t, outcomes)

		// A change counts when two looks agree; a file is replaced as editors
		// and Kubernetes do.
		next := write(t, dir, "next", after)
		require.NoError(t, os.Rename(next, opts.Files[0]))
		pass(time.Second)
		require.Empty(t, outcomes)
		pass(time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, []string{"a", "b", "d"}, cfg.Registry().Names())

		// So does a file that a reference names.
		write(t, dir, "b.secret", "zwei")
		pass(2 * time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, "X-API-Key zwei", header(t, cfg, "b"))

		// What is faulty is reported once, and what is missing is awaited.
		require.NoError(t, os.Remove(filepath.Join(dir, "b.secret")))
		pass(20 * time.Second)
		require.Len(t, outcomes, 1)
		require.ErrorContains(t, <-outcomes,
			`sessions.b.settings.key: the file "b.secret" does not exist`)
		require.Equal(t, "X-API-Key zwei", header(t, cfg, "b"))
		write(t, dir, "b.secret", "canary")
		pass(2 * time.Second)
		require.Len(t, outcomes, 1)
		require.NoError(t, <-outcomes)

		cancel()
		<-done
		synctest.Wait() // sessions log after their callers have returned
		require.Contains(t, log.String(), "the configuration has faults; the sessions stay as they were")
		require.Contains(t, log.String(), "the configuration was loaded again")
		require.NotContains(t, log.String(), "canary")

		// Closing ends a watch too.
		go cfg.Watch(t.Context())
		require.NoError(t, cfg.Close(t.Context()))
		write(t, dir, "b.secret", "more")
		pass(5 * time.Second)
		require.Empty(t, outcomes)
	})
}
