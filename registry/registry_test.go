package registry_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/stretchr/testify/require"
)

type settings struct {
	Key  core.Secret `json:"key" required:"true"`
	Fail string      `json:"fail"`
}

// fake is a provider that shows its environment and key.
type fake struct {
	env     core.Environment
	cfg     settings
	revoked *atomic.Int64
}

func (f fake) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{
		"Authorization": core.NewSecret(
			fmt.Sprintf("%s:%s", cmp.Or(f.env, "any"), f.cfg.Key.Reveal()),
		),
	}}}, nil
}

func (f fake) Revoke(context.Context, core.Credential) error {
	f.revoked.Add(1)
	if f.cfg.Fail == "revoke" {
		return core.Errorf(core.CodeUnavailable, "not revoked")
	}
	return nil
}

type counters struct{ opened, revoked atomic.Int64 }

func factory(kind string, c *counters) core.Factory {
	return core.NewFactory(
		core.Info{Kind: kind, Summary: "for tests"},
		func(_ context.Context, env core.Environment, cfg settings) (core.Provider, error) {
			if n := c.opened.Add(1); cfg.Fail == "open once" && n == 1 {
				return nil, core.Errorf(core.CodeUnavailable, "not yet")
			}
			if cfg.Fail == "nil" {
				return nil, nil
			}
			return fake{env, cfg, &c.revoked}, nil
		},
	)
}

func entry(name, key string) registry.Entry {
	return registry.Entry{
		Name:     name,
		Kind:     "fake",
		Settings: map[string]any{"key": core.NewSecret(key)},
	}
}

func sent(t testing.TB, r *registry.Registry, name string) string {
	t.Helper()
	s, err := r.Session(name)
	require.NoError(t, err)
	require.NoError(t, s.Init(context.Background()))
	c, err := s.Credential(context.Background())
	require.NoError(t, err)
	return c.Attach.Header["Authorization"].Reveal()
}

func TestNew(t *testing.T) {
	var c counters
	_, err := registry.New(factory("a", &c), factory("a", &c), core.Factory{})
	require.EqualError(t, err,
		"bad config: kind \"a\" is in the registry twice\n"+
			"bad config: factory 2 of the registry has no kind")
	require.ErrorIs(t, err, core.CodeBadConfig)

	r, err := registry.New(factory("oauth2", &c), factory("apikey", &c))
	require.NoError(t, err)
	require.Equal(t,
		[]core.Info{{Kind: "apikey", Summary: "for tests"}, {Kind: "oauth2", Summary: "for tests"}},
		r.Kinds())
	f, err := r.Factory("apikey")
	require.NoError(t, err)
	require.Len(t, f.Settings(), 2)
	_, err = r.Factory("oauth")
	require.EqualError(t, err,
		`bad config: unknown provider "oauth", did you mean "oauth2"?; known: apikey, oauth2 `+
			`(forgotten to give the factory to registry.New?)`)
	_, err = r.Factory("")
	require.EqualError(t, err, "bad config: no provider is named; known: apikey, oauth2")
	require.Equal(t, "registry of 2 kinds and 0 sessions", r.String())
}

func TestReplace(t *testing.T) {
	ctx := context.Background()
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	require.NoError(
		t,
		r.Replace(
			ctx,
			[]registry.Entry{
				entry("same", "1"),
				entry("changed", "1"),
				entry("removed", "1"),
				entry("env", "1"),
			},
		),
	)
	require.Zero(t, c.opened.Load(), "providers are opened at first use")
	sessions := map[string]*core.Session{}
	for _, name := range r.Names() {
		require.Equal(t, "any:1", sent(t, r, name))
		sessions[name], _ = r.Session(name)
	}
	require.Equal(t, int64(4), c.opened.Load())

	env := entry("env", "1")
	env.Environment = core.QA
	require.NoError(
		t,
		r.Replace(ctx,
			[]registry.Entry{entry("same", "1"), entry("changed", "2"), env, entry("new", "1")}),
	)
	require.Equal(t, []string{"changed", "env", "new", "same"}, r.Names())
	for _, name := range []string{"same", "changed", "env"} {
		s, err := r.Session(name)
		require.NoError(t, err)
		require.Same(t, sessions[name], s)
	}
	require.Equal(t, core.StateClosed, sessions["removed"].Status().State)
	require.Equal(t, int64(1), c.revoked.Load())
	require.Equal(t, uint64(1), sessions["same"].Status().Authentications)
	require.Equal(t, core.QA, sessions["env"].Status().Environment)
	for name, want := range map[string]string{"same": "any:1", "changed": "any:2", "env": "qa:1"} {
		require.Eventually(t, func() bool { return sent(t, r, name) == want }, 20*time.Second,
			time.Millisecond)
	}

	require.NoError(t, r.Add(ctx, entry("more", "1")))
	require.Equal(t, []string{"changed", "env", "more", "new", "same"}, r.Names())
	require.EqualError(t, r.Add(ctx, entry("more", "1")),
		`session "more" (fake): bad config: the name is taken`)
}

func TestReplaceFaults(t *testing.T) {
	ctx := context.Background()
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	require.NoError(t, r.Add(ctx, entry("a", "1")))
	origin := entry("origin", "1")
	origin.Options.Origins = []string{"example.com"}
	err = r.Replace(ctx, []registry.Entry{
		{
			Name: "",
			Kind: "fake",
		}, {Name: "b", Kind: "fakke"}, entry("c", "1"), entry("c", "2"), origin,
		{Name: "d", Kind: "fake", Settings: map[string]any{"kee": "canary"}},
	})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.EqualError(t, err, `provider "fake": bad config: a session has no name
session "b" (fakke): bad config: unknown provider "fakke", did you mean "fake"?; known: fake (forgotten to give the factory to registry.New?)
session "c" (fake): bad config: the name is taken
session "origin" (fake): bad config: "example.com" is not an origin, such as "https://api.example.com"
session "d" (fake): bad config: kee: unknown key, did you mean "key"?; key: missing`)
	require.Equal(t, []string{"a"}, r.Names())
	require.Equal(t, "any:1", sent(t, r, "a"))
}

func TestUnchangedEntries(t *testing.T) {
	ctx := context.Background()
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	ui, observe := &core.UI{}, func(core.Event) {}
	make := func(change func(*registry.Entry)) []registry.Entry {
		e := entry("a", "1")
		e.Options = core.Options{Timeout: time.Second, UI: ui, Observe: observe}
		if change != nil {
			change(&e)
		}
		return []registry.Entry{e}
	}
	require.NoError(t, r.Replace(ctx, make(nil)))
	sent(t, r, "a")
	require.NoError(t, r.Replace(ctx, make(nil)))
	require.NoError(t,
		r.Replace(ctx, make(func(e *registry.Entry) { e.Options.Origins = []string{} })))
	s, _ := r.Session("a")
	require.Equal(t, uint64(1), s.Status().Authentications)
	for i, change := range []func(*registry.Entry){
		func(e *registry.Entry) { e.Settings["key"] = "1" }, // no longer a secret
		func(e *registry.Entry) { e.Options.Timeout = 0 },
		func(e *registry.Entry) { e.Options.UI = &core.UI{} },
		func(e *registry.Entry) { e.Options.Observe = nil },
		func(e *registry.Entry) { e.Options.Origins = []string{"https://a.example"} },
	} {
		require.NoError(t, r.Replace(ctx, make(change)))
		require.Eventually(t, func() bool { return s.Status().Authentications == uint64(i+2) },
			5*time.Second, time.Millisecond, "change %d", i)
	}
}

func TestEntriesAreCopied(t *testing.T) {
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	e := entry("a", "1")
	require.NoError(t, r.Replace(context.Background(), []registry.Entry{e}))
	e.Settings["key"] = "changed"
	require.Equal(t, "any:1", sent(t, r, "a"))
}

// Settings may be plain text, where no Secret hides them.
func TestDumps(t *testing.T) {
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	e := entry("a", "")
	e.Settings["key"] = "canary"
	require.NoError(t, r.Add(context.Background(), e))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		require.Equal(t, "registry of 1 kinds and 1 sessions", fmt.Sprintf(verb, r), verb)
		require.Equal(t, `entry "a" (fake)`, fmt.Sprintf(verb, e), verb)
		require.NotContains(t, fmt.Sprintf(verb, []registry.Entry{e}), "canary", verb)
	}
}

func TestSessionUnknown(t *testing.T) {
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	_, err = r.Session("a")
	require.EqualError(t, err, `bad config: no session is named "a"`)
	require.NoError(t, r.Add(context.Background(), entry("prices", "1"), entry("news", "1")))
	_, err = r.Session("price")
	require.EqualError(t, err, `bad config: no session is named "price", did you mean "prices"?`)
	_, err = r.Session("positions")
	require.EqualError(t, err, `bad config: no session is named "positions"; known: news, prices`)
}

func TestOpening(t *testing.T) {
	ctx := context.Background()
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	once, none := entry("once", "1"), entry("none", "1")
	once.Settings["fail"], none.Settings["fail"] = "open once", "nil"
	require.NoError(t, r.Add(ctx, once, none))
	s, _ := r.Session("once")
	err = s.Init(ctx)
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, `session "once" (fake): open: unavailable: not yet`)
	require.NoError(t, s.Init(ctx), "a failure to open is not remembered")
	s, _ = r.Session("none")
	require.ErrorContains(t, s.Init(ctx), `the factory of kind "fake" made no provider`)
}

func TestClose(t *testing.T) {
	ctx := context.Background()
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(t, err)
	for i := range 100 {
		e := entry(fmt.Sprint("s", i), "1")
		if i < 2 {
			e.Settings["fail"] = "revoke"
		}
		require.NoError(t, r.Add(ctx, e))
		sent(t, r, e.Name)
	}
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for i := range errs {
		wait.Go(func() { errs[i] = r.Close(ctx) })
	}
	wait.Wait()
	require.ErrorContains(t, errors.Join(errs...),
		`session "s0" (fake): revoke: unavailable: not revoked`)
	require.ErrorContains(t, errors.Join(errs...),
		`session "s1" (fake): revoke: unavailable: not revoked`)
	require.Equal(t, int64(100), c.revoked.Load())
	require.NoError(t, r.Close(ctx))
	require.ErrorIs(t, r.Replace(ctx, nil), core.CodeClosed)
	s, err := r.Session("s5")
	require.NoError(t, err)
	_, err = s.Credential(ctx)
	require.ErrorIs(t, err, core.CodeClosed)
}

// TestCloseIsBounded closes sessions whose revocation hangs.
func TestCloseIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hangs := core.NewFactory(
			core.Info{Kind: "hangs"},
			func(context.Context, core.Environment, struct{}) (core.Provider, error) {
				return hanging{}, nil
			},
		)
		r, err := registry.New(hangs)
		require.NoError(t, err)
		for i := range 10 {
			require.NoError(t, r.Add(t.Context(), registry.Entry{Name: fmt.Sprint(i), Kind: "hangs"}))
			sent(t, r, fmt.Sprint(i))
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.Error(t, r.Close(ctx))
		require.LessOrEqual(t, time.Since(start), 2*time.Second)
		time.Sleep(time.Minute) // the bubble's clock: what hung may end
	})
}

type hanging struct{}

func (hanging) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{
		Attach: core.Attachment{
			Header: map[string]core.Secret{"Authorization": core.NewSecret("x")},
		},
	}, nil
}

func (hanging) Revoke(ctx context.Context, _ core.Credential) error {
	<-ctx.Done()
	return ctx.Err()
}

// many makes a registry of n sessions.
func many(tb testing.TB, n int) *registry.Registry {
	var c counters
	r, err := registry.New(factory("fake", &c))
	require.NoError(tb, err)
	entries := make([]registry.Entry, n)
	for i := range entries {
		entries[i] = entry(fmt.Sprintf("session-%06d", i), "1")
	}
	require.NoError(tb, r.Replace(context.Background(), entries))
	return r
}

func TestSessionAllocatesNothing(t *testing.T) {
	r := many(t, 1000)
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		if _, err := r.Session("session-000500"); err != nil {
			t.Fatal(err)
		}
	}))
}

// names100k returns some of the names of many(100,000).
func names100k() []string {
	names := make([]string, 1024)
	for i := range names {
		names[i] = fmt.Sprintf("session-%06d", i*97)
	}
	return names
}

// BenchmarkSession finds one of 100,000 sessions by name; BenchmarkMap is what
// a bare map takes, which nobody can change, and BenchmarkRWMutexMap one that
// a lock guards.
func BenchmarkSession(b *testing.B) {
	r, names := many(b, 100_000), names100k()
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := r.Session(names[i&1023]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func BenchmarkSessionParallel(b *testing.B) {
	r, names := many(b, 100_000), names100k()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			if _, err := r.Session(names[i&1023]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func bareMap(b *testing.B) map[string]*core.Session {
	r, sessions := many(b, 100_000), map[string]*core.Session{}
	for _, name := range r.Names() {
		sessions[name], _ = r.Session(name)
	}
	return sessions
}

func BenchmarkMap(b *testing.B) {
	sessions, names := bareMap(b), names100k()
	i := 0
	for b.Loop() {
		if sessions[names[i&1023]] == nil {
			b.Fatal("none")
		}
		i++
	}
}

func BenchmarkRWMutexMap(b *testing.B) {
	sessions, names := bareMap(b), names100k()
	var mu sync.RWMutex
	i := 0
	for b.Loop() {
		mu.RLock()
		s := sessions[names[i&1023]]
		mu.RUnlock()
		if s == nil {
			b.Fatal("none")
		}
		i++
	}
}

// endsAt is a context that ends at the look with a number.
type endsAt struct {
	context.Context
	looks, end int
}

func (c *endsAt) Err() error {
	if c.looks++; c.looks >= c.end {
		return context.Canceled
	}
	return nil
}

// TestReplaceEndsWithItsContext proves that a Replace of many sessions looks at its context all the
// time, and that nothing has changed when it stops.
func TestReplaceEndsWithItsContext(t *testing.T) {
	factory := core.NewFactory(core.Info{Kind: "k"},
		func(context.Context, core.Environment, struct{}) (core.Provider, error) { return nil, nil })
	r, err := registry.New(factory)
	require.NoError(t, err)
	entries := make([]registry.Entry, 1000)
	for i := range entries {
		entries[i] = registry.Entry{Name: fmt.Sprint("s", i), Kind: "k"}
	}
	whole := &endsAt{Context: t.Context(), end: 1 << 30}
	require.NoError(t, r.Replace(whole, entries))
	require.Greater(t, whole.looks, 20)
	require.NoError(t, r.Replace(t.Context(), nil))
	for end := 1; end <= whole.looks; end++ {
		ctx := &endsAt{Context: t.Context(), end: end}
		require.ErrorIs(t, r.Replace(ctx, entries), context.Canceled)
		require.Equal(t, end, ctx.looks-1, "it stops at once") // the cause is a look, too
		require.Empty(t, r.Names())
	}
	require.NoError(t, r.Replace(t.Context(), entries))
	require.Len(t, r.Names(), 1000)

	// One that would stop after it had reconfigured sessions does not stop any more.
	for i := range entries {
		entries[i].Options.Lazy = true
	}
	checked := &endsAt{Context: t.Context(), end: 1 << 30}
	require.NoError(t, r.Replace(checked, entries))
	require.Less(t, checked.looks, whole.looks)
}
