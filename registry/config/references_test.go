package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// adds is how a fault of a reference says where further schemes come from.
const adds = "a Go program adds others in config.Options.Resolvers; "

func TestReferenceDefaults(t *testing.T) {
	const key = "a.yaml:1:45: sessions.a.settings.key: "
	const unusable = key + "a reference names nothing usable (want ${env:NAME})"
	for text, want := range map[string]string{
		"${env:SET:-canary}":              "value",
		"${env:UNSET:-default}":           "default",
		"${env:EMPTY:-default}":           "default",
		"x${env:UNSET:-}y":                "xy",
		"${env:UNSET:-a:-b}":              "a:-b",
		"${env:UNSET:-https://x/?a=b&c}":  "https://x/?a=b&c",
		"${env:UNSET:-a$b{c}":             "a$b{c",
		"${env:UNSET:-default}${env:SET}": "defaultvalue",
		"${env:UNSET:-}":                  key + "",
		"${env:UNSET:-${env:SET}}":        key + "a default cannot have a reference in it",
		"${env:UNSET:-canary":             key + `a reference is not ended by "}" ("$${" is a literal "${")`,
		"${env:UNSET:canary}":             unusable,
		"${env:UNSET:=canary}":            unusable,
		"${env:UNSET:?canary}":            unusable,
		"${env:UNSET?canary}":             unusable,
		"${env:UNSET canary}":             unusable,
		"${env::-canary}":                 unusable,
		"${env:${env:SET}}":               unusable,
		"${UNSET:-canary}": key + `unknown reference (want ${env:NAME} or ${file:PATH}; ` +
			adds + `"$${" is a literal "${")`,
		"${env:UNSET-canary}": key + "the variable is not set (a default is written ${env:NAME:-DEFAULT})",
	} {
		t.Run(text, func(t *testing.T) {
			opts := options(t, "a.yaml", keyOf(text), "SET=value", "EMPTY=")
			if want == key {
				load(t, opts)
				return
			}
			if len(want) < len(key) || want[:len(key)] != key {
				require.Equal(t, "X-API-Key "+want, header(t, load(t, opts), "a"))
				return
			}
			require.Equal(t, []string{want}, faults(t, opts))
		})
	}
}

// What a default has is checked as any value is, and is not quoted either.
func TestFaultsOfDefaults(t *testing.T) {
	opts := options(t, "a.yaml", `sessions:
  a: {provider: oauth2, early: "${env:U:-canary}", settings: {
      client_id: me, retries: "${env:U:-canary}", style: "${env:U:-canary}"}}`)
	require.Len(t, faults(t, opts), 3)
	for _, f := range faults(t, opts) {
		require.NotContains(t, f, "canary")
	}
}

func TestReferencesInReferences(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "key"), []byte("secret\n"), 0o600))
	const key = "a.yaml:1:45: sessions.a.settings.key: "
	for text, want := range map[string]string{
		"${file:${env:DIR}/key}":             "secret",
		"${file:${env:DIR}/${env:N:-key}}":   "secret",
		"${file:${env:U:-/nowhere}/key}":     key + `the file "${env:U}/key" does not exist`,
		"${file:/nowhere/${env:U:-canary}}":  key + `the file "/nowhere/${env:U}" does not exist`,
		"${file:${env:U:-/nowhere/canary}/}": key + `the file "${env:U}/" does not exist`,
		"${file:${env:DIR}/none}":            key + `the file "${env:DIR}/none" does not exist`,
		"${file:${env:UNSET}/key}":           key + "the variable UNSET is not set",
		"${file:${env:UNSET:-}}":             key + "a reference names nothing usable (want ${file:PATH})",
		"${file:${file:x}}":                  key + "in a reference there can be ${env:NAME}, and no other",
		"${file:${env:DIR}/$key}":            key + "a reference names nothing usable (want ${file:PATH})",
		"${file:${env:DIR}/key":              key + `a reference is not ended by "}" ("$${" is a literal "${")`,
		"${file:${env:DIR/key}":              key + `a reference is not ended by "}" ("$${" is a literal "${")`,
	} {
		t.Run(text, func(t *testing.T) {
			opts := options(t, "a.yaml", keyOf(text), "DIR="+dir)
			if len(want) < len(key) || want[:len(key)] != key {
				require.Equal(t, "X-API-Key "+want, header(t, load(t, opts), "a"))
				return
			}
			require.Equal(t, []string{want}, faults(t, opts))
		})
	}
}

// TestReferencesWithEscapes proves that a reference is one also where the file has no "$" in it.
func TestReferencesWithEscapes(t *testing.T) {
	for name, text := range map[string]string{
		"a.yaml": `sessions: {a: {provider: apikey, settings: {key: "\x24{env:K}"}}}`,
		"a.json": `{"sessions": {"a": {"provider": "apikey", "settings": {"key": "\u0024{env:K}"}}}}`,
		"a.toml": "[sessions.a]\nprovider = 'apikey'\nsettings.key = \"\\u0024{env:K}\"\n",
	} {
		require.Equal(t, "X-API-Key value", header(t, load(t, options(t, name, text, "K=value")), "a"), name)
	}
}
