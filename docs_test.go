// The tests of this file keep what the documentation shows in step with the code.

package authsession_test

import (
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

// pages returns README.md and the like, and all of docs, by path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	var paths []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		paths = append(paths, found...)
	}
	out := map[string]string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		out[path] = string(text)
	}
	require.Contains(t, out, "README.md")
	return out
}

// TestReadmeProgram holds README.md to the program that is compiled.
func TestReadmeProgram(t *testing.T) {
	program, err := os.ReadFile("examples/readme/main.go")
	require.NoError(t, err)
	_, code, ok := strings.Cut(string(program), "\npackage main\n")
	require.True(t, ok)
	require.Contains(t, pages(t)["README.md"], "```go\npackage main\n"+code+"```\n")
}

// TestLinks follows each link from page to page.
func TestLinks(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading := regexp.MustCompile(`(?m)^#+ (.+)$`)
	all := pages(t)
	for path, text := range all {
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), target)
				_, err := os.Stat(file)
				require.NoError(t, err, "%s links to %s", path, m[1])
			}
			if anchor == "" {
				continue
			}
			var anchors []string
			for _, h := range heading.FindAllStringSubmatch(all[file], -1) {
				name := strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")
				anchors = append(anchors, regexp.MustCompile(`[^\p{L}\p{N}_-]`).ReplaceAllString(name, ""))
			}
			require.Contains(t, anchors, anchor, "%s links to %s", path, m[1])
		}
	}
}

// TestDecisionsAreListed compares the pages in docs/decisions with their index: each is listed
// once, in the order of the numbers, and its number is in its first line and nobody else's.
func TestDecisionsAreListed(t *testing.T) {
	all := pages(t)
	var numbers, files []string
	for _, path := range slices.Sorted(maps.Keys(all)) {
		name, ok := strings.CutPrefix(path, "docs/decisions/")
		if !ok || name == "README.md" {
			continue
		}
		number, _, _ := strings.Cut(name, "-")
		require.True(t, strings.HasPrefix(all[path], "# "+number+": "), path)
		require.NotContains(t, numbers, number, path)
		numbers, files = append(numbers, number), append(files, name)
	}
	var listed []string
	line := regexp.MustCompile(`(?m)^- \[(\d{4})\]\(((\d{4})-[^)]+)\): .`)
	for _, m := range line.FindAllStringSubmatch(all["docs/decisions/README.md"], -1) {
		require.Equal(t, m[3], m[1])
		listed = append(listed, m[2])
	}
	require.Equal(t, files, listed)
}

// TestSnippets parses the Go that the pages show.
func TestSnippets(t *testing.T) {
	block := regexp.MustCompile("(?s)\n```go\n(.*?)\n```")
	for path, text := range pages(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			require.True(t, parses(m[1]), "%s shows what is not Go:\n%s", path, m[1])
		}
	}
}

// TestConfigurations loads the files that the first pages show.
func TestConfigurations(t *testing.T) {
	block := regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```")
	reference := regexp.MustCompile(`\$\{[^}]*\}`)
	for _, path := range []string{"README.md", "docs/getting-started.md", "docs/configuration.md"} {
		m := block.FindStringSubmatch(pages(t)[path])
		require.NotNil(t, m, path)
		file := filepath.Join(t.TempDir(), "authsession.yaml")
		require.NoError(t, os.WriteFile(file, []byte(reference.ReplaceAllString(m[1], "stand-in")), 0o600))
		cfg, err := config.Load(t.Context(), config.Options{
			Files: []string{file}, Factories: providers.Builtin(), Environ: []string{},
		})
		require.NoError(t, err, path)
		require.NoError(t, cfg.Close(t.Context()))
	}
}

// parses reports whether code is a file, declarations or statements.
func parses(code string) bool {
	for _, form := range []string{code, "package p\n" + code, "package p\nfunc _() {\n" + code + "\n}"} {
		if _, err := parser.ParseFile(token.NewFileSet(), "", form, parser.SkipObjectResolution); err == nil {
			return true
		}
	}
	return false
}
