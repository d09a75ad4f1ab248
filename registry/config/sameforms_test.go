package config_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	koanfyaml "github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/v2"
	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// randomSessions returns sessions of the kind "all", with values of every type.
func randomSessions(r *rand.Rand) map[string]any {
	word := func() string {
		list := []string{"x", "a b", "true", "12", "1.5", "ä", "a.b", "a/b", "#", `"`, "$${x}", "${env:REF}"}
		return list[r.IntN(len(list))]
	}
	words := func() (out []any) {
		for range 1 + r.IntN(3) {
			out = append(out, word())
		}
		return out
	}
	keys := func(all map[string]any) map[string]any {
		out := map[string]any{}
		for _, key := range slices.Sorted(maps.Keys(all)) {
			if r.IntN(2) == 0 {
				out[key] = all[key]
			}
		}
		return out
	}
	settings := func() map[string]any {
		return keys(map[string]any{
			"client_id": word(), "client_secret": word(), "scopes": words(),
			"style": []string{"basic", "post"}[r.IntN(2)], "leeway": fmt.Sprint(time.Duration(r.IntN(99)) * time.Second),
			"retries": r.IntN(9), "strict": r.IntN(2) == 0,
			"extra": map[string]any{"one": word(), "two": word()},
			"tls":   map[string]any{"roots": word()},
		})
	}
	out := map[string]any{}
	for _, name := range []string{"a", "b-c", "d"}[:1+r.IntN(3)] {
		s := keys(map[string]any{
			"lazy": r.IntN(2) == 0, "early": "5s", "refused_status": []any{419, 440},
			"origins":      []any{"https://a.example", "https://b.example"},
			"environments": map[string]any{"qa": map[string]any{"timeout": "3s", "settings": settings()}},
		})
		s["provider"] = "all"
		s["settings"] = settings()
		out[name] = s
	}
	return out
}

// flatten returns values by path, as texts.
func flatten(path string, delimiter string, value any, out map[string]string) {
	switch v := value.(type) {
	case map[string]any:
		for key, value := range v {
			flatten(path+delimiter+key, delimiter, value, out)
		}
	case []any:
		texts := make([]string, len(v))
		for i := range v {
			texts[i] = fmt.Sprint(v[i])
		}
		out[path] = strings.Join(texts, ",")
	default:
		out[path] = fmt.Sprint(v)
	}
}

// variablesOf returns the variables for sessions. References are not resolved in
// variables, so that they have the values.
func variablesOf(sessions map[string]any) (environ []string) {
	flat := map[string]string{}
	flatten("SESSIONS", "__", sessions, flat)
	for name, value := range flat {
		name = strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
		value = strings.NewReplacer("$${", "${", "${env:REF}", "reference").Replace(value)
		environ = append(environ, "AUTHSESSION_"+name+"="+value)
	}
	return environ
}

// withoutValues returns sessions with nothing but their providers.
func withoutValues(sessions map[string]any) map[string]any {
	out := map[string]any{}
	for name := range sessions {
		out[name] = map[string]any{"provider": "all"}
	}
	return out
}

// TestSameInEveryForm proves that a configuration loads to the same sessions as a
// file of each format, as koanf sources of each kind, and as variables.
func TestSameInEveryForm(t *testing.T) {
	all := core.NewFactory(core.Info{Kind: "all", Environments: []core.Environment{"qa"}}, open(
		func(env core.Environment, c sameConfig) string {
			return fmt.Sprintf("%s %q %q %q %q %v %d %t %q %q", env, c.ClientID, c.Secret.Reveal(),
				c.Scopes, c.Style, c.Leeway, c.Retries, c.Strict, c.Extra, c.TLS.Roots)
		}))
	sessionsOf := func(t *testing.T, opts config.Options) (out []string) {
		opts.Factories = []core.Factory{all}
		opts.Environ = append(opts.Environ, "REF=reference", "AUTHSESSION_ENVIRONMENT=qa")
		opts.Session.Lazy = true
		cfg := load(t, opts)
		for _, name := range cfg.Registry().Names() {
			list, err := cfg.Sources(name)
			require.NoError(t, err)
			given := ""
			for _, s := range list { // all the keys, and the values of those that are not secret here
				given += s.Key + " " + strconv.FormatBool(s.Default) + "\n"
			}
			out = append(out, name+" "+header(t, cfg, name), given)
		}
		return out
	}
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			sessions := randomSessions(rand.New(rand.NewPCG(seed, 1)))
			values := map[string]any{"sessions": sessions, "environment": "qa"}
			text, err := json.Marshal(values)
			require.NoError(t, err)
			tomlText, err := toml.Marshal(values)
			require.NoError(t, err)
			want := sessionsOf(t, options(t, "a.json", string(text)))

			flat := map[string]string{}
			flatten("app", "|", values, flat)
			texts := map[string]any{}
			for key, value := range flat {
				texts[key] = value
			}
			k := koanf.New(".")
			require.NoError(t, k.Load(&provider{values: values}, nil))
			skeleton, err := json.Marshal(map[string]any{"sessions": withoutValues(sessions)})
			require.NoError(t, err)
			for form, opts := range map[string]config.Options{
				"YAML":   options(t, "a.yaml", string(text)),
				"TOML":   options(t, "a.toml", string(tomlText)),
				"values": sources(t, "", ofMap("m", values)),
				"Koanf":  sources(t, "", &config.KoanfSource{Name: "k", Koanf: k}),
				"bytes": sources(t, "", &config.KoanfSource{
					Name: "b", Provider: &provider{text: string(text)}, Parser: koanfyaml.Parser(),
				}),
				"texts": sources(t, "", &config.KoanfSource{
					Name: "t", Provider: &provider{values: texts}, Prefix: "app|", Delimiter: "|",
				}),
				"half and half": sources(t, string(skeleton), ofMap("m", values)),
				"variables":     options(t, "a.json", string(skeleton), variablesOf(sessions)...),
			} {
				got := sessionsOf(t, opts)
				require.Equal(t, want, got, form)
			}
		})
	}
}

type sameConfig struct {
	ClientID string            `json:"client_id"`
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
