package config_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// vault resolves references from a map. A name that is not in it is an error.
func vault(values map[string]string) config.Resolver {
	return func(_ context.Context, name string) (config.Resolved, error) {
		value, ok := values[name]
		if !ok {
			return config.Resolved{}, errors.New("https://me:canary@vault/x?token=canary: no such secret")
		}
		return config.Resolved{Value: core.NewSecret(value)}, nil
	}
}

func keyOf(text string) string {
	return "sessions: {a: {provider: apikey, settings: {key: '" + text + "'}}}"
}

func TestResolvers(t *testing.T) {
	const key = "a.yaml:1:45: sessions.a.settings.key: "
	for text, want := range map[string]string{
		"${vault:a/b#key}":          "k",
		"x${vault:a/b#key}y":        "xky",
		"${vault:${env:D}/b#key}":   "k",
		"${vault:with:colon}":       "c",
		"${result}":                 key + `unknown reference (want ${env:NAME}, ${file:PATH}, ${aws-1:…} or ${vault:…}; ` + adds + `"$${" is a literal "${")`,
		"${valt:canary}":            key + `unknown reference, did you mean "vault"? (want ${env:NAME}, ${file:PATH}, ${aws-1:…} or ${vault:…}; ` + adds + `"$${" is a literal "${")`,
		"${vault:}":                 key + "a reference names nothing usable (want ${vault:…})",
		"${vault:${file:x}}":        key + "in a reference there can be ${env:NAME}, and no other",
		"${vault:none}":             key + "the reference ${vault:none}: https://REDACTED@vault/x?REDACTED no such secret",
		"${vault:${env:D}}":         key + "the reference ${vault:${env:D}}: https://REDACTED@vault/x?REDACTED no such secret",
		"${vault:${env:U:-canary}}": key + "the reference ${vault:${env:U}}: https://REDACTED@vault/x?REDACTED no such secret",
		"${vault:empty}":            key + "the reference ${vault:empty}: the value is empty",
		"${vault:huge}":             key + "the reference ${vault:huge}: the value is larger than 1 MiB",
		"${aws-1:panic}":            key + "the reference ${aws-1:panic}: the resolver panicked with a string",
		"${aws-1:exit}":             key + "the reference ${aws-1:exit}: the resolver ended its goroutine",
	} {
		t.Run(text, func(t *testing.T) {
			opts := options(t, "a.yaml", keyOf(text), "D=a")
			opts.Resolvers = map[string]config.Resolver{
				"vault": vault(map[string]string{
					"a/b#key": "k", "with:colon": "c", "empty": "", "huge": strings.Repeat("x", 2<<20),
				}),
				"aws-1": func(_ context.Context, name string) (config.Resolved, error) {
					if name == "exit" {
						runtime.Goexit()
					}
					panic("canary")
				},
			}
			if !strings.HasPrefix(want, key) {
				cfg := load(t, opts)
				require.Equal(t, "X-API-Key "+want, header(t, cfg, "a"))
				source, err := cfg.Source("a", "settings.key")
				require.NoError(t, err)
				require.Equal(t, "REDACTED", source.Value)
				return
			}
			require.Equal(t, []string{want}, faults(t, opts))
		})
	}
}

func TestResolversOfAProgram(t *testing.T) {
	good := vault(nil)
	for want, resolvers := range map[string]map[string]config.Resolver{
		`the scheme "env" is taken`:  {"env": good},
		`the scheme "file" is taken`: {"file": good},
		`the scheme "a:b": want`:     {"a:b": good},
		`the scheme "": want`:        {"": good},
		`the resolver "v" is nil`:    {"v": nil},
	} {
		opts := options(t, "a.yaml", "sessions: {}")
		opts.Resolvers = resolvers
		_, err := config.Load(t.Context(), opts)
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, want)
	}
}

// What is not used is not looked up, each name once, and nothing by Check.
func TestResolverCalls(t *testing.T) {
	var mu sync.Mutex
	var names []string
	opts := options(t, "a.yaml", `
environment: qa
sessions:
  a: {provider: gs, settings: {client_id: "${v:id}"}, environments: {
      qa: {settings: {client_secret: "${v:qa}"}}, prod: {settings: {client_secret: "${v:prod}"}}}}
  b: {provider: gs, settings: {client_id: "${v:id}"}}
`)
	opts.Resolvers = map[string]config.Resolver{
		"v": func(_ context.Context, name string) (config.Resolved, error) {
			mu.Lock()
			defer mu.Unlock()
			names = append(names, name)
			return config.Resolved{Value: core.NewSecret(name)}, nil
		},
	}
	require.NoError(t, config.Check(t.Context(), opts))
	require.Empty(t, names)
	cfg := load(t, opts)
	require.ElementsMatch(t, []string{"id", "qa"}, names)
	require.Equal(t, "qa id qa", header(t, cfg, "a"))
}

// TestResolverThatHangs proves that a load ends with its context, and without one
// after half a minute.
func TestResolverThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		opts := options(t, "a.yaml", keyOf("${v:x}"))
		opts.Resolvers = map[string]config.Resolver{
			"v": func(context.Context, string) (config.Resolved, error) {
				<-release
				return config.Resolved{}, nil
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		_, err := config.Load(ctx, opts)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorContains(t, err, "the resolver of ${v:…}")
		require.Equal(t, time.Second, time.Since(start))
		require.Equal(t, []string{
			"a.yaml:1:45: sessions.a.settings.key: the reference ${v:x}: no answer within 30s",
		}, faults(t, opts))
		close(release)
	})
}

func TestWatchLooksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		value, failure, calls := "one", error(nil), 0
		set := func(v string, err error) {
			mu.Lock()
			defer mu.Unlock()
			value, failure = v, err
		}
		count := func() int {
			mu.Lock()
			defer mu.Unlock()
			return calls
		}
		opts := options(t, "a.yaml", keyOf("${v:x}"))
		opts.Resolvers = map[string]config.Resolver{
			"v": func(context.Context, string) (config.Resolved, error) {
				mu.Lock()
				defer mu.Unlock()
				calls++
				return config.Resolved{Value: core.NewSecret(value), LookAgain: time.Hour}, failure
			},
		}
		outcomes := make(chan error, 9)
		opts.Interval = time.Second
		opts.OnReload = func(err error) { outcomes <- err }
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { cfg.Watch(ctx); close(done) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }

		set("two", nil)
		pass(59 * time.Minute)
		require.Equal(t, 1, count())
		pass(2 * time.Minute)
		require.NoError(t, <-outcomes)
		require.Equal(t, "X-API-Key two", header(t, cfg, "a"))
		require.Equal(t, 3, count(), "it is looked up again, and by the load")

		pass(2*time.Hour + 5*time.Second)
		require.Empty(t, outcomes, "it is the same value")
		require.Equal(t, 5, count())

		// It fails, is tried again, and nothing changes before.
		set("", errors.New("down"))
		pass(time.Hour + 10*time.Second)
		require.Empty(t, outcomes)
		require.Equal(t, "X-API-Key two", header(t, cfg, "a"))
		require.Less(t, count(), 15)
		set("three", nil)
		pass(time.Minute)
		require.NoError(t, <-outcomes)
		require.Equal(t, "X-API-Key three", header(t, cfg, "a"))

		cancel()
		<-done
		require.NoError(t, cfg.Close(t.Context()))
	})
}
