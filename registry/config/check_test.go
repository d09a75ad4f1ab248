package config_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/registry/config"
)

// checked returns the faults that Check finds, without the folder.
func checked(t testing.TB, opts config.Options) (out []string) {
	t.Helper()
	err := config.Check(context.Background(), opts)
	if err == nil {
		return nil
	}
	require.ErrorIs(t, err, core.CodeBadConfig)
	var e *config.Error
	require.True(t, errors.As(err, &e), "%v", err)
	for _, f := range e.Faults {
		if f.File != "" {
			f.File = filepath.Base(f.File)
		}
		out = append(out, f.Error())
	}
	return out
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		environ []string
		want    []string
	}{
		"nothing is wrong": {`
environment: qa
store: {kind: file, path: "${env:DIR}", key_file: "${file:/nowhere/key}"}
sessions:
  a: {provider: oauth2, settings: {client_id: x, client_secret: "${file:/nowhere}", retries: "${env:NONE}"}}
  b: {provider: gs, environments: {qa: {settings: {client_id: q}}, prod: {settings: {client_id: p}}, dev: {settings: {client_id: d}}}}
  c: {provider: "${env:NONE}", settings: {any: thing}}
  d: {provider: apikey, environment: "${env:NONE}", origins: ["${env:NONE}"], refused_status: ["${env:NONE}"], settings: {key: k}}
  e: {provider: apikey, settings: {key: k}, store: {kind: "${env:NONE}", address: x}}
`, nil, nil},
		"every environment": {`
sessions:
  a:
    provider: oauth2
    environments:
      qa: {settings: {client_id: q, retries: 10}, timeout: soon}
      prod: {settings: {scopes: all}}
  b: {provider: apikey}
`, nil, []string{
			"a.yaml:6:37: sessions.a.environments.qa.settings.retries: want at most 9",
			`a.yaml:6:51: sessions.a.environments.qa.timeout: want a duration, such as "30s" or "5m"`,
			"a.yaml:7:14: sessions.a.environments.prod.settings.client_id: missing",
			"a.yaml:7:25: sessions.a.environments.prod.settings.scopes: want a list of strings, found a string",
			"a.yaml:8:3: sessions.b.settings.key: missing",
		}},
		"an environment without a section": {`
sessions:
  a: {provider: oauth2, environments: {qa: {settings: {client_id: q}}}}
  b: {provider: apikey, settings: {key: k}, environments: {uat: {early: 5s}}}
`, nil, []string{
			`a.yaml:3:3: sessions.a.settings.client_id: missing (in the environment "uat")`,
		}},
		"an environment of the provider": {`
sessions:
  a: {provider: gs, environments: {qa: {settings: {client_id: q}}, prod: {settings: {client_id: q}}, uat: {settings: {client_idd: x}}}}
`, nil, []string{
			`a.yaml:3:3: sessions.a.settings.client_id: missing (in the environment "dev")`,
			`a.yaml:3:102: sessions.a.environments.uat: provider "gs" has no such environment; known: ` +
				`dev, qa, prod`,
			`a.yaml:3:119: sessions.a.environments.uat.settings.client_idd: unknown key, did you mean ` +
				`"client_id"?`,
		}},
		"a session's own environment": {`
environment: q
sessions:
  a: {provider: oauth2, environment: prod, settings: {client_id: x}, environments: {qa: {settings: {scope: x}}, prod: {early: 1}}}
  b: {provider: gs, environment: prd, settings: {client_id: x}}
`, nil, []string{
			`a.yaml:2:1: environment: unknown environment "q", did you mean "qa"?; known: dev, prod, qa`,
			`a.yaml:4:101: sessions.a.environments.qa.settings.scope: unknown key, did you mean "scopes"?`,
			`a.yaml:4:120: sessions.a.environments.prod.early: want a duration with its unit, such as "30s" or "5m", found an integer`,
			`a.yaml:5:21: sessions.b.environment: unknown environment "prd", did you mean "prod"?; ` +
				`known: dev, prod, qa`,
		}},
		"references": {`
sessions:
  a: {provider: oauth2, settings: {client_id: "${evn:X}"}, environments: {qa: {settings: {style: "${env:}"}}, prod: {}}}
`, nil, []string{
			`a.yaml:3:36: sessions.a.settings.client_id: unknown reference, did you mean "env"? (want ` +
				`${env:NAME} or ${file:PATH}; ` + adds + `"$${" is a literal "${")`,
			`a.yaml:3:91: sessions.a.environments.qa.settings.style: a reference names nothing usable ` +
				`(want ${env:NAME})`,
		}},
		"references that cannot be right": {`
sessions:
  a: {provider: oauth2, settings: {client_id: x, scopes: "${env:S}", extra: "${env:S}", tls: "${env:S}"}, origins: "${env:S}"}
`, nil, []string{
			`a.yaml:3:50: sessions.a.settings.scopes: want a list of strings`,
			`a.yaml:3:70: sessions.a.settings.extra: want an object whose values are strings`,
			`a.yaml:3:89: sessions.a.settings.tls: want an object`,
			`a.yaml:3:107: sessions.a.origins: want a list of strings`,
		}},
		"stores": {`
sessions:
  a: {provider: apikey, settings: {key: k}, environments: {qa: {store: {kind: file, pth: x}}, prod: {store: {kind: vault}}}}
`, nil, []string{
			`a.yaml:3:85: sessions.a.environments.qa.store.pth: unknown key, did you mean "path"?`,
			`a.yaml:3:110: sessions.a.environments.prod.store.kind: want one of memory, file, keyring, first ` +
				`(forgotten to give its factory in config.Options.Stores?)`,
		}},
		"inputs": {`
sessions:
  a: {provider: count, environments: {qa: {inputs: {subject: b}}, prod: {inputs: {subject: c}}}}
  b: {provider: count, environments: {qa: {inputs: {subject: a}}, prod: {inputs: {subject: nobody}}}}
  c: {provider: count}
`, nil, []string{
			`a.yaml:3:53: sessions.a.environments.qa.inputs.subject: the session would wait for itself: ` +
				`a → b → a`,
			`a.yaml:4:83: sessions.b.environments.prod.inputs.subject: unknown session; known: a, b, c`,
		}},
		"a reference that is there": {`
sessions:
  a: {provider: oauth2, settings: {client_id: x, retries: "${env:N}"}}
`, []string{"N=many"}, nil},
		"a fault of the top": {`
store: {kind: file, pth: x}
sessions:
  a: {provider: count, environments: {qa: {store: {kind: keyring}}, prod: {}}}
`, nil, []string{`a.yaml:2:21: store.pth: unknown key, did you mean "path"?`}},
		"inputs in one environment": {`
sessions:
  a: {provider: count, inputs: {subject: b}}
  b: {provider: count, environments: {zz: {inputs: {subject: a}}}}
  c: {provider: count, environments: {aa: {}, bb: {}}}
`, nil, []string{
			`a.yaml:3:33: sessions.a.inputs.subject: the session would wait for itself: a → b → a (in ` +
				`the environment "zz")`,
		}},
		"variables": {`
sessions:
  a: {provider: oauth2, environments: {qa: {}, prod: {settings: {client_id: x}}}}
`, []string{"AUTHSESSION_SESSIONS__A__ENVIRONMENTS__QA__SETTINGS__CLIENT_ID=x", "AUTHSESSION_DEFUALT=a", "AUTHSESSION_ENVIRONMENT=prd"}, []string{
			`AUTHSESSION_DEFUALT: no key goes by this name, did you mean AUTHSESSION_DEFAULT?`,
			`AUTHSESSION_ENVIRONMENT: environment: unknown environment "prd", did you mean "prod"?; ` +
				`known: prod, qa`,
		}},
		"no sessions": {"environment: qa\n", nil, []string{
			"sessions: missing",
			`a.yaml:1:1: environment: unknown environment: no session has a section for one, and no ` +
				`provider knows one`,
		}},
		"no file": {"", nil, []string{"a.yaml: the file is empty: write the key sessions, or do not name the file"}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			opts := withCount(options(t, "a.yaml", c.text, c.environ...), &asked)
			require.Equal(t, c.want, checked(t, opts))
			require.Zero(t, asked.Load())
		})
	}
}

// What Check accepts, Load loads in each environment once the references are there; what Load
// refuses for another reason than a reference, Check refuses.
func TestCheckAgreesWithLoad(t *testing.T) {
	text := `
sessions:
  a: {provider: oauth2, settings: {client_id: "${env:ID}"}, environments: {qa: {early: 1s}, prod: {settings: {retries: RETRIES}}}}
  b: {provider: gs, settings: {client_id: x}}
`
	for _, retries := range []string{"9", "10", "many", `"${env:N}"`, "[1]"} {
		opts := options(t, "a.yaml", strings.ReplaceAll(text, "RETRIES", retries), "ID=x", "N=3")
		found := checked(t, opts)
		var want []string
		for _, env := range []core.Environment{core.QA, core.Prod} {
			opts.Environment = env
			if cfg, err := config.Load(t.Context(), opts); err == nil {
				require.NoError(t, cfg.Close(t.Context()))
			} else {
				want = append(want, faults(t, opts)...)
			}
		}
		require.Equal(t, want, found, retries)
	}
}

// Check starts no plugin, whatever the options say, and asks it nothing.
func TestCheckStartsNoPlugin(t *testing.T) {
	section := "plugins: {p: {path: /p, sha256: \"" + strings.Repeat("0",
		64) + "\", kinds: [later]}}\n"
	opts := options(t, "a.yaml", section+`
sessions:
  a: {provider: later, settings: {any: thing}, environments: {qa: {settings: {other: 1}}}}
  b: {provider: later, erly: 5s}
`)
	opts.Plugins, opts.StartPlugins = unstarted{}, true
	require.Equal(t, []string{`a.yaml:5:24: sessions.b.erly: unknown key, did you mean "early"?`},
		checked(t, opts))
	opts.Plugins = nil
	require.Contains(t, checked(t, opts)[0], "a.yaml:1:1: plugins: this program runs no plugins")
}

// unstarted are plugins that fail the test by their error once one is started.
type unstarted struct{}

func (unstarted) Plugin(p registry.Plugin) (out []core.Factory, err error) {
	for _, kind := range p.Kinds {
		out = append(out, notStarted(kind))
	}
	return out, nil
}

func (unstarted) DescribePlugin(context.Context, registry.Plugin) error {
	return core.Errorf(core.CodeUnavailable, "the plugin was started")
}

// Check makes nothing: no store, no session, no current one.
func TestCheckMakesNothing(t *testing.T) {
	var opened atomic.Int32
	dir := t.TempDir()
	opts := options(t, "a.yaml",
		"default: a\n"+
			"sessions: {a: {provider: apikey, settings: {key: k}, store: {kind: shelf, address: x}}}")
	opts.Stores = append(opts.Stores, shelf(&opened))
	require.Empty(t, checked(t, opts))
	require.Zero(t, opened.Load())
	_, err := opts.Scope.Current(t.Context())
	require.Error(t, err)
	list, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, list)
}

func TestCheckThousandSessions(t *testing.T) {
	opts := options(t, "x.yaml", "")
	opts.Files = []string{thousand(t)}
	require.Empty(t, checked(t, opts))
}

// A file of many environments for many sessions is left when its caller leaves.
func TestCheckEndsWithItsContext(t *testing.T) {
	var b strings.Builder
	b.WriteString(
		"sessions:\n  a:\n    provider: apikey\n    settings: {key: k, header: " + strings.Repeat("x",
			1000) + "}\n    environments:\n",
	)
	for i := range 20_000 {
		b.WriteString(
			"      e" + strings.Repeat("x", i%7) + string(
				rune('a'+i%26),
			) + "-" + time.Duration(i).
				String() +
				": {early: 1s}\n",
		)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	start := time.Now()
	err := config.Check(ctx, options(t, "a.yaml", b.String()))
	require.ErrorIs(t, err, context.Canceled)
	require.Less(t, time.Since(start), 5*time.Second)
}

func TestCheckOfBadOptions(t *testing.T) {
	opts := options(t, "a.yaml", "sessions: {}")
	opts.Factories = append(opts.Factories, core.Factory{})
	require.ErrorIs(t, config.Check(t.Context(), opts), core.CodeBadConfig)
	opts = options(t, "a.yaml", "sessions: {}")
	opts.Stores = append(opts.Stores, core.StoreFactory{})
	require.ErrorIs(t, config.Check(t.Context(), opts), core.CodeBadConfig)
}
