// The tests of this file keep the guides in step with the code.

package authsession_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// guides returns the pages of docs/guides by their names.
func guides(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for path, text := range pages(t) {
		if filepath.Dir(path) == "docs/guides" {
			out[filepath.Base(path)] = text
		}
	}
	require.Len(t, out, 8)
	return out
}

// TestGuidesAreListed looks for a link to each guide.
func TestGuidesAreListed(t *testing.T) {
	index := pages(t)["docs/README.md"]
	for name, text := range guides(t) {
		require.Contains(t, index, "(guides/"+name+")")
		require.Contains(t, text, "\n## ", name)
	}
}

// TestConfigurationsOfGuides loads the files that the guides show, and parses their other YAML.
func TestConfigurationsOfGuides(t *testing.T) {
	block := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")
	reference := regexp.MustCompile(`\$\{[^{}]*\}`)
	loaded := 0
	for name, text := range guides(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			var parsed map[string]any
			require.NoError(t, yaml.Unmarshal([]byte(m[1]), &parsed), name)
			if !strings.HasPrefix(m[1], "# authsession.yaml\n") {
				continue
			}
			content := m[1]
			for reference.MatchString(content) { // one reference may be in another
				content = reference.ReplaceAllString(content, "stand-in")
			}
			file := filepath.Join(t.TempDir(), "authsession.yaml")
			require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
			cfg, err := config.Load(t.Context(), config.Options{
				Files: []string{file}, Factories: providers.Builtin(), Stores: store.Builtin(),
				Environ: []string{},
			})
			require.NoError(t, err, name)
			require.NoError(t, cfg.Close(t.Context()))
			loaded++
		}
	}
	require.Equal(t, 3, loaded)
}

// TestCodeOfGuides compares the code of the guides that have an example with that example, which is
// tested.
func TestCodeOfGuides(t *testing.T) {
	block := regexp.MustCompile("(?s)\n```go\n(.*?\n)```")
	var source string
	for _, name := range []string{"prices.go", "prices_test.go"} {
		text, err := os.ReadFile(filepath.Join("examples", "testing", name))
		require.NoError(t, err)
		source += string(text)
	}
	for _, name := range []string{"testing.md", "kubernetes.md"} {
		blocks := block.FindAllStringSubmatch(guides(t)[name], -1)
		require.NotEmpty(t, blocks)
		for _, m := range blocks {
			require.Contains(t, source, m[1], name)
		}
	}
}
