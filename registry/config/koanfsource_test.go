package config_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// provider is a koanf Provider in memory.
type provider struct {
	mu      sync.Mutex
	values  map[string]any
	text    string
	err     error
	before  func() // runs at the start of each reading
	reads   atomic.Int32
	tell    func(any, error)
	unwatch atomic.Int32
}

func (p *provider) read() {
	p.reads.Add(1)
	if p.before != nil {
		p.before()
	}
}

func (p *provider) Read() (map[string]any, error) {
	p.read()
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.values), p.err
}

func (p *provider) ReadBytes() ([]byte, error) {
	p.read()
	p.mu.Lock()
	defer p.mu.Unlock()
	return []byte(p.text), p.err
}

// set changes what is there.
func (p *provider) set(values map[string]any, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.values, p.err = values, err
}

// watched is a provider that tells of changes.
type watched struct{ *provider }

func (p watched) Watch(tell func(any, error)) error {
	p.tell = tell
	return nil
}

func (p watched) Unwatch() error {
	p.unwatch.Add(1)
	return nil
}

// sources loads sources, and a file unless its text is empty.
func sources(t testing.TB, file string, list ...*config.KoanfSource) config.Options {
	opts := options(t, "a.yaml", file)
	if file == "" {
		opts.Files = nil
	}
	opts.Sources = list
	return opts
}

func ofMap(name string, values map[string]any) *config.KoanfSource {
	return &config.KoanfSource{Name: name, Provider: &provider{values: values}}
}

func apikey(key any) map[string]any {
	return map[string]any{"provider": "apikey", "settings": map[string]any{"key": key}}
}

func TestSourcesOverlay(t *testing.T) {
	const file = "sessions: {a: {provider: apikey, settings: {key: file}}}"
	below := ofMap("below", map[string]any{"sessions": map[string]any{
		"a": map[string]any{"settings": map[string]any{"key": "below", "header": "X-Below"}},
		"b": apikey("below"),
	}})
	below.BelowFiles = true
	opts := sources(t, file,
		ofMap("one", map[string]any{"sessions": map[string]any{"b": apikey("one"), "c": apikey("one")}}),
		below,
		ofMap("two", map[string]any{"sessions": map[string]any{"c": apikey("two"), "d": apikey("two")}}))
	opts.Environ = []string{"AUTHSESSION_SESSIONS__D__SETTINGS__KEY=variable"}
	cfg := load(t, opts)
	for name, want := range map[string]string{
		"a": "X-Below file", "b": "X-API-Key one", "c": "X-API-Key two", "d": "X-API-Key variable",
	} {
		require.Equal(t, want, header(t, cfg, name))
	}
	source, err := cfg.Source("a", "settings.header")
	require.NoError(t, err)
	require.Equal(t, `source "below"`, source.String())
	require.Equal(t, "X-Below", source.Value)
	require.Equal(t, `configuration of 1 files, 3 sources and 4 sessions, environment ""`, cfg.String())
}

// oauth is a session with a setting of each type.
func oauth(settings map[string]any) map[string]any {
	settings["client_id"] = "me"
	return map[string]any{"sessions": map[string]any{
		"a": map[string]any{"provider": "oauth2", "settings": settings},
	}}
}

type text string

func TestSourceValues(t *testing.T) {
	type object = map[string]any
	deep := object{}
	deep["extra"] = deep
	wide := object{}
	for _, key := range []string{"a", "b", "c", "d"} {
		wide[key] = wide
	}
	var pointer *string
	for name, test := range map[string]struct {
		settings object
		parser   bool
		fault    string
	}{
		"typed":          {settings: object{"scopes": []string{"r"}, "leeway": time.Minute, "retries": uint8(3), "strict": true, "extra": map[string]string{"x": "y"}}},
		"texts":          {settings: object{"scopes": "r, w", "leeway": "1m", "retries": "3", "strict": "true"}},
		"named types":    {settings: object{"style": text("post"), "extra": map[any]any{text("x"): "y"}, "client_secret": []byte("x"), "tls": nil}},
		"secret":         {settings: object{"client_secret": core.NewSecret("x"), "retries": core.NewSecret("3")}},
		"nil pointer":    {settings: object{"style": pointer}},
		"key with a dot": {settings: object{"extra": object{"a.b": "x", "a": "y"}}},
		"reference":      {settings: object{"client_secret": "${env:S}", "retries": "${env:N}"}},
		"empty list":     {settings: object{"scopes": ""}},
		"unknown key": {
			settings: object{"scope": "r"},
			fault:    `sessions.a.settings.scope: unknown key, did you mean "scopes"?`,
		},
		"wrong text": {
			settings: object{"retries": "canary"},
			fault:    "sessions.a.settings.retries: want an integer",
		},
		"wrong type": {
			settings: object{"client_secret": 5},
			fault:    "sessions.a.settings.client_secret: want a string, found an integer: put it in quotes",
		},
		"text in a list": {
			settings: object{"extra": "canary"},
			fault:    "sessions.a.settings.extra: want an object whose values are strings, found a string",
		},
		"list in a list": {
			settings: object{"scopes": []any{[]any{"canary"}}},
			fault:    "sessions.a.settings.scopes.0: want a string, found a list",
		},
		"function": {
			settings: object{"style": func() {}},
			fault:    "sessions.a.settings.style: a value of the Go type func() cannot be used",
		},
		"struct": {
			settings: object{"tls": struct{ Roots string }{"canary"}},
			fault:    "sessions.a.settings.tls: a value of the Go type struct { Roots string } cannot be used",
		},
		"integer keys": {
			settings: object{"extra": map[int]string{1: "canary"}},
			fault:    "sessions.a.settings.extra: a key is not a string",
		},
		"not UTF-8": {
			settings: object{"style": "canary\xff"},
			fault:    "sessions.a.settings.style: the value is not in UTF-8: save it as UTF-8",
		},
		"NUL": {
			settings: object{"style": "canary\x00"},
			fault:    "sessions.a.settings.style: the value is binary: it holds NUL",
		},
		"empty key": {
			settings: object{"extra": object{"": "canary"}},
			fault:    "sessions.a.settings.extra.?: the key is empty, too long or has characters that cannot be seen",
		},
		"bad reference": {
			settings: object{"style": "${canary"},
			fault:    `sessions.a.settings.style: a reference is not ended by "}" ("$${" is a literal "${")`,
		},
		"variable not set": {
			settings: object{"style": "${env:NONE}"},
			fault:    "sessions.a.settings.style: the variable NONE is not set",
		},
		"holds itself": {settings: object{"extra": deep}, fault: "sessions: nested deeper than 64 levels"},
		"holds itself in many ways": {
			settings: object{"extra": wide},
			fault:    "more than 200000 values, or a map that holds itself",
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := sources(t, "", ofMap("etcd", oauth(test.settings)))
			opts.Environ = []string{"S=x", "N=3"}
			if test.fault == "" {
				load(t, opts)
				return
			}
			require.Equal(t, `source "etcd": `+test.fault, faults(t, opts)[0])
		})
	}
}

// With a Parser, a source has types, and they are checked as those of a file.
func TestSourceParser(t *testing.T) {
	for text, fault := range map[string]string{
		"sessions: {a: {provider: oauth2, settings: {client_id: me, retries: 3, scopes: [r]}}}": "",
		"sessions: {a: {provider: oauth2, settings: {client_id: me, retries: '3'}}}":            "sessions.a.settings.retries: want an integer, found a string",
		"sessions: {a: {provider: oauth2, settings: {client_id: me, scopes: r}}}":               "sessions.a.settings.scopes: want a list of strings, found a string",
		"a: b\nc: [canary":          "the Parser (*yaml.YAML) cannot read it at line 1",
		"canary":                    "the Parser (*yaml.YAML) cannot read it at line 1",
		strings.Repeat("#", 17<<20): "larger than 16 MiB",
	} {
		opts := sources(t, "", &config.KoanfSource{
			Name: "s3", Provider: &provider{text: text}, Parser: yaml.Parser(),
		})
		if fault == "" {
			load(t, opts)
			continue
		}
		require.Equal(t, []string{`source "s3": ` + fault}, faults(t, opts))
	}
}

func TestSourceDelimiter(t *testing.T) {
	type object = map[string]any
	loop := object{}
	loop["x"] = loop
	for name, test := range map[string]struct {
		values            object
		prefix, delimiter string
		fault             string
	}{
		"flat": {
			values:    object{"sessions/a/provider": "apikey", "sessions/a/settings/key": "k"},
			delimiter: "/",
		},
		"prefix": {
			values:    object{"/app/sessions/a/provider": "apikey", "/app/sessions/a/settings/key": "k", "/other": "x"},
			prefix:    "/app/",
			delimiter: "/",
		},
		"in parts": {
			values:    object{"sessions.a": object{"provider": "apikey"}, "sessions.a.settings.key": "k", "sessions": object{"b": apikey("k")}},
			delimiter: ".",
		},
		"names with dots": {values: object{"sessions": object{"a": apikey("k"), "a.b": apikey("k")}}, delimiter: "."},
		"in itself": {
			values:    object{"sessions": object{"a": loop}, "sessions.a": loop},
			delimiter: ".",
			fault:     "sessions: nested deeper than 64 levels",
		},
		"twice": {
			values:    object{"sessions.a": apikey("k"), "sessions": object{"a": apikey("canary")}},
			delimiter: ".",
			fault:     "sessions.a.provider: several keys of the source give it a value, or a value and keys below it",
		},
		"value and keys": {
			values:    object{"sessions.a": "canary", "sessions.a.provider": "apikey"},
			delimiter: ".",
			fault:     "sessions.a: several keys of the source give it a value, or a value and keys below it",
		},
		"no delimiter": {
			values: object{"sessions/a/provider": "apikey"},
			fault:  `sessions/a/provider: the key is that of a flat map: set the Delimiter of the source`,
		},
		"empty part": {
			values:    object{"sessions//provider": "apikey"},
			delimiter: "/",
			fault:     "sessions.?: the key is empty, too long or has characters that cannot be seen",
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := sources(t, "sessions: {}", &config.KoanfSource{
				Name: "etcd", Provider: &provider{values: test.values},
				Prefix: test.prefix, Delimiter: test.delimiter,
			})
			if test.fault == "" {
				before := fmt.Sprint(test.values)
				require.Equal(t, "X-API-Key k", header(t, load(t, opts), "a"))
				require.Equal(t, before, fmt.Sprint(test.values), "they belong to the program")
				return
			}
			require.Equal(t, `source "etcd": `+test.fault, faults(t, opts)[0])
		})
	}
}

func TestSourceKoanf(t *testing.T) {
	k := koanf.New(".")
	require.NoError(t, k.Load(&provider{values: map[string]any{
		"sessions": map[string]any{"a.b": apikey("dots"), "a": apikey("plain")},
	}}, nil))
	cfg := load(t, sources(t, "", &config.KoanfSource{Name: "mine", Koanf: k}))
	require.Equal(t, "X-API-Key dots", header(t, cfg, "a.b"))
	require.Equal(t, "X-API-Key plain", header(t, cfg, "a"))
}

func TestSourceFailures(t *testing.T) {
	for fault, p := range map[string]*provider{
		"dial //REDACTED@etcd:2379: refused":            {err: errors.New("dial //me:canary@etcd:2379: refused")},
		"Get https://x/y?REDACTED failed":               {err: errors.New("Get https://x/y?token=canary failed")},
		"the Provider or Parser panicked with a string": {before: func() { panic("canary") }},
		"the Provider ended its goroutine":              {before: runtime.Goexit},
	} {
		opts := sources(t, "nonsense: true", &config.KoanfSource{Name: "etcd", Provider: p})
		require.Equal(t, []string{`source "etcd": ` + fault}, faults(t, opts))
	}
}

func TestSourcesOfAProgram(t *testing.T) {
	p := &provider{}
	for want, list := range map[string][]*config.KoanfSource{
		"source 0 of Options.Sources is nil":                {nil},
		"source 1 of Options.Sources has no Name":           {{Name: "a", Provider: p}, {Provider: p}},
		`the source "a" is in Options.Sources twice`:        {{Name: "a", Provider: p}, {Name: "a", Provider: p}},
		`the source "a" has neither a Provider nor a Koanf`: {{Name: "a"}},
		`the source "a" has a Koanf and a Provider or Parser: give one of them`: {
			{Name: "a", Koanf: koanf.New("."), Parser: yaml.Parser()},
		},
	} {
		_, err := config.Load(t.Context(), sources(t, "", list...))
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, want)
	}
}

// TestSourceThatHangs proves that a load ends with its context and that the next
// one does not start a second reading.
func TestSourceThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := &provider{
			values: map[string]any{"sessions": map[string]any{"a": apikey("k")}},
			before: func() { <-release },
		}
		opts := sources(t, "", &config.KoanfSource{Name: "etcd", Provider: p})
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			start := time.Now()
			_, err := config.Load(ctx, opts)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, `source "etcd"`)
			require.Equal(t, time.Second, time.Since(start))
			require.EqualValues(t, 1, p.reads.Load())
		}
		start := time.Now()
		require.Equal(t, []string{`source "etcd": no answer within 30s`}, faults(t, opts))
		require.Equal(t, 30*time.Second, time.Since(start))
		require.EqualValues(t, 1, p.reads.Load())

		close(release)
		synctest.Wait()
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		require.EqualValues(t, 2, p.reads.Load(), "what was read before may be old")
		require.NoError(t, cfg.Close(t.Context()))
	})
}

func TestWatchSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := watched{&provider{values: map[string]any{"sessions": map[string]any{"a": apikey("one")}}}}
		k := koanf.New(".")
		set := func(key string) {
			require.NoError(t, k.Load(&provider{values: map[string]any{
				"sessions": map[string]any{"b": apikey(key)},
			}}, nil))
		}
		set("two")
		unwatched := &provider{values: map[string]any{}}
		opts := sources(t, "", &config.KoanfSource{Name: "etcd", Provider: p},
			&config.KoanfSource{Name: "mine", Koanf: k},
			&config.KoanfSource{Name: "flags", Provider: unwatched})
		outcomes := make(chan error, 9)
		opts.Interval = time.Second
		opts.OnReload = func(err error) { outcomes <- err }
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { cfg.Watch(ctx); close(done) }()
		pass := func(d time.Duration) { time.Sleep(d); synctest.Wait() }
		key := func(name string) string { return strings.TrimPrefix(header(t, cfg, name), "X-API-Key ") }

		pass(10 * time.Second)
		require.Empty(t, outcomes)
		reads := p.reads.Load()
		require.LessOrEqual(t, reads, int32(2), "it is read after an event")
		require.EqualValues(t, 1, unwatched.reads.Load())

		p.set(map[string]any{"sessions": map[string]any{"a": apikey("new")}}, nil)
		pass(10 * time.Second)
		require.Empty(t, outcomes)
		p.tell("changed", nil)
		pass(3 * time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, "new", key("a"))

		set("zwei")
		pass(3 * time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, "zwei", key("b"))

		// What cannot be read is tried again, and changes nothing before.
		p.set(nil, errors.New("down"))
		p.tell("changed", nil)
		pass(10 * time.Second)
		require.Empty(t, outcomes)
		p.set(map[string]any{"sessions": map[string]any{"a": apikey("back")}}, nil)
		pass(20 * time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, "back", key("a"))

		// Faulty: reported once.
		p.set(map[string]any{"sessions": map[string]any{"a": map[string]any{"provider": "apikey"}}}, nil)
		p.tell("changed", nil)
		pass(time.Minute)
		require.ErrorContains(t, <-outcomes, `sessions.a.settings.key: missing`)
		require.Empty(t, outcomes)
		require.Equal(t, "back", key("a"))

		// A watch that ended is replaced by regular readings.
		p.tell(nil, errors.New("the connection broke"))
		pass(3 * time.Second)
		p.set(map[string]any{"sessions": map[string]any{"a": apikey("polled")}}, nil)
		pass(70 * time.Second)
		require.NoError(t, <-outcomes)
		require.Equal(t, "polled", key("a"))

		cancel()
		<-done
		synctest.Wait()
		require.EqualValues(t, 1, p.unwatch.Load())
		require.NoError(t, cfg.Close(t.Context()))
	})
}
