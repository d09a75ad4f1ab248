package config

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// everywhere has references in all kinds of values.
const everywhere = `
environment: "${env:ENV}"
default: a
store: {kind: file, path: "${env:X}"}
plugins:
  p: {path: "${env:X}", sha256: x}
sessions:
  a:
    provider: "${env:KIND}"
    origins: ["https://${env:X}.example"]
    settings: {any: {key: "${env:X}", list: [{key: "${env:X}"}, ["${env:X}"]]}}
    environments:
      qa: {settings: {any: {list: [[{key: "${env:X}"}]]}}}
  b: {provider: {wrong: "${env:X}"}, store: {kind: file, path: "${env:X}"}}
`

// noPlugins makes no factories.
type noPlugins struct{}

func (noPlugins) Plugin(registry.Plugin) ([]core.Factory, error)        { return nil, nil }
func (noPlugins) DescribePlugin(context.Context, registry.Plugin) error { return nil }

// TestTreesAreNotWrittenTo proves that the second pass does not change what the first one parsed,
// so that it can run for several environments.
func TestTreesAreNotWrittenTo(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.yaml")
	require.NoError(t, os.WriteFile(name, []byte(everywhere), 0o600))
	type settings struct {
		Any map[string]any `json:"any"`
	}
	s, err := newSetup(Options{
		Files:     []string{name},
		Factories: []core.Factory{core.NewFactory[settings](core.Info{Kind: "k"}, nil)},
		Plugins:   noPlugins{},
		Environ:   []string{"ENV=qa", "KIND=k", "X=x", "AUTHSESSION_SESSIONS__A__LAZY=true"},
	})
	require.NoError(t, err)
	parsed, ok := parse(t.Context(), s.opts.Files, watchedFiles{}, newReport())
	require.True(t, ok)

	w, err := s.parse(t.Context(), nil, watchedFiles{}, newReport())
	require.NoError(t, err)
	variables := map[string]any{}
	merge(variables, w.resolver.variables.values, "")
	require.NotEmpty(t, variables)
	for _, environment := range []core.Environment{"qa", "other", ""} {
		file := w.resolver.resolve(environment)
		require.Len(t, file.sessions, 2)
		for _, session := range file.sessions {
			session.environmentOK = true
			w.resolver.variant(session)
		}
	}
	require.Equal(t, parsed.values, w.resolver.files.values)
	require.Equal(t, variables, w.resolver.variables.values)
}
