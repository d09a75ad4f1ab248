package registry_test

import (
	"context"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/store"
	"github.com/stretchr/testify/require"
)

type echoSettings struct {
	User  string        `json:"user" default:"u"`
	Key   core.Secret   `json:"key"`
	Wait  time.Duration `json:"wait"`
	Count float64       `json:"count"`
	Keys  []core.Secret `json:"keys"`
	TLS   struct {
		Roots    string      `json:"roots"`
		Password core.Secret `json:"password"`
	} `json:"tls"`
	Users  []struct{ Name, Password core.Secret } `json:"users"`
	Params map[string]string                      `json:"params"`
}

// echo is a kind whose credential is its user and those of its inputs.
func echo(kind string) core.Factory {
	return core.NewFactory(
		core.Info{Kind: kind},
		func(_ context.Context, _ core.Environment, c echoSettings) (core.Provider, error) {
			return core.ProviderFunc(
				func(_ context.Context, req core.Request) (core.Credential, error) {
					text := c.User
					for _, role := range []string{"subject", "actor"} {
						text += req.Inputs[role].Attach.Header["Authorization"].Reveal()
					}
					return core.Credential{
						Attach: core.Attachment{
							Header: map[string]core.Secret{"Authorization": core.NewSecret(text)},
						},
						Expiry: time.Now().Add(time.Hour),
					}, nil
				},
			), nil
		},
	)
}

func newEcho(t *testing.T) *registry.Registry {
	reg, err := registry.New(echo("echo"), echo("other"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, reg.Close(context.Background())) })
	return reg
}

func echoEntry(name, user string, inputs map[string]string) registry.Entry {
	return registry.Entry{
		Name:     name,
		Kind:     "echo",
		Settings: map[string]any{"user": user},
		Inputs:   inputs,
		Options:  core.Options{Lazy: true},
	}
}

// carried is what the session's requests carry once it has renewed.
func carried(t *testing.T, reg *registry.Registry, name string) func() string {
	s, err := reg.Session(name)
	require.NoError(t, err)
	return func() string {
		c, err := s.Credential(context.Background())
		require.NoError(t, err)
		return c.Attach.Header["Authorization"].Reveal()
	}
}

func TestInputs(t *testing.T) {
	reg := newEcho(t)
	ctx := context.Background()
	set := []registry.Entry{
		echoEntry("c", "c", map[string]string{"subject": "b", "actor": "a"}),
		echoEntry("b", "b", map[string]string{"subject": "a"}),
		echoEntry("a", "a", nil),
	}
	require.NoError(t, reg.Replace(ctx, set))
	c := carried(t, reg, "c")
	require.Equal(t, "cbaa", c())

	// The names are the caller's to write to afterwards, and count as a change.
	set[0].Inputs["subject"] = "a"
	require.Equal(t, "cbaa", c())
	require.NoError(t, reg.Replace(ctx, set))
	require.Eventually(t, func() bool { return c() == "caa" }, 20*time.Second, time.Millisecond)

	// A session goes on with the one of its input's name, whatever made that.
	set[2].Kind, set[2].Settings = "other", map[string]any{"user": "A"}
	require.NoError(t, reg.Replace(ctx, set))
	a := carried(t, reg, "a")
	require.Eventually(t, func() bool { return a() == "A" }, 20*time.Second, time.Millisecond)
	s, err := reg.Session("c")
	require.NoError(t, err)
	cred, err := s.Credential(ctx)
	require.NoError(t, err)
	s.Reject(cred, "")
	require.Equal(t, "cAA", c())

	require.NoError(t, reg.Add(ctx, echoEntry("d", "d", map[string]string{"subject": "a"})))
	require.Equal(t, "dA", carried(t, reg, "d")())
}

func TestInputsFaults(t *testing.T) {
	for name, c := range map[string]struct {
		entries []registry.Entry
		want    string
	}{
		"unknown": {[]registry.Entry{echoEntry("a", "", map[string]string{"subject": "bb"}),
			echoEntry("b", "", nil)},
			`session "a" (echo): bad config: the input "subject": unknown session, did you mean "b"?; ` +
				`known: a, b`},
		"empty": {[]registry.Entry{echoEntry("a", "", map[string]string{"subject": ""})},
			`session "a" (echo): bad config: the input "subject": unknown session, did you mean "a"?; ` +
				`known: a`},
		"itself": {[]registry.Entry{echoEntry("a", "", map[string]string{"subject": "a"})},
			`session "a" (echo): bad config: the input "subject": the session would wait for itself: a → a`},
		"circle": {[]registry.Entry{echoEntry("a", "", map[string]string{"x": "d", "y": "b"}),
			echoEntry("b", "", map[string]string{"x": "c"}),
			echoEntry("c", "", map[string]string{"x": "a", "y": "d"}), echoEntry("d", "", nil)},
			`session "a" (echo): bad config: the input "y": the session would wait for itself: a → b → c ` +
				`→ a`},
		"two circles": {[]registry.Entry{echoEntry("a", "", map[string]string{"x": "a", "y": "b"}),
			echoEntry("b", "", map[string]string{"x": "a"})},
			`session "a" (echo): bad config: the input "x": the session would wait for itself: a → a` + "\n" +
				`session "a" (echo): bad config: the input "y": the session would wait for itself: a → b → a`},
	} {
		t.Run(name, func(t *testing.T) {
			reg := newEcho(t)
			err := reg.Replace(context.Background(), c.entries)
			require.EqualError(t, err, c.want)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.Equal(t, err, reg.Check(c.entries))
			require.Empty(t, reg.Names())
		})
	}
	// What a session needs cannot be removed alone.
	reg := newEcho(t)
	a, b := echoEntry("a", "a", nil), echoEntry("b", "b", map[string]string{"subject": "a"})
	require.NoError(t, reg.Replace(context.Background(), []registry.Entry{a, b}))
	require.Error(t, reg.Replace(context.Background(), []registry.Entry{b}))
	require.Equal(t, "ba", carried(t, reg, "b")())
	require.NoError(t, reg.Replace(context.Background(), []registry.Entry{a}))
}

// Stores are compared by which they are.
func TestStoreThatChanges(t *testing.T) {
	ctx := context.Background()
	reg := newEcho(t)
	asked := make(chan core.EventType, 10)
	observe := func(ev core.Event) { asked <- ev.Type }
	e := registry.Entry{
		Name:    "a",
		Kind:    "echo",
		Options: core.Options{Store: store.Memory(), Observe: observe},
	}
	require.NoError(t, reg.Replace(ctx, []registry.Entry{e}))
	s, err := reg.Session("a")
	require.NoError(t, err)
	require.NoError(t, s.Init(ctx))
	require.Equal(t, core.EventAuthenticated, <-asked)
	require.NoError(t, reg.Replace(ctx, []registry.Entry{e}))
	require.Empty(t, asked)
	e.Options.Store = store.Memory()
	require.NoError(t, reg.Replace(ctx, []registry.Entry{e}))
	require.Equal(t, core.EventAuthenticated, <-asked)
}

// closing is a provider that says when it is closed.
type closing struct {
	core.Provider
	closed chan struct{}
}

func (c closing) Close(context.Context) error { close(c.closed); return nil }

// The provider of before is closed also where the new one was not asked,
// because the store held a credential.
func TestRestoredSessionClosesTheOldProvider(t *testing.T) {
	ctx := context.Background()
	closed := make(chan struct{})
	reg, err := registry.New(
		echo("echo"),
		core.NewFactory(
			core.Info{Kind: "old"},
			func(ctx context.Context, env core.Environment, c echoSettings) (core.Provider, error) {
				p, err := echo("echo").Open(ctx, env, map[string]any{"user": "old"})
				return closing{p, closed}, err
			},
		),
	)
	require.NoError(t, err)
	defer reg.Close(ctx)
	opts := core.Options{Store: store.Memory(), StoreKey: "new", Kind: "echo"}
	other := core.New(
		"other",
		core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{
					Header: map[string]core.Secret{"Authorization": core.NewSecret("stored")},
				},
				Expiry: time.Now().Add(time.Hour),
			}, nil
		}),
		&opts,
	)
	require.NoError(t, other.Init(ctx))

	require.NoError(t,
		reg.Replace(ctx, []registry.Entry{{Name: "a", Kind: "old", Options: core.Options{Lazy: true}}}))
	a := carried(t, reg, "a")
	require.Equal(t, "old", a())
	opts.Lazy = true
	require.NoError(t, reg.Replace(ctx, []registry.Entry{{Name: "a", Kind: "echo", Options: opts}}))
	require.Eventually(t, func() bool { return a() == "stored" }, 20*time.Second, time.Millisecond)
	<-closed
}
