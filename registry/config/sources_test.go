package config_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// sourcesOf writes each key of a session as "place key value".
func sourcesOf(
	t *testing.T, name, text string, opts func() []core.Factory, environ ...string,
) string {
	o := options(t, "a.yaml", text, environ...)
	if opts != nil {
		o.Factories = append(o.Factories, opts()...)
	}
	sources, err := load(t, o).Sources(name)
	require.NoError(t, err)
	var b strings.Builder
	for _, s := range sources {
		s.File = strings.TrimPrefix(s.File, filepath.Dir(o.Files[0])+string(filepath.Separator))
		fmt.Fprintf(&b, "%s %s %s\n", s, strings.TrimPrefix(s.Key, "sessions."+name+"."), s.Value)
	}
	return b.String()
}

func TestSources(t *testing.T) {
	require.Equal(t, `a.yaml:4:7 provider oauth2
default environment 
default origins 
AUTHSESSION_SESSIONS__A__LAZY lazy REDACTED
default keep_fresh 
a.yaml:7:14 environments.qa.early 5s
default timeout 
default sign_in_timeout 
default allow_http 
default no_replay 
default refused_status 
default proxy 
default tls 
a.yaml:2:9 store.kind file
a.yaml:2:21 store.path x
default inputs 
a.yaml:5:18 settings.client_id me
a.yaml:5:33 settings.client_secret REDACTED
a.yaml:7:36 environments.qa.settings.scopes [r, w]
default settings.style basic
default settings.leeway 
default settings.retries 
default settings.strict 
a.yaml:5:68 settings.extra.aud x
a.yaml:5:76 settings.extra.res REDACTED
default settings.tls 
`, strings.ReplaceAll(sourcesOf(t, "a", `
store: {kind: file, path: x, key_file: null}
sessions:
  a: {provider: oauth2,
      settings: {client_id: me, client_secret: "${env:S}", extra: {aud: x, res: "${env:S}"}},
      environments: {
        qa: {early: 5s, settings: {scopes: [r, w]}}}}
environment: qa
`, nil, "S=s3cr3t", "AUTHSESSION_SESSIONS__A__LAZY=true"), "sessions.store", "store"))
}

func TestSourcesHaveDocs(t *testing.T) {
	type settings struct {
		User string `json:"user" doc:"Who it is."`
	}
	f := core.NewFactory(
		core.Info{Kind: "doc"},
		func(context.Context, core.Environment, settings) (core.Provider, error) {
			return nil, nil
		},
	)
	opts := options(t, "a.yaml", "sessions: {a: {provider: doc, store: {kind: keyring, service: x}}}")
	opts.Factories = []core.Factory{f}
	sources, err := load(t, opts).Sources("a")
	require.NoError(t, err)
	for _, s := range sources {
		require.NotEmpty(t, s.Doc, s.Key)
	}
	require.Equal(t, "Who it is.", sources[len(sources)-1].Doc)
}

// Nobody knows which settings of a plugin that was not started are secret.
func TestSourcesOfAPluginThatWasNotStarted(t *testing.T) {
	unknown := func() []core.Factory { return []core.Factory{notStarted("later")} }
	require.Contains(
		t,
		sourcesOf(t, "a", "sessions: {a: {provider: later, settings: {user: me, deep: {key: k}}}}",
			unknown),
		"a.yaml:1:54 settings.deep REDACTED\na.yaml:1:44 settings.user REDACTED\n",
	)
}

func TestSourcesOfNoSession(t *testing.T) {
	var asked atomic.Int32
	cfg := load(t, withCount(options(t, "a.yaml", "sessions: {prices: {provider: count}}"), &asked))
	_, err := cfg.Sources("price")
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, `did you mean "prices"?`)
}

// notStarted is the factory of a plugin that was not started.
func notStarted(kind string) core.Factory {
	return core.ProxyFactory(
		func() (core.Info, []core.Setting) { return core.Info{Kind: kind, Plugin: "p"}, nil },
		func(core.Environment, map[string]any) error { return nil },
		func(context.Context, core.Environment, map[string]any) (core.Provider, error) {
			return nil, core.Errorf(core.CodeUnavailable, "the plugin was started")
		})
}
