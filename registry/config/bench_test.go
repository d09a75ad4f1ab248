package config_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/stretchr/testify/require"
	yamlv3 "go.yaml.in/yaml/v3"
)

// thousand is a file of 1,000 sessions, about 440 KB.
func thousand(tb testing.TB) string {
	var b strings.Builder
	b.WriteString("environment: qa\ndefault: session-0500\nsessions:\n")
	for i := range 1000 {
		fmt.Fprintf(&b, `  session-%04d:
    provider: oauth2
    origins: [https://api-%04d.example.com]
    timeout: 5s
    settings:
      client_id: application-number-%04d
      client_secret: "not-a-secret-but-as-long-as-one-%04d"
      scopes: [read_positions, read_prices, run_analytics]
      style: post
      extra: {audience: "https://api-%04d.example.com/"}
    environments:
      qa: {settings: {client_id: application-number-%04d-qa}}
      prod: {early: 30s}
`, i, i, i, i, i, i)
	}
	return write(tb, "", "thousand.yaml", b.String())
}

func TestThousandSessions(t *testing.T) {
	opts := options(t, "x.yaml", "")
	opts.Files = []string{thousand(t)}
	cfg := load(t, opts)
	require.Len(t, cfg.Registry().Names(), 1000)
	require.Equal(t,
		"qa application-number-0042-qa not-a-secret-but-as-long-as-one-0042 post read_positions "+
			"read_prices run_analytics",
		header(t, cfg, "session-0042"))
	s, _ := cfg.Session("session-0042")
	require.NoError(t, cfg.Reload(context.Background()))
	same, _ := cfg.Session("session-0042")
	require.Same(t, s, same)
	require.Equal(t, uint64(1), s.Status().Authentications)
}

// TestLoadAllocates proves that a load of 1,000 sessions makes not many more objects than what the
// YAML library makes of the file.
func TestLoadAllocates(t *testing.T) {
	opts := options(t, "x.yaml", "")
	opts.Files = []string{thousand(t)}
	settle(t, opts.Files[0])
	made := testing.AllocsPerRun(2, func() {
		_, err := config.Load(context.Background(), opts)
		require.NoError(t, err)
	})
	var nodes yamlv3.Node
	text, err := os.ReadFile(opts.Files[0])
	require.NoError(t, err)
	library := testing.AllocsPerRun(2, func() { require.NoError(t, yamlv3.Unmarshal(text, &nodes)) })
	require.Less(t, made, 255_000.0)
	require.Less(t, made-library, 110_000.0, "beside the %v of the library", library)
}

// BenchmarkLoad loads and checks 1,000 sessions; BenchmarkKoanf is what koanf
// alone takes to read the same file, unchecked.
func BenchmarkLoad(b *testing.B) {
	opts := config.Options{
		Files:     []string{thousand(b)},
		Factories: factories(),
		Scope:     new(core.Scope),
		Environ:   []string{},
	}
	for b.Loop() {
		if _, err := config.Load(context.Background(), opts); err != nil {
			b.Fatal(err)
		}
	}
}

type fileProvider string

func (f fileProvider) ReadBytes() ([]byte, error)    { return os.ReadFile(string(f)) }
func (f fileProvider) Read() (map[string]any, error) { return nil, nil }

func BenchmarkKoanf(b *testing.B) {
	file := fileProvider(thousand(b))
	for b.Loop() {
		k := koanf.New(".")
		if err := k.Load(file, yaml.Parser()); err != nil {
			b.Fatal(err)
		}
	}
}
