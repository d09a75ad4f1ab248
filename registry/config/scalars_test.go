package config_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// forms are the places where a value of the setting retries can be, with %s for it as it is
// written.
var forms = map[string]func(t *testing.T, value string) config.Options{
	"YAML": func(t *testing.T, value string) config.Options {
		return options(t, "a.yaml", "sessions: {a: {provider: oauth2, settings: {client_id: x, retries: "+value+"}}}")
	},
	"TOML": func(t *testing.T, value string) config.Options {
		return options(t, "a.toml", "[sessions.a]\nprovider='oauth2'\nsettings.client_id='x'\nsettings.retries="+value+"\n")
	},
	"JSON": func(t *testing.T, value string) config.Options {
		return options(t, "a.json", `{"sessions":{"a":{"provider":"oauth2","settings":{"client_id":"x","retries":`+value+`}}}}`)
	},
	"variable": func(t *testing.T, value string) config.Options {
		return options(t, "a.yaml", "sessions: {a: {provider: oauth2, settings: {client_id: x}}}",
			"AUTHSESSION_SESSIONS__A__SETTINGS__RETRIES="+value)
	},
	"reference": func(t *testing.T, value string) config.Options {
		return options(t, "a.yaml", `sessions: {a: {provider: oauth2, settings: {client_id: x, retries: "${env:N}"}}}`, "N="+value)
	},
	"default": func(t *testing.T, value string) config.Options {
		return options(t, "a.yaml",
			`sessions: {a: {provider: oauth2, settings: {client_id: x, retries: "${env:N:-`+value+`}"}}}`)
	},
	"source": func(t *testing.T, value string) config.Options {
		return sources(t, "", ofMap("m", oauth(map[string]any{"retries": value})))
	},
}

// TestNumbersMeanTheSameInEveryForm proves that a number is the same in a file of each format, in a
// variable, in a reference and in a source, or that it is a fault: none is read as octal somewhere.
func TestNumbersMeanTheSameInEveryForm(t *testing.T) {
	for value, want := range map[string]string{
		"5": "5", "+5": "5", "0": "0", "-0": "0", "5.0": "5", "5e0": "5", "50e-1": "5",
		"010": "", "0123": "", "007": "", "00": "", "-010": "", "08": "", "09.5": "", "0e1": "0",
		"1e400": "", ".inf": "", "-.inf": "", ".nan": "", "inf": "", "nan": "", "Infinity": "",
		"0x1p2": "", "5,0": "", "5h": "", "5 5": "", "five": "", "true": "", "12345678901234567890": "",
		"5.5": "", "-5.5": "",
	} {
		for form, make := range forms {
			var got []int
			f := core.NewFactory(core.Info{Kind: "oauth2"}, open(
				func(_ core.Environment, c oauthConfig) string { got = append(got, c.Retries); return "x" }))
			opts := make(t, value)
			opts.Factories = []core.Factory{f}
			cfg, err := config.Load(context.Background(), opts)
			if err != nil {
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.False(t, want != "" && form != "JSON" && form != "TOML", "%s: %s: %v", form, value, err)
				continue
			}
			header(t, cfg, "a")
			require.NoError(t, cfg.Close(context.Background()))
			require.Equal(t, want, fmt.Sprint(got[0]), "%s: %s", form, value)
		}
	}
	// A number of letters and digits that is meant as a text says so, with its place.
	for _, value := range []string{"0123", "0o17", "0x1F", "1_000", "12345678901234567890", "1e3", "08"} {
		opts := options(t, "a.yaml", "sessions:\n  a:\n    provider: oauth2\n    settings:\n      client_id: "+value+"\n")
		got := faults(t, opts)[0]
		require.Contains(t, got, ": sessions.a.settings.client_id: ", value)
		require.Contains(t, got, "a.yaml:5:", value)
		require.Contains(t, got, "quotes", value)
	}
}

// TestTextsOfVariablesAreText proves that a variable, the variable and the value of a reference
// and a source are read as the text of a file is: one byte order mark is dropped, and bytes that
// are not UTF-8 are a fault with its place.
func TestTextsOfVariablesAreText(t *testing.T) {
	dir := t.TempDir()
	of := map[string]func(t *testing.T, value string) config.Options{
		"variable": func(t *testing.T, value string) config.Options {
			return options(t, "a.yaml", keyOf("x"), "AUTHSESSION_SESSIONS__A__SETTINGS__KEY="+value)
		},
		"reference": func(t *testing.T, value string) config.Options {
			return options(t, "a.yaml", keyOf("${env:X}"), "X="+value)
		},
		"file": func(t *testing.T, value string) config.Options {
			settle(t, write(t, dir, "secret", value))
			return options(t, "a.yaml", keyOf("${file:"+filepath.Join(dir, "secret")+"}"))
		},
		"resolver": func(t *testing.T, value string) config.Options {
			opts := options(t, "a.yaml", keyOf("${vault:x}"))
			opts.Resolvers = map[string]config.Resolver{
				"vault": func(context.Context, string) (config.Resolved, error) {
					return config.Resolved{Value: core.NewSecret(value)}, nil
				}}
			return opts
		},
		"source": func(t *testing.T, value string) config.Options {
			return sources(t, "", ofMap("m", map[string]any{"sessions": map[string]any{"a": apikey(value)}}))
		},
		"bytes": func(t *testing.T, value string) config.Options {
			return sources(t, "", ofMap("m", map[string]any{"sessions": map[string]any{"a": apikey([]byte(value))}}))
		},
	}
	for form, make := range of {
		require.Equal(t, "X-API-Key canary", header(t, load(t, make(t, "\ufeffcanary")), "a"), form)
		require.Equal(t, "X-API-Key ſchlüſſel", header(t, load(t, make(t, "ſchlüſſel")), "a"), form)
		for value, want := range map[string]string{
			"canary\xff": "UTF-8", "can\xc0\xafary": "UTF-8", "\xff\xfec\x00": "UTF-16", "c\x00a\x00n\x00a\x00r\x00y\x00": "UTF-16",
			"\ufeff\ufeffcanary": "two byte order marks", "canary\x00": "NUL", "can\x00ary": "NUL",
			"canary\xed\xa0\x80": "UTF-8",
		} {
			if form == "variable" && strings.Contains(value, "\x00") {
				continue // no system passes one on
			}
			got := faults(t, make(t, value))[0]
			require.Contains(t, got, "sessions.a.settings.key: ", "%s: %q", form, value)
			require.Contains(t, got, want, "%s: %q", form, value)
			require.NotContains(t, got, "canary")
		}
	}
	// Escapes of files give no other texts than these.
	for file, text := range map[string]string{
		"a.yaml": `sessions: {a: {provider: apikey, settings: {key: "can\0ary"}}}`,
		"b.yaml": `sessions: {a: {provider: apikey, settings: {key: "can\u0000ary"}}}`,
		"a.json": `{"sessions": {"a": {"provider": "apikey", "settings": {"key": "can\u0000ary"}}}}`,
		"a.toml": "[sessions.a]\nprovider='apikey'\nsettings.key = \"can\\u0000ary\"\n",
	} {
		require.Contains(t, faults(t, options(t, file, text))[0], "sessions.a.settings.key: the value is binary", file)
	}
}

// TestListsInTexts proves that a list in a text without elements, or in brackets, is a fault.
func TestListsInTexts(t *testing.T) {
	const file = "sessions: {a: {provider: oauth2, settings: {client_id: x}}}"
	for value, want := range map[string]string{
		"r": "", "r, w": "", " r ,w ": "", "r w": "",
		"r,,w": "empty", "r,": "empty", ",": "empty", ",r": "empty", " ": "empty", "r, ,w": "empty",
		"[r, w]": "without [ ]", `["r"]`: "without [ ]", " [r] ": "without [ ]", "[]": "without [ ]",
	} {
		for form, opts := range map[string]config.Options{
			"variable": options(t, "a.yaml", file, "AUTHSESSION_SESSIONS__A__SETTINGS__SCOPES="+value),
			"source":   sources(t, "", ofMap("m", oauth(map[string]any{"scopes": value}))),
			"origins": options(t, "a.yaml", file, "AUTHSESSION_SESSIONS__A__ORIGINS="+
				strings.NewReplacer("r", "https://r.example", "w", "https://w.example").Replace(value)),
		} {
			if want == "" && (form != "origins" || value != "r w") {
				load(t, opts)
				continue
			}
			require.Contains(t, faults(t, opts)[0], want, "%s: %q", form, value)
		}
	}
}

// TestKindsOfNothing proves that a provider that is the empty text is missing, and that sections
// for environments that are no object are a fault, in files, variables and sources.
func TestKindsOfNothing(t *testing.T) {
	const missing = "sessions.a.provider: missing"
	for text, want := range map[string]string{
		`sessions: {a: {provider: ""}}`:                                             "a.yaml:1:16: " + missing,
		`sessions: {a: {provider: "${env:KIND:-}"}}`:                                "a.yaml:1:16: " + missing,
		`sessions: {a: {provider: }}`:                                               "a.yaml:1:16: " + missing,
		`sessions: {a: {provider: apikey, settings: {key: k}, environments: [qa]}}`: "sessions.a.environments: want an object",
		`sessions: {a: {provider: apikey, settings: {key: k}, environments: qa}}`:   "sessions.a.environments: want an object",
		`sessions: {a: {provider: apikey, settings: {key: k}, environments: 1}}`:    "sessions.a.environments: want an object",
		`sessions: {a: {provider: apikey, settings: {key: k}, environments: true}}`: "sessions.a.environments: want an object",
		`sessions: {a: {provider: apikey, settings: {key: k}, environments: "${env:X:-}"}}`: "sessions.a.environments: " +
			"want an object",
	} {
		opts := options(t, "a.yaml", text)
		require.Contains(t, faults(t, opts)[0], want, text)
		if err := config.Check(context.Background(), opts); !strings.Contains(text, "KIND") {
			require.ErrorContains(t, err, want[strings.Index(want, "sessions"):], text)
		}
	}
	load(t, options(t, "a.yaml", `sessions: {a: {provider: apikey, settings: {key: k}, environments: }}`))
	values := map[string]any{"sessions": map[string]any{"a": map[string]any{"provider": ""}}}
	require.Equal(t, []string{`source "m": ` + missing}, faults(t, sources(t, "", ofMap("m", values))))
}

// TestMoreVariablesOfServices proves that the links of a Service whose name has two hyphens are no
// fault, and that a key that is written wrongly stays one.
func TestMoreVariablesOfServices(t *testing.T) {
	const file = "sessions: {a: {provider: oauth2, settings: {client_id: x, extra: {k: v}}}}"
	load(t, options(t, "a.yaml", file, "AUTHSESSION__API_PORT=tcp://10.0.0.7:443",
		"AUTHSESSION__API_SERVICE_HOST=10.0.0.7", "AUTHSESSION_API__V2_SERVICE_PORT=443",
		"AUTHSESSION_API__V2_PORT_443_TCP_ADDR=fd00::7", "AUTHSESSION_DEFAULT_SERVICE_HOST=10.0.0.7"))
	for _, variable := range []string{
		"AUTHSESSION_SESSIONS__X_PORT=443", "AUTHSESSION_STORE__SERVICE_PORT=443", "AUTHSESSION_PLUGINS__X_PORT=443",
		"AUTHSESSION_SESSIONS__A__SETTINGS__SERVICE_HOST=10.0.0.7", "AUTHSESSION_DEFAULT__SERVICE_HOST=10.0.0.7",
		"AUTHSESSION_SESSIONS__A__SETTINGS__EXTRA__=x",
	} {
		name, _, _ := strings.Cut(variable, "=")
		require.Contains(t, faults(t, options(t, "a.yaml", file, variable))[0], name+": ")
	}
}

// TestKeysInAnotherPlace proves that a setting beside settings, and a session's key in them, are
// faults that say where they belong.
func TestKeysInAnotherPlace(t *testing.T) {
	const session = "unknown key: it belongs to the session, beside settings"
	for text, want := range map[string]string{
		"sessions: {a: {provider: apikey, key: canary}}":                            "a.yaml:1:34: sessions.a.key: unknown key: it belongs into settings",
		"sessions: {a: {provider: oauth2, client_id: canary, settings: {}}}":        "sessions.a.client_id: unknown key: it belongs into settings",
		"sessions: {a: {provider: apikey, settings: {key: canary, lazy: true}}}":    "a.yaml:1:58: sessions.a.settings.lazy: " + session,
		"sessions: {a: {provider: apikey, settings: {key: canary, origins: [x]}}}":  "sessions.a.settings.origins: " + session,
		"sessions: {a: {provider: apikey, settings: {key: canary, timeout: 5s}}}":   "sessions.a.settings.timeout: " + session,
		"sessions: {a: {provider: apikey, settings: {key: canary, store: memory}}}": "sessions.a.settings.store: " + session,
		"sessions: {a: {provider: apikey, settings: {key: canary, nonsense: 1}}}":   "unknown key; known: header, key",
	} {
		opts := options(t, "a.yaml", text)
		got := strings.Join(faults(t, opts), "\n")
		require.Contains(t, got, want, text)
		require.NotContains(t, got, "canary")
		require.ErrorContains(t, config.Check(context.Background(), opts), want[strings.Index(want, ": ")+2:], text)
	}
}
