package core_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func current(t *testing.T, c *core.Scope, ctx context.Context) string {
	t.Helper()
	s, err := c.Current(ctx)
	if err != nil {
		require.ErrorIs(t, err, core.CodeNotInitialized)
		return ""
	}
	return s.Name()
}

func TestScopeNesting(t *testing.T) {
	var c, other core.Scope
	a, b, g := core.New(
		"a",
		fixed(bearer("a")),
		nil,
	), core.New(
		"b",
		fixed(bearer("b")),
		nil,
	), core.New(
		"g",
		fixed(bearer("g")),
		nil,
	)
	ctx := t.Context()
	require.Empty(t, current(t, &c, ctx))
	require.Nil(t, c.SetCurrent(g))
	require.Equal(t, "g", current(t, &c, ctx))
	var wg sync.WaitGroup
	wg.Go(func() { require.Equal(t, "g", current(t, &c, context.Background()), "every goroutine sees it") })
	wg.Wait()

	err := c.Do(ctx, a, func(ctx context.Context) error {
		require.Equal(t, "a", current(t, &c, ctx))
		require.Empty(t, current(t, &other, ctx), "scopes are apart")
		require.Equal(t, "g", current(t, &c, context.Background()), "a scope goes with its context")
		wg.Go(func() { require.Equal(t, "a", current(t, &c, ctx)) })
		wg.Wait()
		return c.Do(ctx, b, func(inner context.Context) error {
			require.Equal(t, "b", current(t, &c, inner))
			require.Equal(t, "a", current(t, &c, ctx))
			require.True(t, a.Status().State.Ready())
			return nil
		})
	})
	require.NoError(t, err)
	require.Equal(t, "g", current(t, &c, ctx))
	require.Equal(t, core.StateClosed, a.Status().State)
	require.Equal(t, ctx, c.With(ctx, nil), "nothing to set")
	require.Same(t, g, c.SetCurrent(nil))
}

func TestDo(t *testing.T) {
	boom := errors.New("boom")
	var c core.Scope
	t.Run("does not close what was initialised before", func(t *testing.T) {
		s := ready(t, fixed(bearer("a")), nil)
		require.ErrorIs(t, c.Do(t.Context(), s, func(context.Context) error { return boom }), boom)
		require.True(t, s.Status().State.Ready())
	})
	t.Run("closes after a panic", func(t *testing.T) {
		s := core.New("a", fixed(bearer("a")), nil)
		require.Panics(t, func() { _ = c.Do(t.Context(), s, func(context.Context) error { panic("x") }) })
		require.Equal(t, core.StateClosed, s.Status().State)
	})
	t.Run("closes although the context is over", func(t *testing.T) {
		p := &revoking{issuer: issuer{life: time.Hour}}
		s := core.New("a", p, nil)
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, c.Do(ctx, s, func(context.Context) error { cancel(); return nil }))
		require.Equal(t, []string{"t1"}, p.revoked)
	})
	t.Run("a failed entry changes nothing", func(t *testing.T) {
		p := &issuer{}
		p.set(core.Errorf(core.CodeDenied, "no"))
		s := core.New("a", p, nil)
		g := core.New("g", fixed(bearer("g")), nil)
		c.SetCurrent(g)
		require.ErrorIs(
			t,
			c.Do(t.Context(), s, func(context.Context) error { t.Fatal("ran"); return nil }),
			core.CodeDenied,
		)
		require.ErrorIs(t, c.Use(t.Context(), s), core.CodeDenied)
		require.Equal(t, "g", current(t, &c, t.Context()))
		require.Equal(t, core.StateNew, s.Status().State)
		require.NoError(t, c.Use(t.Context(), ready(t, fixed(bearer("h")), nil)))
		require.Equal(t, "api", current(t, &c, t.Context()))
	})
	t.Run("of several blocks the last one closes", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Hour, takes: time.Second}
			s := core.New("a", p, nil)
			var wg sync.WaitGroup
			for i := range 20 {
				wg.Go(func() {
					require.NoError(t, c.Do(t.Context(), s, func(ctx context.Context) error {
						time.Sleep(time.Duration(i) * time.Second)
						_, err := s.Credential(ctx)
						require.NoError(t, err)
						return nil
					}))
				})
			}
			wg.Wait()
			require.Equal(t, core.StateClosed, s.Status().State)
			require.EqualValues(t, 1, p.calls.Load())
		})
	})
	t.Run("a block that begins while another ends keeps its session", func(t *testing.T) {
		s := core.New("a", fixed(bearer("a")), nil)
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 500 {
					require.NoError(t, c.Do(t.Context(), s, func(ctx context.Context) error {
						_, err := s.Credential(ctx)
						return err
					}))
				}
			})
		}
		wg.Wait()
		require.Equal(t, core.StateClosed, s.Status().State)
	})
	t.Run("an Init inside that fails takes nothing over", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			p := &issuer{life: time.Minute}
			s := core.New("a", p, nil)
			require.NoError(t, c.Do(t.Context(), s, func(ctx context.Context) error {
				time.Sleep(time.Hour)
				p.set(core.Errorf(core.CodeDenied, "no"))
				require.ErrorIs(t, s.Init(ctx), core.CodeDenied)
				return nil
			}))
			require.Equal(t, core.StateClosed, s.Status().State)
		})
	})
	t.Run("an Init inside takes the session over", func(t *testing.T) {
		s := core.New("a", fixed(bearer("a")), nil)
		require.NoError(t, c.Do(t.Context(), s, s.Init))
		require.True(t, s.Status().State.Ready())
	})
}

func TestScopeClientChoosesByOrigin(t *testing.T) {
	var got seen
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got.add(r) })
	one, two, three := httptest.NewServer(handler), httptest.NewServer(handler), httptest.NewServer(handler)
	defer one.Close()
	defer two.Close()
	defer three.Close()
	var c core.Scope
	client := c.Client()
	ask := func(ctx context.Context, url string) (string, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		require.NoError(t, err)
		resp, err := client.Do(req)
		if err != nil {
			return "", err
		}
		require.NoError(t, resp.Body.Close())
		return got.list[got.count()-1].Header.Get("Authorization"), nil
	}
	_, err := ask(t.Context(), one.URL)
	require.ErrorIs(t, err, core.CodeNotInitialized)

	a := ready(t, fixed(bearer("a")), &core.Options{Origins: []string{one.URL}})
	withOrigins := bearer("b")
	withOrigins.Origins = []string{two.URL}
	b := ready(t, fixed(withOrigins), nil)
	g := ready(t, fixed(bearer("g")), &core.Options{Origins: []string{three.URL, one.URL}})
	c.SetCurrent(g)
	ctx := c.With(t.Context(), b, a)
	for url, want := range map[string]string{one.URL: "Bearer a", two.URL: "Bearer b", three.URL: "Bearer g"} {
		v, err := ask(ctx, url)
		require.NoError(t, err)
		require.Equal(t, want, v)
	}
	v, err := ask(t.Context(), one.URL)
	require.NoError(t, err)
	require.Equal(t, "Bearer g", v)
	_, err = ask(ctx, "https://elsewhere.example.com/x?key=secret")
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.ErrorContains(
		t,
		errors.Unwrap(err),
		`origin refused: https://elsewhere.example.com is none of the origins of the sessions in scope: "api", "api", "api"`,
	)
}
