// Package schema_test compares the verdict of a public validator of JSON Schema, with our schema
// of configuration files, to that of config.Check.
package schema_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// odd has a setting of each type that no built-in kind has, and a name that is not for URLs.
func odd() core.Factory {
	type inner struct {
		Name  string `json:"name" required:"true"`
		Count int    `json:"count"`
	}
	type settings struct {
		Ratio   float64          `json:"ratio" default:"0.5"`
		Strict  bool             `json:"strict" default:"true"`
		List    []inner          `json:"list"`
		Map     map[string]inner `json:"map"`
		Numbers []int            `json:"numbers"`
		Any     any              `json:"any"`
	}
	info := core.Info{Kind: "odd/100% ~kind", Environments: []core.Environment{core.QA, core.Prod}}
	return core.NewFactory(info, open[settings])
}

func open[C any](context.Context, core.Environment, C) (core.Provider, error) { return nil, nil }

func options() config.Options {
	nothing := core.NewFactory(core.Info{Kind: "nothing"}, open[struct{}])
	return config.Options{
		Factories: append(providers.Builtin(), odd(), nothing), Stores: store.Builtin(), Environ: []string{},
	}
}

func compile(t *testing.T, text []byte, err error) *jsonschema.Schema {
	t.Helper()
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	c := jsonschema.NewCompiler()
	require.NoError(t, c.AddResource("schema.json", doc))
	s, err := c.Compile("schema.json") // checks it against draft-07
	require.NoError(t, err)
	return s
}

func parse(t *testing.T, text string) (out any) {
	t.Helper()
	require.NoError(t, yaml.Unmarshal([]byte(text), &out))
	return out
}

func check(t *testing.T, opts config.Options, text string) error {
	opts.Files = []string{filepath.Join(t.TempDir(), "a.yaml")}
	require.NoError(t, os.WriteFile(opts.Files[0], []byte(text), 0o600))
	return config.Check(t.Context(), opts)
}

// fixtures are files, with whether they are good.
var fixtures = []struct {
	name, text string
	good       bool
}{
	{"minimal", "sessions: {a: {provider: basic, settings: {username: u, password: p}}}", true},
	{
		"top",
		"environment: qa\ndefault: a\nsessions: {a: {provider: nothing, environments: {qa: null}}}",
		true,
	},
	{"the name of a schema", "$schema: authsession.schema.json\nsessions: {}", true},
	{"a schema that is no text", "$schema: {}\nsessions: {}", false},
	{"unknown top key", "default: a\nsesions: {}\nsessions: {a: {provider: nothing}}", false},
	{"no object", "sessions: [a]", false},
	{"unknown provider", "sessions: {a: {provider: oauth}}", false},
	{"unknown key of a session", "sessions: {a: {provider: nothing, erly: 5s}}", false},
	{
		"unknown setting",
		"sessions: {a: {provider: basic, settings: {username: u, password: p, pass: x}}}",
		false,
	},
	{"missing setting", "sessions: {a: {provider: basic, settings: {username: u}}}", false},
	{"missing settings", "sessions: {a: {provider: basic}}", false},
	{
		"settings in the sections",
		"sessions: {a: {provider: basic, environments: {qa: {settings: {username: u, password: p}}}}}",
		true,
	},
	{
		"unknown setting in a section",
		"sessions: {a: {provider: basic, settings: {username: u, password: p}, environments: {qa: {settings: {usr: u}}}}}",
		false,
	},
	{
		"unknown key in a section",
		"sessions: {a: {provider: nothing, environments: {qa: {provider: basic}}}}",
		false,
	},
	{
		"options",
		`sessions: {a: {provider: nothing, origins: ["https://a.example"], lazy: true, keep_fresh: false,
  early: 1m30s, timeout: 1.5h, allow_http: false, no_replay: true, refused_status: [419], inputs: {}}}`,
		true,
	},
	{
		"nulls",
		"sessions: {a: {provider: nothing, origins: null, lazy: null, early: null, settings: null, environments: null, store: null, inputs: null}}",
		true,
	},
	{
		"references",
		`sessions: {a: {provider: oauth2, environment: "${env:E}", lazy: "${env:L}", early: "${env:D}", refused_status: ["${env:S}"],
  origins: ["${env:O}"], store: {kind: "${env:K}", path: x}, settings: {grant: "${env:G}", client_id: "${env:I}", dpop: "${file:d}"}}}`,
		true,
	},
	{
		"a number for a string",
		"sessions: {a: {provider: basic, settings: {username: 1, password: p}}}",
		false,
	},
	{"a text for a bool", "sessions: {a: {provider: nothing, lazy: soon}}", false},
	{"a number for a duration", "sessions: {a: {provider: nothing, early: 5}}", false},
	{"no duration", "sessions: {a: {provider: nothing, early: 5 minutes}}", false},
	{"a text for a list", "sessions: {a: {provider: nothing, origins: https://a.example}}", false},
	{"a reference for a list", `sessions: {a: {provider: nothing, origins: "${env:O}"}}`, false},
	{"a reference for an object", `sessions: {a: {provider: basic, settings: "${env:O}"}}`, false},
	{
		"not in the list",
		"sessions: {a: {provider: oauth2, settings: {grant: magic, token_url: \"https://a.example\", client_id: x}}}",
		false,
	},
	{
		"types",
		`sessions: {a: {provider: "odd/100% ~kind", environment: qa, settings: {ratio: 0.25, strict: false, list: [{name: x}, {name: y, count: 2}],
  map: {k: {name: z}}, numbers: [1, 2], any: [{}, 1]}}}`,
		true,
	},
	{
		"not an integer",
		`sessions: {a: {provider: "odd/100% ~kind", environment: qa, settings: {numbers: [1.5]}}}`,
		false,
	},
	{
		"missing in a list",
		`sessions: {a: {provider: "odd/100% ~kind", environment: qa, settings: {list: [{count: 1}]}}}`,
		false,
	},
	{
		"unknown in a map",
		`sessions: {a: {provider: "odd/100% ~kind", environment: qa, settings: {map: {k: {name: x, nam: y}}}}}`,
		false,
	},
	{
		"unknown environment",
		`sessions: {a: {provider: "odd/100% ~kind", environments: {qq: {early: 5s}}}}`,
		false,
	},
	{
		"stores",
		"store: {kind: file, path: x, key_file: y}\nsessions: {a: {provider: nothing, store: {kind: keyring, service: s}}, b: {provider: nothing, store: {path: z}}}",
		true,
	},
	{"unknown kind of store", "store: {kind: files}\nsessions: {}", false},
	{"unknown key of a store", "store: {kind: file, pth: x}\nsessions: {}", false},
	{"key of another store", "store: {kind: keyring, path: x}\nsessions: {}", false},
	{"type in a store", "store: {kind: file, path: [x]}\nsessions: {a: {provider: nothing}}", false},
	{"no plugins", "plugins: {}\nsessions: {}", false},
}

func TestSchemaAgreesWithCheck(t *testing.T) {
	opts := options()
	text, err := config.Schema(opts)
	s := compile(t, text, err)
	for _, f := range fixtures {
		t.Run(f.name, func(t *testing.T) {
			verdict, faults := s.Validate(parse(t, f.text)), check(t, opts, f.text)
			require.Equal(t, f.good, verdict == nil, "the schema says %v", verdict)
			require.Equal(t, f.good, faults == nil, "Check says %v", faults)
		})
	}
}

// The files that the pages show are good, as they are.
func TestPages(t *testing.T) {
	opts := options()
	text, err := config.Schema(opts)
	s := compile(t, text, err)
	block := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")
	shown := 0
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/providers/*.md"} {
		pages, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, page := range pages {
			text, err := os.ReadFile(page)
			require.NoError(t, err)
			for _, m := range block.FindAllStringSubmatch(string(text), -1) {
				var file map[string]any
				if yaml.Unmarshal([]byte(m[1]), &file) != nil || file["sessions"] == nil ||
					file["plugins"] != nil {
					continue
				}
				kinds := regexp.MustCompile(`provider: ([\w-]+)`).FindAllStringSubmatch(m[1], -1)
				known := true
				for _, k := range kinds {
					known = known &&
						strings.Contains(" apikey basic bearer exec gs mtls oauth2 ", " "+k[1]+" ")
				}
				if !known {
					continue
				}
				shown++
				require.NoError(t, s.Validate(any(file)), "%s: %s", page, m[1])
				require.NoError(t, check(t, opts, m[1]), "%s: %s", page, m[1])
			}
		}
	}
	require.Greater(t, shown, 3)
}

// later is a plugin's factory, before the plugin was started and afterwards.
func later(started bool) core.Factory {
	describe := func() (core.Info, []core.Setting) {
		info := core.Info{Kind: "later", Plugin: "p"}
		if !started {
			return info, nil
		}
		info.Summary = "a plugin's"
		return info, []core.Setting{
			{Name: "user", Type: "string", Required: true},
			{Name: "new", Type: "a type of later"},
		}
	}
	return core.ProxyFactory(describe, func(core.Environment, map[string]any) error { return nil }, nil)
}

type host struct{ started bool }

func (h host) Plugin(registry.Plugin) ([]core.Factory, error) {
	return []core.Factory{later(h.started)}, nil
}
func (h host) DescribePlugin(context.Context, registry.Plugin) error { return nil }

// The settings of a plugin that was not started are open, and then as it describes them. A file
// that is loaded knows the kinds of its plugins, and no others.
func TestPlugins(t *testing.T) {
	section := "plugins: {p: {path: /p, sha256: " + strings.Repeat("ab", 32) + "}}\n"
	good, bad, other := section+"sessions: {a: {provider: later, settings: {user: me}}}",
		section+"sessions: {a: {provider: later, settings: {usr: me}}}",
		section+"sessions: {a: {provider: other, settings: {usr: me}}}"
	for _, started := range []bool{false, true} {
		opts := options()
		opts.Plugins, opts.Scope = host{started}, new(core.Scope)
		text, err := config.Schema(opts)
		s := compile(t, text, err)
		for _, text := range []string{good, bad, other} {
			require.NoError(t, s.Validate(parse(t, text)), "the kinds of the file are not known")
		}
		require.Error(t, s.Validate(parse(t, "plugins: {p: {path: /p}}\nsessions: {}")))
		require.Error(t, s.Validate(parse(t, section+"sessions: {a: {provider: later, erly: 5s}}")))

		opts.Files = []string{filepath.Join(t.TempDir(), "a.yaml")}
		require.NoError(t, os.WriteFile(opts.Files[0], []byte(good), 0o600))
		cfg, err := config.Load(t.Context(), opts)
		require.NoError(t, err)
		text, err = cfg.Schema()
		s = compile(t, text, err)
		require.NoError(t, s.Validate(parse(t, good)))
		require.Error(t, s.Validate(parse(t, other)))
		require.Equal(t, started, s.Validate(parse(t, bad)) != nil)
		require.NoError(t, cfg.Close(t.Context()))
	}
}

// The settings of a kind that has none are open; Check knows better.
func TestKindWithoutSettings(t *testing.T) {
	opts := options()
	text, err := config.Schema(opts)
	s := compile(t, text, err)
	file := "sessions: {a: {provider: nothing, settings: {x: 1}}}"
	require.NoError(t, s.Validate(parse(t, file)))
	require.ErrorContains(t, check(t, opts, file), "unknown key")
	require.Error(t, s.Validate(parse(t, "sessions: {a: {provider: nothing, settings: [x]}}")))

	text, err = config.Schema(config.Options{})
	s = compile(t, text, err)
	require.NoError(t, s.Validate(parse(t, "sessions: {}")))
	require.Error(t, s.Validate(parse(t, "store: {kind: file}\nsessions: {}")))
	_, err = config.Schema(config.Options{Factories: []core.Factory{{}}})
	require.ErrorIs(t, err, core.CodeBadConfig)
	_, err = config.Schema(config.Options{Stores: []core.StoreFactory{{}}})
	require.ErrorIs(t, err, core.CodeBadConfig)
}
