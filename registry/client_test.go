package registry_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/stretchr/testify/require"
)

// recorder answers all requests. It keeps what the last ones carried.
type recorder struct {
	mu   sync.Mutex
	sent []string // host and Authorization
}

func (c *recorder) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = append(c.sent, strings.TrimSpace(r.URL.Host+" "+r.Header.Get("Authorization")))
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: r}
	if to := r.URL.Query().Get("to"); to != "" {
		resp.StatusCode = http.StatusFound
		resp.Header.Set("Location", to)
	}
	return resp, nil
}

// take returns what was sent since it was called last.
func (c *recorder) take() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := strings.Join(c.sent, ", ")
	c.sent = nil
	return out
}

// placed is a kind whose provider names the origins in its settings.
var placed = core.NewFactory(
	core.Info{Kind: "placed"},
	func(_ context.Context, _ core.Environment, cfg struct {
		Key     core.Secret `json:"key"`
		Origins []string    `json:"origins"`
	}) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{Origins: cfg.Origins, Attach: core.Attachment{
				Header: map[string]core.Secret{"Authorization": cfg.Key},
			}}, nil
		}), nil
	},
)

// at is an entry whose options name its origins.
func (c *recorder) at(name string, origins ...string) registry.Entry {
	return registry.Entry{
		Name: name, Kind: "placed", Settings: map[string]any{"key": core.NewSecret(name)},
		Options: core.Options{Origins: origins, Lazy: true, Transport: c},
	}
}

// named is an entry whose provider names its origins.
func (c *recorder) named(name string, origins ...any) registry.Entry {
	e := c.at(name)
	e.Settings["origins"] = origins
	return e
}

// get sends a request through client, and returns the code of its error.
func get(t *testing.T, client *http.Client, url string) string {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		return fmt.Sprint(core.CodeOf(err))
	}
	require.NoError(t, resp.Body.Close())
	return ""
}

func TestClientChoosesByOrigin(t *testing.T) {
	ctx := t.Context()
	c := &recorder{}
	r, err := registry.New(placed)
	require.NoError(t, err)
	client := r.Client()
	require.Equal(t, "origin refused", get(t, client, "https://a.example/"), "no session")
	require.NoError(t, r.Replace(ctx, []registry.Entry{
		c.at("a", "https://a.example", "https://a2.example"), c.at("b", "https://b.example"),
		c.named("p", "https://p.example"), c.named("anywhere"),
		c.at("one", "https://both.example"), c.at("two", "https://both.example"),
	}))
	for url, want := range map[string]string{
		"https://a.example/":         "a.example a",
		"https://a2.example:443/":    "a2.example:443 a",
		"https://B.example/":         "B.example b",
		"https://p.example/":         "origin refused",
		"https://elsewhere.example/": "origin refused",
		"https://both.example/":      "bad config",
	} {
		code := get(t, client, url)
		require.Equal(t, want, code+c.take(), url)
		s, err := r.For(url)
		if code == "" {
			require.NoError(t, err)
			require.Contains(t, want, " "+s.Name())
		} else {
			require.Equal(t, code, fmt.Sprint(core.CodeOf(err)))
		}
	}
	_, err = r.For("https://both.example/?key=secret")
	require.EqualError(
		t,
		err,
		`bad config: 2 sessions have the origin https://both.example: "one", "two": `+
			`use one of them by its name`,
	)

	p, err := r.Session("p")
	require.NoError(t, err)
	require.NoError(t, p.Init(ctx))
	require.Empty(t, get(t, client, "https://p.example/"), "after Init")
	require.Equal(t, "p.example p", c.take())
	anywhere, err := r.Session("anywhere")
	require.NoError(t, err)
	require.NoError(t, anywhere.Init(ctx))
	require.Equal(t, "origin refused", get(t, client, "https://elsewhere.example/"))
}

func TestForWantsAnAbsoluteURL(t *testing.T) {
	r, err := registry.New(placed)
	require.NoError(t, err)
	for _, text := range []string{"", "/v1", "api.example.com", "secret@:x", "https://",
		"https://a.example:port", "\x00secret"} {
		_, err := r.For(text)
		require.ErrorIs(t, err, core.CodeBadConfig, text)
		require.NotContains(t, err.Error(), "secret")
	}
}

// A redirect stays with the session of the first request: no place that an API
// names gets the credential of another session.
func TestClientFollowsRedirectsWithOneSession(t *testing.T) {
	c := &recorder{}
	r, err := registry.New(placed)
	require.NoError(t, err)
	require.NoError(t, r.Replace(t.Context(), []registry.Entry{
		c.at("a", "https://a.example", "https://a2.example"), c.at("b", "https://b.example"),
	}))
	for url, want := range map[string]string{
		"https://a.example/?to=/home": "a.example a, " +
			"a.example a",
		"https://a.example/?to=https://a2.example/": "a.example a, " +
			"a2.example a",
		"https://a.example/?to=https://b.example/": "a.example a, b.example",
		"https://a.example/?to=https://x.example/": "a.example a, x.example",
		"https://a.example/?to=https://b.example/%3Fto%3Dhttps://a.example/me": "a.example a, " +
			"b.example, a.example",
	} {
		require.Empty(t, get(t, r.Client(), url), url)
		require.Equal(t, want, c.take(), url)
	}
}

type closer struct{ closed int }

func (c *closer) Read([]byte) (int, error) { return 0, http.ErrBodyReadAfterClose }
func (c *closer) Close() error             { c.closed++; return nil }

func TestClientClosesTheBodyOfARefusedRequest(t *testing.T) {
	r, err := registry.New(placed)
	require.NoError(t, err)
	body := &closer{}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://a.example/", body)
	require.NoError(t, err)
	_, err = r.Client().Transport.RoundTrip(req)
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.Equal(t, 1, body.closed)
	_, err = r.Client().Transport.RoundTrip(&http.Request{})
	require.ErrorIs(t, err, core.CodeOriginRefused)
}

// A reload is seen by the next request, and as a whole: an origin that moves from
// one session to another is always that of exactly one.
func TestClientSeesAReload(t *testing.T) {
	ctx := t.Context()
	c := &recorder{}
	r, err := registry.New(placed)
	require.NoError(t, err)
	client := r.Client()
	require.NoError(t, r.Add(ctx, c.at("a", "https://a.example")))
	require.Empty(t, get(t, client, "https://a.example/"))
	require.NoError(t, r.Add(ctx, c.at("b", "https://b.example")))
	require.Empty(t, get(t, client, "https://b.example/"), "added")
	require.NoError(t, r.Replace(ctx, []registry.Entry{c.at("b", "https://b.example")}))
	require.Equal(t, "origin refused", get(t, client, "https://a.example/"), "removed")
	require.NoError(t,
		r.Replace(ctx, []registry.Entry{c.at("c", "https://b.example"), c.at("a", "https://a.example")}))
	c.take()
	require.Empty(t, get(t, client, "https://b.example/"), "moved")
	require.Equal(t, "b.example c", c.take())

	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if _, err := r.For("https://b.example/"); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for i := range 200 {
		require.NoError(t,
			r.Replace(ctx, []registry.Entry{c.at(fmt.Sprint("s", i), "https://b.example")}))
	}
	close(done)
	wg.Wait()
}

// The slot of a session is that of its kind if the kind has a facade. What a
// plugin serves is known once it was started.
func TestSlotsOfRegisteredSessions(t *testing.T) {
	ctx := t.Context()
	info := core.Info{Kind: "late"}
	check := func(core.Environment, map[string]any) error { return nil }
	late := core.ProxyFactory(func() (core.Info, []core.Setting) { return info, nil }, check,
		placed.Open)
	typed := core.NewFactory(core.Info{Kind: "typed", Facade: true},
		func(context.Context, core.Environment, struct{}) (core.Provider, error) { return nil, nil })
	r, err := registry.New(placed, late, typed)
	require.NoError(t, err)
	var entries []registry.Entry
	for _, name := range []string{"typed1", "typed2", "placed1", "placed2", "late1", "late2",
		"late3"} {
		entries = append(entries, registry.Entry{Name: name, Kind: name[:len(name)-1]})
	}
	require.NoError(t, r.Replace(ctx, entries))
	var scope core.Scope
	set := func(name string) string {
		s, err := r.Session(name)
		require.NoError(t, err)
		if before := scope.SetCurrent(s); before != nil {
			return before.Name()
		}
		return ""
	}
	require.Empty(t, set("typed1"))
	require.Equal(t, "typed1", set("typed2"))
	require.Empty(t, set("placed1"))
	require.Empty(t, set("placed2"))
	require.Empty(t, set("late1"), "not described yet: the name's")
	info.Facade, info.Summary = true, "for tests"
	require.Empty(t, set("late2"), "the kind's")
	require.Equal(t, "late2", set("late3"))
	require.Equal(t, "late1", set("late1"), "where it was")
	require.NoError(t, r.Replace(ctx, entries))
	require.Equal(t, "late1", set("late1"))
}

// manySessions returns a registry of sessions s0, s1, … whose providers name their
// origins; all are ready.
func manySessions(b *testing.B, n int) *registry.Registry {
	c := &recorder{}
	r, err := registry.New(placed)
	require.NoError(b, err)
	var entries []registry.Entry
	for i := range n {
		entries = append(entries, c.named(fmt.Sprint("s", i), fmt.Sprintf("https://s%d.example", i)))
	}
	require.NoError(b, r.Replace(b.Context(), entries))
	for i := range n {
		s, err := r.Session(fmt.Sprint("s", i))
		require.NoError(b, err)
		require.NoError(b, s.Init(b.Context()))
	}
	return r
}

// BenchmarkFor looks one of many sessions up; "changed" does so after the origins
// of some session may have changed.
func BenchmarkFor(b *testing.B) {
	for _, n := range []int{1, 1_000, 10_000} {
		r := manySessions(b, n)
		find := func() {
			if _, err := r.For("https://s0.example/v1/x"); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprintf("sessions=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				find()
			}
		})
		b.Run(fmt.Sprintf("sessions=%d/changed", n), func(b *testing.B) {
			other := core.ProviderFunc(
				func(context.Context, core.Request) (core.Credential, error) {
					return core.Credential{}, core.Errorf(core.CodeUnavailable, "no")
				},
			)
			extra := core.New("extra", other, nil)
			for b.Loop() {
				extra.Reconfigure(other, nil)
				find()
			}
		})
	}
}

// A URL without a scheme is not absolute.
func TestForWithoutAScheme(t *testing.T) {
	r, err := registry.New()
	require.NoError(t, err)
	_, err = r.For("//api.example.com/v1")
	require.ErrorIs(t, err, core.CodeBadConfig)
}
