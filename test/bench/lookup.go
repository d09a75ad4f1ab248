package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// static is a kind of provider with one setting, the token.
var static = core.NewFactory(core.Info{Kind: "static", Summary: "A token as it is."},
	func(_ context.Context, _ core.Environment, cfg staticConfig) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return bearer(cfg.Token.Reveal(), inAnHour), nil
		}), nil
	})

type staticConfig struct {
	Token core.Secret `json:"token" required:"true" doc:"The token."`
}

// registered returns a session that a registry made, initialised.
func registered(value string) *core.Session {
	ctx := context.Background()
	reg, err := registry.New(static)
	must(err)
	must(reg.Add(ctx, registry.Entry{Name: "bench", Kind: "static",
		Settings: map[string]any{"token": value}}))
	s, err := reg.Session("bench")
	must(err)
	must(s.Init(ctx))
	return s
}

func lookupRows() ([]row, func()) {
	const count = 100_000
	names := make([]string, count)
	entries := make([]registry.Entry, count)
	for i := range entries {
		names[i] = fmt.Sprintf("session-%06d", i)
		entries[i] = registry.Entry{Name: names[i], Kind: "static",
			Settings: map[string]any{"token": "t"}}
	}
	reg, err := registry.New(static)
	must(err)
	must(reg.Replace(context.Background(), entries))

	plain := make(map[string]*core.Session, count)
	for _, name := range names {
		plain[name], err = reg.Session(name)
		must(err)
	}
	return []row{
		among(reg, plain, names, 64, "Session by name among 100,000",
			"64 of the names in turn. To reach: 40 ns."),
		among(reg, plain, names, count, "The same, every name in turn",
			"What is missing from the processor's caches costs most of this."),
	}, func() { _ = reg.Close(context.Background()) }
}

// among looks the first so many of the names up, far apart from each other.
func among(reg *registry.Registry, plain map[string]*core.Session, names []string, used int,
	title, text string) row {
	var mu sync.RWMutex
	next := func() func() string {
		i := 0
		return func() string {
			i = (i + 7919) % used
			return names[i]
		}
	}
	a, b := next(), next()
	return row{title: title, text: text, subs: []contender{
		{"authsession Registry", ours, single(func() error { _, err := reg.Session(a()); return err })},
		{"map behind an RWMutex", peer, single(func() error {
			mu.RLock()
			s := plain[b()]
			mu.RUnlock()
			if s == nil {
				return context.Canceled
			}
			return nil
		})},
	}}
}
