package config_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

func Example() {
	dir, _ := os.MkdirTemp("", "config")
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "authsession.yaml")
	_ = os.WriteFile(file, []byte(`
default: prices
sessions:
  prices:
    provider: apikey
    origins: [https://prices.example.com]
    settings: {header: X-Prices-Key, key: "${env:PRICES_KEY}"}
`), 0o600)

	ctx := context.Background()
	cfg, err := config.Load(ctx, config.Options{
		Files:     []string{file},
		Factories: factories(), // a program gives providers.Builtin()
		Environ:   []string{"PRICES_KEY=a-secret"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cfg.Close(ctx)
	s, err := core.Current(ctx)
	fmt.Println(s, err)
	for _, key := range []string{"settings.header", "settings.key"} {
		source, _ := cfg.Source("prices", key)
		fmt.Println(filepath.Base(source.String()), source.Key, source.Value)
	}
	// Output:
	// session "prices" (new) <nil>
	// authsession.yaml:7:16 sessions.prices.settings.header X-Prices-Key
	// authsession.yaml:7:38 sessions.prices.settings.key REDACTED
}

func ExampleError() {
	dir, _ := os.MkdirTemp("", "config")
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "authsession.yaml")
	_ = os.WriteFile(file, []byte("sessions:\n  gs: {provider: gs, settings: {client_idd: x}}\n"),
		0o600)
	_, err := config.Load(context.Background(), config.Options{
		Files: []string{file}, Factories: factories(), Environment: core.QA, Environ: []string{},
	})
	fmt.Println(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	// Output:
	// authsession.yaml:2:22: sessions.gs.settings.client_id: missing
	// authsession.yaml:2:33: sessions.gs.settings.client_idd: unknown key, did you mean "client_id"?
}

// What one run of a program has obtained, the next one finds.
func ExampleLoad_store() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "authsession.yaml")
	text := `
store: {kind: file, path: "${env:STATE}/credentials", key_file: "${env:STATE}/key"}
sessions:
  drive: {provider: login}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	type settings struct{}
	login := core.NewFactory(
		core.Info{Kind: "login"},
		func(context.Context, core.Environment, settings) (core.Provider, error) {
			return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
				fmt.Println("the server is asked")
				return core.Credential{
					Attach: core.Attachment{
						Header: map[string]core.Secret{
							"Authorization": core.NewSecret("Bearer token"),
						},
					},
					Expiry: time.Now().Add(time.Hour),
				}, nil
			}), nil
		},
	)
	ctx := context.Background()
	for range 2 {
		cfg, err := config.Load(
			ctx,
			config.Options{
				Files:     []string{file},
				Factories: []core.Factory{login},
				Stores:    store.Builtin(),
				Environ:   []string{"STATE=" + dir},
			},
		)
		if err != nil {
			fmt.Println(err)
			return
		}
		s, _ := cfg.Session("drive")
		fmt.Println(s.Init(ctx), cfg.Close(ctx))
	}
	// Output:
	// the server is asked
	// <nil> <nil>
	// <nil> <nil>
}

// A check of a file in CI needs no secret and looks at every environment.
func ExampleCheck() {
	dir, err := os.MkdirTemp("", "config")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "authsession.yaml")
	text := `
sessions:
  prices:
    provider: apikey
    settings: {key: "${env:PRICES_KEY}"}
    environments:
      qa: {timeout: 30s}
      prod: {timeout: half a minute}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	err = config.Check(context.Background(), config.Options{
		Files: []string{file}, Factories: factories(), Environ: []string{},
	})
	fmt.Println(strings.ReplaceAll(err.Error(), dir+string(filepath.Separator), ""))
	// Output:
	// authsession.yaml:8:14: sessions.prices.environments.prod.timeout: want a duration, such as "30s" or "5m"
}

// A configuration in memory, or wherever koanf has a provider for, is a source.
func ExampleKoanfSource() {
	k := koanf.New(".")
	_ = k.Load(rawYAML(`sessions: {prices: {provider: apikey, settings: {key: s3cr3t}}}`), yaml.Parser())
	cfg, err := config.Load(context.Background(), config.Options{
		Sources:   []*config.KoanfSource{{Name: "mine", Koanf: k}},
		Factories: factories(),
		Scope:     new(core.Scope),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer cfg.Close(context.Background())
	source, _ := cfg.Source("prices", "settings.key")
	fmt.Println(cfg.Registry().Names(), source)
	// Output: [prices] source "mine"
}

// rawYAML is a koanf Provider.
type rawYAML string

func (r rawYAML) ReadBytes() ([]byte, error)  { return []byte(r), nil }
func (rawYAML) Read() (map[string]any, error) { return nil, errors.ErrUnsupported }
