package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
)

func FuzzReference(f *testing.F) {
	for _, s := range []string{"", "x", "${env:A}", "a${file:b}c", "$${env:A}", "$$${", "${", "${env:",
		"${env:}", "${x:y}", "${env:${env:A}}", "$}${env:A}$", "${env:A:-b}",
		"${file:${env:A:-b}/c}", "${file:${file:a}}", "${env:A:-${env:B}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		parts, err := parseReferences(s)
		if err != nil {
			require.Contains(t, s, "${")
			return
		}
		require.NotEmpty(t, parts)
		var back strings.Builder // writing the parts again gives the value again
		for _, p := range parts {
			switch p.scheme {
			case "":
				back.WriteString(strings.ReplaceAll(p.text, "${", "$${"))
			case "env", "file":
				require.NotEmpty(t, p.text)
				back.WriteString("${" + p.scheme + ":" + p.text)
				if p.fallback != nil {
					back.WriteString(":-" + *p.fallback)
				}
				back.WriteString("}")
			default:
				t.Fatalf("scheme %q", p.scheme)
			}
		}
		require.Equal(t, s, back.String())
	})
}

// FuzzConfig loads anything in each format: it ends, it is good or all faults
// have a place and no secret, and what was read can be asked for.
func FuzzConfig(f *testing.F) {
	for _, text := range []string{
		"sessions: {a: {provider: k, settings: {key: v}}}", `{"sessions": {"a": {"provider": "k"}}}`,
		"[sessions.a]\nprovider = 'k'\n[[x.y]]\nz.a = [{b = 1}]\n",
		"a: &a [*a]", "a: {<<: b}", "sessions: {a: ${env:X}}", "? [a] : b", "sessions:\n a:\n" +
			"  environments:\n   qa:\n    settings: {key: '${file:b}'}\nenvironment: qa\n",
		"--- \n...\n---", "\ufeffsessions: {}", "a: !!binary x", "a: 1979-05-27\nb: 0x1F\nc: .inf",
		"[a]\nb=1979-05-27T07:32:00Z\n[a.c]\n",
		"store: {kind: file, path: x}\n" +
			"sessions: {a: {provider: k, inputs: {x: b, y: a}, store: {kind: keyring, path: [1]}}, b: " +
			"{provider: k, store: null, inputs: {x: a}}}",
		"store: [a]\n" +
			"sessions: {a: {provider: k, store: {kind: {a: b}, service: '${env:X}'}, environments: {qa: " +
			"{store: a, inputs: b}}}}\nenvironment: qa",
	} {
		for format := range 3 {
			f.Add([]byte(text), uint8(format))
		}
	}
	type settings struct {
		Key  core.Secret    `json:"key"`
		List []string       `json:"list"`
		Any  map[string]any `json:"any"`
	}
	factory := core.NewFactory(
		core.Info{Kind: "k"},
		func(context.Context, core.Environment, settings) (core.Provider, error) {
			return nil, errors.New("not opened here")
		},
	)
	type keptIn struct {
		Path string `json:"path"`
	}
	kept := core.NewStoreFactory(
		core.StoreInfo{Kind: "file"},
		func(context.Context, keptIn) (core.Store, error) {
			return nil, errors.New("no store is made here")
		},
	)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, format uint8) {
		name := filepath.Join(dir, "a"+[]string{".yaml", ".json", ".toml"}[format%3])
		require.NoError(t, os.WriteFile(name, data, 0o600))
		opts := Options{
			Files: []string{
				name,
			}, Factories: []core.Factory{factory}, Scope: new(core.Scope),
			Environ: []string{"X=canary-of-the-variable"},
			Stores:  []core.StoreFactory{kept},
		}
		ofCheck := Check(context.Background(), opts)
		if ofCheck != nil {
			require.NotContains(t, ofCheck.Error(), "canary-of-the-variable")
		}
		cfg, err := Load(context.Background(), opts)
		if err != nil {
			var e *Error
			require.True(t, errors.As(err, &e), "%v", err)
			require.NotEmpty(t, e.Faults)
			require.NotContains(t, err.Error(), "canary-of-the-variable")
			return
		}
		if s := string(data); !strings.Contains(s, "environments") {
			require.NoError(t, ofCheck, "Load found nothing in\n%s", s)
		}
		if _, err := cfg.Schema(); err != nil {
			t.Fatal(err)
		}
		for _, name := range cfg.Registry().Names() {
			if _, err := cfg.Sources(name); err != nil {
				t.Fatal(err)
			}
			if _, err := cfg.Source(name, "provider"); err != nil {
				t.Fatal(err)
			}
		}
		require.NoError(t, cfg.Close(context.Background()))
	})
}
