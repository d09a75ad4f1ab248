package config_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

// TestFaultsQuoteNoValue proves that a secret without quotes, in a place where its characters have
// a meaning of their own, is not in the error, which has its line.
func TestFaultsQuoteNoValue(t *testing.T) {
	for file, values := range map[string][]string{
		"a.yaml": {"*Passw0rd", "&Passw0rd", "!Passw0rd", "!<Passw0rd> x", `"\qPassw0rd"`, "@Passw0rd",
			"`Passw0rd`", "%Passw0rd", "{Passw0rd}", "[Passw0rd", "'Passw0rd", "\"Passw0rd\" x", "|Passw0rd",
			"${Passw0rd}", "${env:PW:-Passw0rd}", "${env:Passw0rd", "Passw0rd: Passw0rd", "!!int Passw0rd",
			"!!binary Passw0rd", "? Passw0rd", "<<: *Passw0rd"},
		"a.json": {`"\qPassw0rd"`, `'Passw0rd'`, "Passw0rd", `"\u12Passw0rd"`, `"Passw0rd`, `"${env:PW:-Passw0rd}"`},
		"a.toml": {`"\qPassw0rd"`, "Passw0rd", `"\u12Passw0rd"`, `"Passw0rd`, "'Passw0rd", `"${env:PW:-Passw0rd}"`,
			"2026-13-01Passw0rd", "1_Passw0rd"},
	} {
		text := map[string]string{
			"a.yaml": "sessions:\n  a:\n    provider: apikey\n    settings:\n      key: VALUE\n",
			"a.json": "{\"sessions\": {\n\"a\": {\n\"provider\": \"apikey\",\n\"settings\":\n{\"key\": VALUE}}}}\n",
			"a.toml": "[sessions.a]\nprovider = 'apikey'\n\n[sessions.a.settings]\nkey = VALUE\n",
		}[file]
		for _, value := range values {
			opts := options(t, file, strings.ReplaceAll(text, "VALUE", value))
			cfg, err := config.Load(context.Background(), opts)
			if err == nil { // an anchor without a value is the empty text
				require.NoError(t, cfg.Close(context.Background()))
				continue
			}
			require.NotContains(t, err.Error(), "Passw0rd", "%s: %s", file, value)
			var e *config.Error
			require.ErrorAs(t, err, &e)
			require.InDelta(t, 5, e.Faults[0].Line, 1, "%s: %s: %v", file, value, err)
		}
	}
}

// TestWhatIsWrittenOtherwise proves that valid forms are accepted, and that a fault of another says
// what to write.
func TestWhatIsWrittenOtherwise(t *testing.T) {
	const good = "sessions: {a: {provider: apikey, settings: {key: k}}}\n"
	for _, text := range []string{
		"%YAML 1.2\n---\n" + good, "%YAML 1.1\n---\n" + good, "# c\n\n%YAML 1.2 # c\r\n---\r\n" + good,
		"---\n" + good + "...\n", "---\n---\n" + good, good + "---\n", "\ufeff" + good,
		"# c\n---\n# c\n" + good + "---\n# c\n...\n",
	} {
		load(t, options(t, "a.yaml", text))
	}
	for text, want := range map[string]string{
		"sessions: {a: {provider: apikey, timeout: 30, settings: {key: k}}}": `such as "30s"`,
		"sessions: {a: {provider: apikey, lazy: yes, settings: {key: k}}}":   "want true or false",
		"plugin: {}\n" + good:                      `did you mean "plugins"?`,
		"session: {}\n":                            `did you mean "sessions"?`,
		"s\x00e\x00s\x00s\x00i\x00o\x00n\x00s\x00": "save it as UTF-8",
		"\xff\xfes\x00e\x00":                       "save it as UTF-8",
		"---\n...\n":                               "write the key sessions",
		"%YAML 2.0\n---\n" + good:                  "want %YAML 1.2",
	} {
		require.Contains(t, strings.Join(faults(t, options(t, "a.yaml", text)), "\n"), want)
	}
}
