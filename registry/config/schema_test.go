package config_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// test/schema has a validator; this looks at what people see.
func TestSchema(t *testing.T) {
	opts := options(t, "a.yaml", "sessions: {}")
	text, err := config.Schema(opts)
	require.NoError(t, err)
	again, err := config.Schema(opts)
	require.NoError(t, err)
	require.Equal(t, string(text), string(again), "the text is always the same")
	var schema struct {
		Schema      string `json:"$schema"`
		Properties  map[string]any
		Definitions map[string]struct {
			Properties map[string]map[string]any
			Required   []string
		}
	}
	require.NoError(t, json.Unmarshal(text, &schema))
	require.Equal(t, "http://json-schema.org/draft-07/schema#", schema.Schema)
	require.NotContains(t, schema.Properties, "plugins", "the program runs none")
	settings := schema.Definitions["complete-oauth2"]
	require.Equal(t, []string{"client_id"}, settings.Required)
	require.Empty(t, schema.Definitions["settings-oauth2"].Required)
	require.Equal(t, true, settings.Properties["client_secret"]["writeOnly"])
	require.Equal(t, "basic", settings.Properties["style"]["default"])
	for key, property := range schema.Definitions["session"].Properties {
		if key != "store" { // a reference, whose target has it
			require.NotEmpty(t, property["description"], key)
		}
	}
	require.Equal(t, "memory", schema.Definitions["store"].Properties["kind"]["default"])
	require.Contains(t, schema.Definitions["store"].Properties, "key_file")
}

// The settings of a plugin that was not started, and of a kind without any, are open.
func TestSchemaOfOpenSettings(t *testing.T) {
	opts := options(t, "a.yaml", "sessions: {}")
	opts.Factories = []core.Factory{notStarted("later"), {}}
	_, err := config.Schema(opts)
	require.ErrorIs(t, err, core.CodeBadConfig)
	opts.Factories = opts.Factories[:1]
	opts.Plugins = unstarted{}
	cfg := load(t, opts)
	for _, schema := range []func() ([]byte,
		error){func() ([]byte, error) { return config.Schema(opts) }, cfg.Schema} {
		text, err := schema()
		require.NoError(t, err)
		require.NotContains(t, string(text), "settings-later")
		require.Contains(t, string(text), `"later"`)
		require.Contains(t, string(text), `"plugins"`)
	}
}
