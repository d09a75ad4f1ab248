package config_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/registry/config"
)

// host stands for a host of plugins. Its providers' credentials show the
// plugin's checksum; like a real one it knows no settings before the start.
type host struct {
	named   map[string]string // the checksum that a name stands for
	made    int
	started int
	refuse  error
}

func (h *host) Plugin(p registry.Plugin) ([]core.Factory, error) {
	if len(p.SHA256) != 4 {
		return nil, core.Errorf(core.CodeBadConfig, "plugin %q: sha256: want 4 digits", p.Name)
	}
	h.made++
	h.named[p.Name] = p.SHA256
	kinds := p.Kinds
	if kinds == nil {
		kinds = []string{p.Name}
	}
	var out []core.Factory
	for _, kind := range kinds {
		out = append(out, core.ProxyFactory(
			func() (core.Info, []core.Setting) { return core.Info{Kind: kind}, nil },
			func(core.Environment, map[string]any) error { return nil },
			func(_ context.Context, env core.Environment, settings map[string]any) (core.Provider, error) {
				return core.ProviderFunc(
					func(context.Context, core.Request) (core.Credential, error) {
						c := core.Credential{
							Attach: core.Attachment{
								Header: map[string]core.Secret{
									"Authorization": core.NewSecret(
										p.SHA256 + " " + kind + " in " + string(env) + ".",
									),
								},
							},
						}
						c.Expiry = time.Now().Add(time.Hour)
						return c, nil
					},
				), nil
			},
		))
	}
	return out, nil
}

func (h *host) DescribePlugin(context.Context, registry.Plugin) error {
	h.started++
	return h.refuse
}

const withPlugins = `
environment: staging
plugins:
  sso: {path: /opt/sso, sha256: "0001", kinds: [sso, ticket], env: [HOME]}
sessions:
  a: {provider: sso, settings: {anything: goes}, environments: {qa: {settings: {x: 1}}}}
  b: {provider: ticket}
  c: {provider: apikey, settings: {key: three}}
`

func TestPlugins(t *testing.T) {
	ctx := t.Context()
	opts := options(t, "a.yaml", withPlugins)
	h := &host{named: map[string]string{}}
	opts.Plugins = h
	cfg := load(t, opts)
	require.Zero(t, h.started, "loading starts no plugin")
	require.Equal(t, "0001 sso in staging.", header(t, cfg, "a"))
	require.Equal(t, "0001 ticket in staging.", header(t, cfg, "b"))
	require.Len(t, cfg.Registry().Kinds(), 5)
	a, err := cfg.Session("a")
	require.NoError(t, err)
	src, err := cfg.Source("a", "settings.anything")
	require.NoError(t, err)
	require.Equal(t, "REDACTED", src.Value, "a setting that nobody knows yet may be a secret")

	dir := filepath.Dir(opts.Files[0])
	require.NoError(t, cfg.Reload(ctx))
	require.Equal(t, 1, h.made, "an unchanged plugin is the same")
	require.EqualValues(t, 1, a.Status().Authentications)

	// Another binary: the session moves over, and no request fails.
	changed := func(sum, more string) string {
		return "plugins:\n  sso: {path: /opt/sso, sha256: \"" + sum + "\"}\nsessions:\n" +
			"  a: {provider: sso}\n" + more
	}
	write(t, dir, "a.yaml", changed("0002", ""))
	require.NoError(t, cfg.Reload(ctx))
	require.Eventually(t, func() bool { return header(t, cfg, "a") == "0002 sso in ." }, 20*time.Second,
		time.Millisecond)
	require.Len(t, cfg.Registry().Kinds(), 4, "ticket is gone")

	// Faulty: the name goes back to the binary in use.
	write(t, dir, "a.yaml", changed("0003", "  b: {provider: ticket}\n"))
	require.ErrorIs(t, cfg.Reload(ctx), core.CodeBadConfig)
	require.Equal(t, "0002", h.named["sso"])
	require.Equal(t, "0002 sso in .", header(t, cfg, "a"))
}

func TestPluginFaults(t *testing.T) {
	for _, tc := range []struct{ name, plugins, want string }{
		{"no object", "[x]", "a.yaml:1:1: plugins: want an object"},
		{"no keys", "{x: 1}", "a.yaml:1:11: plugins.x: want an object with the keys path and sha256"},
		{"missing", "{x: {path: /x}}", "plugins.x.sha256: missing"},
		{"misspelt", "{x: {pth: /x, sha256: '0001'}}", `plugins.x.pth: unknown key, did you mean ` +
			`"path"?`},
		{"refused", "{x: {path: /x, sha256: '01'}}", `a.yaml:1:11: plugins.x: plugin "x": sha256: ` +
			`want 4 digits`},
		{"a reference in args", "{x: {path: /x, sha256: '0001', args: [a, " +
			"'--t=${file:/etc/hostname}']}}", "plugins.x.args.1: no reference can be here"},
		{"a reference in env", "{x: {path: /x, sha256: '0001', env: ['T=${file:/etc/hostname}']}}",
			"plugins.x.env.0: no reference can be here"},
		{"a kind that is there", "{gs: {path: /x, sha256: '0001'}}", `plugins.gs: kind "gs" is ` +
			`already there`},
		{"a kind twice", "{x: {path: /x, sha256: '0001'}, y: {path: /y, sha256: '0001', kinds: [x]}}",
			`plugins.y: kind "x" is already there`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := options(t, "a.yaml",
				"plugins: "+tc.plugins+"\nsessions: {c: {provider: apikey, settings: {key: three}}}\n")
			opts.Plugins = &host{named: map[string]string{}}
			require.ErrorContains(t, loadErr(opts), tc.want)
		})
	}
	opts := options(t, "a.yaml", withPlugins)
	h := &host{
		named:  map[string]string{},
		refuse: core.Errorf(core.CodeBadConfig, "the checksum is another"),
	}
	opts.Plugins, opts.StartPlugins = h, true
	require.ErrorContains(t, loadErr(opts), "a.yaml:4:3: plugins.sso: the checksum is another")
	require.Equal(t, 1, h.started)
}

func loadErr(opts config.Options) error {
	_, err := config.Load(context.Background(), opts)
	return err
}

// TestPluginWithAnUnresolvedReference proves that the kinds of such a plugin are not reported as
// unknown as well.
func TestPluginWithAnUnresolvedReference(t *testing.T) {
	opts := options(t, "a.yaml", "plugins: {sso: {path: \"${env:UNSET}\", sha256: '0001'}}\n"+
		"sessions: {a: {provider: sso}}\n")
	opts.Plugins = &host{named: map[string]string{}}
	require.Equal(t, []string{"a.yaml:1:17: plugins.sso.path: the variable UNSET is not set"},
		faults(t, opts))
}
