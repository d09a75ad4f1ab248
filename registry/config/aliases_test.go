package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

func TestAliases(t *testing.T) {
	opts := options(t, "a.yaml", `
x-common: &common
  provider: oauth2
  early: 5s
  settings: &settings {client_id: me, scopes: &scopes [r, w], "<<": 7}
x-post: &post {style: post, retries: 3}
sessions:
  a:
    <<: *common
    settings: {client_id: a, scopes: *scopes}
  b:
    early: 9s
    <<: [{lazy: true, early: 1s}, *common]
    settings: {<<: [*post, {style: basic, strict: true}], client_id: b}
  c: {provider: apikey, settings: &key {key: k}}
  d: {provider: apikey, settings: *key}
`)
	cfg := load(t, opts)
	require.Equal(t, "any a  basic r w", header(t, cfg, "a"))
	require.Equal(t, "any b  post", header(t, cfg, "b"))
	require.Equal(t, "X-API-Key k", header(t, cfg, "d"))
	for key, want := range map[string]string{
		"settings.scopes": "10:30", "early": "9:9", "provider": "9:9", "settings.client_id": "10:16",
	} {
		source, err := cfg.Source("a", key)
		require.NoError(t, err)
		require.Equal(t, want, fmt.Sprintf("%d:%d", source.Line, source.Column), key)
	}
	early, err := cfg.Source("b", "early")
	require.NoError(t, err)
	require.Equal(t, "9s", early.Value)
}

func TestAliasFaults(t *testing.T) {
	bomb := "x-0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	merges := "x-0: &a0 {k: v}\n"
	for i := 1; i < 12; i++ {
		list := strings.Repeat(fmt.Sprintf(", *a%d", i-1), 10)[2:]
		bomb += fmt.Sprintf("x-%d: &a%d [%s]\n", i, i, list)
		merges += fmt.Sprintf("x-%d: &a%d {<<: [%s]}\n", i, i, list)
	}
	const many = "the aliases of the file stand for more than 100000 values"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"a fault in an alias": {
			"x-s: &s {key: k, headr: canary}\nsessions:\n  a: {provider: apikey, settings: *s}\n",
			[]string{`a.yaml:3:35: sessions.a.settings.headr: unknown key, did you mean "header"?`},
		},
		"a fault in a merge": {
			"x-s: &s {headr: canary}\nsessions:\n  a: {provider: apikey, settings: {<<: *s, key: k}}\n",
			[]string{`a.yaml:3:40: sessions.a.settings.headr: unknown key, did you mean "header"?`},
		},
		"a fault in an alias in an alias": {
			"x-s: &s {headr: canary, key: k}\nx-t: &t {provider: apikey, settings: *s}\nsessions:\n  a: *t\n",
			[]string{`a.yaml:4:6: sessions.a.settings.headr: unknown key, did you mean "header"?`},
		},
		"a reference in an alias": {
			"x-s: &s {key: '${env:NONE}'}\nsessions:\n  a: {provider: apikey, settings: *s}\n",
			[]string{`a.yaml:3:35: sessions.a.settings.key: the variable NONE is not set`},
		},
		"billion laughs": {bomb + "sessions:\n  a: *a11\n", []string{"a.yaml:14:6: sessions: " + many}},
		"billion merges": {merges + "sessions:\n  a: *a11\n", []string{"a.yaml:14:6: sessions: " + many}},
		"at the top":     {merges + "<<: *a11\nsessions: {}\n", []string{"a.yaml:13:5: " + many}},
		"part of itself": {
			"sessions: &s {a: *s}\n",
			[]string{"a.yaml:1:18: sessions.a.a: the alias stands for something that it is a part of"},
		},
		"merged into itself": {"sessions: &s {<<: *s}\n", nil},
		"in each other": {
			"x-a: &a {b: &b {c: *a}}\nsessions: {a: *b}\n",
			[]string{"a.yaml:2:15: sessions.a.c.b.c: the alias stands for something that it is a part of"},
		},
		"unknown anchor": {
			"sessions: {a: *none}\n",
			[]string{"a.yaml:1:15: not YAML: an alias (*) names no anchor (&): put a text that begins with * in quotes"},
		},
		"an alias as a key": {
			"x-a: &a b\nsessions: {*a : c}\n",
			[]string{"a.yaml:2:12: sessions: a key is an alias: write it out"},
		},
		"a merge of a text": {
			"sessions: {<<: canary}\n",
			[]string{"a.yaml:1:16: sessions: a merge key (<<) wants an object or a list of objects"},
		},
		"a merge of lists": {
			"sessions: {<<: [[{a: b}]]}\n",
			[]string{"a.yaml:1:16: sessions: a merge key (<<) wants an object or a list of objects"},
		},
		"two merges": {
			"sessions: {<<: {}, <<: {}}\n",
			[]string{"a.yaml:1:20: sessions.<<: the key is there twice"},
		},
		"twice beside a merge": {
			"sessions: {<<: {b: {provider: apikey, settings: {key: k}}}, a: 1, a: 2}\n",
			[]string{"a.yaml:1:67: sessions.a: the key is there twice"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			got := faults(t, options(t, "a.yaml", test.text))
			require.Less(t, time.Since(start), 5*time.Second)
			if test.want != nil {
				require.Contains(t, got, test.want[0])
			}
			require.NotContains(t, strings.Join(got, "\n"), "canary")
		})
	}
}

// Keys at the top that begin with "x-" belong to the user, in every format.
func TestKeysOfTheUser(t *testing.T) {
	const canary = "${canary"
	for name, text := range map[string]string{
		"a.yaml": "x-a: {1: [!own {x: '" + canary + "'}], b: 1, b: 2}\nx-: {sessions: 5}\nsessions: {}\n",
		"a.json": `{"x-a": {"": ["` + canary + `"], "b": 1, "b": 1e999}, "x-": null, "sessions": {}}`,
		"a.toml": "x-b = ['" + canary + "']\n[sessions]\n[x-a]\n'' = 2020-01-01\n",
	} {
		load(t, options(t, name, text))
		require.NoError(t, config.Check(t.Context(), options(t, name, text)))
	}
	load(t, sources(t, "", ofMap("m", map[string]any{"x-a": func() {}, "sessions": map[string]any{}})))
	require.Equal(t, []string{
		"a.yaml:1:1: X-a: unknown key; known: environment, default, sessions, store, plugins",
		"a.yaml:2:12: sessions.x-b: want an object with the key provider",
	}, faults(t, options(t, "a.yaml", "X-a: 1\nsessions: {x-b: 1}\n")))
}

// TestSchemaKey proves that a file may name the schema for editors, in every format and in a
// source, and that nothing reads what it names.
func TestSchemaKey(t *testing.T) {
	for name, text := range map[string]string{
		"a.yaml": "$schema: ./authsession.schema.json\nsessions: {}\n",
		"b.yaml": "\"$schema\": '${not:a reference'\nsessions: {}\n",
		"a.json": `{"$schema": "https://example.com/authsession.schema.json", "sessions": {}}`,
		"a.toml": "'$schema' = 'none'\n[sessions]\n",
	} {
		load(t, options(t, name, text))
		require.NoError(t, config.Check(t.Context(), options(t, name, text)), name)
	}
	load(t, sources(t, "", ofMap("m", map[string]any{"$schema": "x", "sessions": map[string]any{}})))
	const problem = "$schema: want a string: the name of a JSON Schema, for editors"
	for name, text := range map[string]string{
		"a.yaml:1:1: ": "$schema: {a: 1}\nsessions: {}\n",
		"b.yaml:1:1: ": "$schema:\nsessions: {}\n",
		"a.json:1:2: ": `{"$schema": 5, "sessions": {}}`,
		"a.toml:1:1: ": "'$schema' = ['x']\n[sessions]\n",
	} {
		file, _, _ := strings.Cut(name, ":")
		require.Equal(t, []string{name + problem}, faults(t, options(t, file, text)))
	}
	require.Equal(t, []string{
		"a.yaml:1:1: $Schema: unknown key; known: environment, default, sessions, store, plugins",
		"a.yaml:2:12: sessions.$schema: want an object with the key provider",
	}, faults(t, options(t, "a.yaml", "$Schema: x\nsessions: {$schema: x}\n")))
}
