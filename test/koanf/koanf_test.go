// Package koanf proves that koanf's own providers are sources of a configuration.
package koanf_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/basicflag"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// load loads a configuration from sources alone and returns the header that the
// session "prices" attaches.
func load(t *testing.T, sources ...*config.KoanfSource) (core.Secret, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	cfg, err := authsession.Load(t.Context(), &authsession.Options{
		Sources: sources, Environ: []string{"KEY=s3cr3t"}, Scope: new(core.Scope),
		Session: core.Options{Lazy: true},
	})
	if err != nil {
		return core.Secret{}, err
	}
	defer func() { require.NoError(t, cfg.Close(t.Context())) }()
	s, err := cfg.Session("prices")
	require.NoError(t, err)
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	return c.Attach.Header["X-Api-Key"], nil
}

func TestConfmap(t *testing.T) {
	nested := map[string]any{"sessions": map[string]any{"prices": map[string]any{
		"provider": "apikey", "origins": []string{"https://prices.example"}, "keep_fresh": true,
		"settings": map[string]any{"header": "X-Api-Key", "key": "${env:KEY}"},
	}}}
	flat := map[string]any{
		"sessions.prices.provider": "apikey", "sessions.prices.origins": "https://prices.example",
		"sessions.prices.settings.header": "X-Api-Key", "sessions.prices.settings.key": "${env:KEY}",
	}
	for _, source := range []*config.KoanfSource{
		{Name: "nested", Provider: confmap.Provider(nested, "")},
		{Name: "flat", Provider: confmap.Provider(flat, ".")},
		{Name: "flat", Provider: confmap.Provider(flat, ""), Delimiter: "."},
	} {
		key, err := load(t, source)
		require.NoError(t, err)
		require.Equal(t, "s3cr3t", key.Reveal())
	}

	flat["sessions.prices.settings.token_url"] = "canary"
	_, err := load(t, &config.KoanfSource{Name: "mine", Provider: confmap.Provider(flat, ".")})
	require.ErrorContains(t, err, `source "mine": sessions.prices.settings.token_url: unknown key`)
	require.NotContains(t, err.Error(), "canary")
}

const prices = `sessions: {prices: {provider: apikey, origins: ["https://prices.example"], ` +
	`settings: {header: X-Api-Key, key: file}}}`

func TestBytes(t *testing.T) {
	key, err := load(t, &config.KoanfSource{
		Name: "bytes", Provider: rawbytes.Provider([]byte(prices)), Parser: yaml.Parser(),
	})
	require.NoError(t, err)
	require.Equal(t, "file", key.Reveal())
}

func TestKoanf(t *testing.T) {
	k := koanf.New(".")
	require.NoError(t, k.Load(rawbytes.Provider([]byte(prices)), yaml.Parser()))
	require.NoError(t, k.Load(confmap.Provider(map[string]any{"sessions.prices.settings.key": "own"}, "."), nil))
	key, err := load(t, &config.KoanfSource{Name: "mine", Koanf: k})
	require.NoError(t, err)
	require.Equal(t, "own", key.Reveal())
}

// TestFlags proves that the flags that were given overlay a file, and that the
// defaults of the others do not.
func TestFlags(t *testing.T) {
	const key, lazy, early = "sessions.prices.settings.key", "sessions.prices.lazy", "sessions.prices.early"
	args := []string{"--" + key + "=flag", "--" + lazy + "=true"}

	posix := pflag.NewFlagSet("program", pflag.ContinueOnError)
	posix.String(key, "", "")
	posix.Bool(lazy, false, "")
	posix.Duration(early, 0, "")
	require.NoError(t, posix.Parse(args))

	plain := flag.NewFlagSet("program", flag.ContinueOnError)
	plain.String(key, "", "")
	plain.Bool(lazy, false, "")
	require.NoError(t, plain.Parse(args))

	file := filepath.Join(t.TempDir(), "authsession.yaml")
	require.NoError(t, os.WriteFile(file, []byte(prices), 0o600))
	for name, provider := range map[string]koanf.Provider{
		"posflag": posflag.Provider(posix, ".", nil), "basicflag": basicflag.Provider(plain, "."),
	} {
		t.Run(name, func(t *testing.T) {
			cfg, err := authsession.Load(t.Context(), &authsession.Options{
				Files:   []string{file},
				Sources: []*config.KoanfSource{{Name: "flags", Provider: provider}},
				Environ: []string{}, Scope: new(core.Scope),
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, cfg.Close(t.Context())) }()
			for key, want := range map[string]string{
				"settings.key": `source "flags"`, "lazy": `source "flags"`, "early": "default",
				"settings.header": file + ":1:87",
			} {
				source, err := cfg.Source("prices", key)
				require.NoError(t, err)
				require.Equal(t, want, source.String(), key)
			}
		})
	}
}
