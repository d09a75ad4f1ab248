package config_test

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
	"github.com/stretchr/testify/require"
)

// oauthConfig has a setting of each type.
type oauthConfig struct {
	ClientID string            `json:"client_id" required:"true"`
	Secret   core.Secret       `json:"client_secret"`
	Scopes   []string          `json:"scopes"`
	Style    string            `json:"style" default:"basic" enum:"basic,post"`
	Leeway   time.Duration     `json:"leeway"`
	Retries  int               `json:"retries"`
	Strict   bool              `json:"strict"`
	Extra    map[string]string `json:"extra"`
	TLS      struct {
		Roots string `json:"roots"`
	} `json:"tls"`
}

func (c *oauthConfig) Validate(core.Environment) error {
	if c.Retries > 9 {
		return core.Faultf("retries", "want at most 9")
	}
	return nil
}

type keyConfig struct {
	Header string      `json:"header" default:"X-API-Key"`
	Key    core.Secret `json:"key" required:"true"`
}

// open makes a provider whose credential shows its settings.
func open[C any](
	show func(core.Environment, C) string,
) func(context.Context, core.Environment, C) (core.Provider, error) {
	return func(_ context.Context, env core.Environment, c C) (core.Provider, error) {
		return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
			return core.Credential{
				Attach: core.Attachment{
					Header: map[string]core.Secret{"Authorization": core.NewSecret(show(env, c))},
				},
			}, nil
		}), nil
	}
}

func factories() []core.Factory {
	return []core.Factory{
		core.NewFactory(
			core.Info{Kind: "oauth2"},
			open(func(env core.Environment, c oauthConfig) string {
				return strings.Join(
					append(
						[]string{
							cmp.Or(string(env), "any"),
							c.ClientID,
							c.Secret.Reveal(),
							c.Style,
						},
						c.Scopes...),
					" ",
				)
			}),
		),
		core.NewFactory(
			core.Info{Kind: "gs", Environments: []core.Environment{core.Dev, core.QA, core.Prod}},
			open(func(env core.Environment, c oauthConfig) string {
				return strings.Join([]string{string(env), c.ClientID, c.Secret.Reveal()}, " ")
			}),
		),
		core.NewFactory(
			core.Info{Kind: "apikey"},
			open(func(_ core.Environment, c keyConfig) string {
				return c.Header + " " + c.Key.Reveal()
			}),
		),
	}
}

// write writes a file into a folder of its own, or into dir.
func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// options loads one text as a file, without the process's variables.
func options(t testing.TB, name, text string, environ ...string) config.Options {
	return config.Options{
		Files: []string{
			write(t, "", name, text),
		}, Factories: factories(), Stores: store.Builtin(), Scope: new(core.Scope),
		Environ: append([]string{}, environ...),
	}
}

// load loads what must be good.
func load(t testing.TB, opts config.Options) *config.Config {
	t.Helper()
	cfg, err := config.Load(context.Background(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, cfg.Close(context.Background())) })
	return cfg
}

// faults loads what must be faulty and returns the faults, without the folder.
func faults(t testing.TB, opts config.Options) []string {
	t.Helper()
	cfg, err := config.Load(context.Background(), opts)
	require.Error(t, err)
	require.Nil(t, cfg)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.Equal(t, core.CodeBadConfig, core.CodeOf(err))
	var e *config.Error
	require.True(t, errors.As(err, &e), "%v", err)
	var out []string
	for _, f := range e.Faults {
		if f.File != "" {
			f.File = filepath.Base(f.File)
		}
		out = append(out, f.Error())
	}
	return out
}

// header initialises a session and returns what its requests carry.
func header(t testing.TB, cfg *config.Config, name string) string {
	t.Helper()
	s, err := cfg.Session(name)
	require.NoError(t, err)
	require.NoError(t, s.Init(context.Background()))
	c, err := s.Credential(context.Background())
	require.NoError(t, err)
	return c.Attach.Header["Authorization"].Reveal()
}

// settle makes a file as old as one that nobody is writing.
func settle(t testing.TB, name string) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(name, old, old))
}
