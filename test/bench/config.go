package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/rawbytes"
	"github.com/knadh/koanf/v2"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

func configRows() ([]row, func()) {
	text := []byte(yamlOf(1_000))
	dir, err := os.MkdirTemp("", "bench")
	must(err)
	path := filepath.Join(dir, "authsession.yaml")
	must(os.WriteFile(path, text, 0o600))
	opts := config.Options{
		Files: []string{path}, Factories: providers.Builtin(), Scope: new(core.Scope),
		Environ: []string{"HOME=" + dir},
	}
	return []row{{
		title: "A configuration of 1,000 sessions",
		text: number(float64(len(text)/1000)) +
			" KB of YAML. Ours checks it whole, as a load does: every key, type, reference and overlay of " +
			"every session. The others parse it, and check nothing. To reach: 1.5 × koanf.",
		unit: time.Millisecond,
		subs: []contender{
			{"authsession config.Load, from a file", ours, single(func() error {
				// nothing is initialised, so nothing is closed
				_, err := config.Load(context.Background(), opts)
				return err
			})},
			{"koanf, load", peer, single(func() error {
				return koanf.New("/").Load(rawbytes.Provider(text), koanfyaml.Parser())
			})},
			{"yaml.v3, into a map", limit, single(func() error {
				var into map[string]any
				return yaml.Unmarshal(text, &into)
			})},
		},
	}}, func() { _ = os.RemoveAll(dir) }
}

// yamlOf returns a configuration of n sessions as people write them: about
// 440 bytes each.
func yamlOf(n int) string {
	var b strings.Builder
	b.WriteString("environment: qa\nsessions:\n")
	for i := range n {
		fmt.Fprintf(&b, `  service-%04d:
    provider: oauth2
    origins: [https://service-%04d.example.com]
    settings:
      token_url: https://login.example.com/tenant-%04d/oauth2/token
      client_id: service-%04d
      client_secret: a-secret-of-service-%04d
      scopes: [read, write]
    environments:
      qa:
        settings:
          token_url: https://login.qa.example.com/%04d/oauth2/token
          client_secret: a-qa-secret-of-service-%04d
`, i, i, i, i, i, i, i)
	}
	return b.String()
}
