package main

import (
	"archive/zip"
	"bytes"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program uses the sample.
const program = `package main

import "example.com/sample"

func main() { println(sample.Name) }
`

// sample is a small repository of the same form: a root, a command and the README's program.
var sample = map[string]string{
	"go.mod":       "module example.com/sample\n\ngo 1.26.0\n",
	"sample.go":    "package sample\n\nconst Name = \"sample\"\n",
	"CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n## v0.2.0\n\n### Added\n\n- All.\n\n## v0.1.0\n",
	"cmd/tool/go.mod": "module example.com/sample/cmd/tool\n\ngo 1.26.0\n\n" +
		"require example.com/sample v0.0.0\n\nreplace example.com/sample => ../..\n",
	"cmd/tool/main.go": program,
	"examples/go.mod": "module example.com/sample/examples\n\ngo 1.26.0\n\n" +
		"require example.com/sample v0.0.0\n\nreplace example.com/sample => ../\n",
	"examples/readme/main.go": program,
	"go.sum":                  "",
}

// repositoryOf commits files as a repository. A module that is not in it is not found: the tests
// need no network.
func repositoryOf(t *testing.T, files map[string]string) string {
	t.Helper()
	t.Setenv("GOPROXY", "off")
	root := t.TempDir()
	for name, text := range files {
		file := filepath.Join(root, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	for _, args := range [][]string{
		{"init", "--quiet"},
		{"config", "user.name", "Sample"},
		{"config", "user.email", "sample@example.com"},
		{"add", "--all"},
		{"commit", "--quiet", "-m", "sample"},
	} {
		_, err := git(root, args...)
		require.NoError(t, err)
	}
	return root
}

// state describes a repository: its commit, its tags, its working tree.
func state(t *testing.T, root string) string {
	t.Helper()
	var all []string
	for _, args := range []string{"rev-parse HEAD", "for-each-ref", "status --porcelain"} {
		text, err := git(root, strings.Fields(args)...)
		require.NoError(t, err)
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// content returns the files of a zip by name, without the prefix that all have.
func content(t *testing.T, name, prefix string) map[string]string {
	t.Helper()
	r, err := zip.OpenReader(name)
	require.NoError(t, err)
	defer r.Close()
	files := map[string]string{}
	for _, f := range r.File {
		text, err := f.Open()
		require.NoError(t, err)
		all, err := io.ReadAll(text)
		require.NoError(t, err)
		files[strings.TrimPrefix(f.Name, prefix)] = string(all)
	}
	return files
}

func TestRelease(t *testing.T) {
	root := repositoryOf(t, sample)
	before := state(t, root)
	out := filepath.Join(t.TempDir(), "out")
	var printed bytes.Buffer
	o := options{root: filepath.Join(root, "examples"), version: "v0.2.0", out: out}
	require.NoError(t, run(o, &printed))

	require.Equal(t, before, state(t, root), "the repository is as it was")
	tree := filepath.Join(out, "tree")
	tags, err := git(tree, "tag", "--points-at", "HEAD")
	require.NoError(t, err)
	require.Equal(t, "cmd/tool/v0.2.0\nv0.2.0", tags)
	require.Contains(t, printed.String(), "push ORIGIN v0.2.0 cmd/tool/v0.2.0\n")

	proxy := filepath.Join(out, "proxy", "example.com", "sample")
	library := content(t, filepath.Join(proxy, "@v", "v0.2.0.zip"), "example.com/sample@v0.2.0/")
	require.Contains(t, library, "sample.go")
	require.NotContains(t, library, "cmd/tool/main.go", "it is of another module")
	require.NotContains(t, library, "examples/go.mod")
	require.NoDirExists(t, filepath.Join(proxy, "examples"))

	archive := filepath.Join(proxy, "cmd", "tool", "@v", "v0.2.0.zip")
	tool := content(t, archive, "example.com/sample/cmd/tool@v0.2.0/")
	require.NotContains(t, tool["go.mod"], "replace")
	require.Contains(t, tool["go.mod"], "require example.com/sample v0.2.0\n")
	sum := strings.Fields(tool["go.sum"])
	require.Contains(t, printed.String(), sum[2], "the sum of the library's zip")
	entries, err := os.ReadDir(out)
	require.NoError(t, err)
	require.Len(t, entries, 2, "the copy and the proxy")
}

func TestTrial(t *testing.T) {
	files := maps.Clone(sample)
	files["CHANGELOG.md"] = "# Changelog\n\n## Unreleased\n\n- All.\n"
	root := repositoryOf(t, files)
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("TMP", os.Getenv("TMPDIR"))
	var printed bytes.Buffer
	require.NoError(t, run(options{root: root, version: "v0.2.0-rc.1", trial: true}, &printed))
	require.Contains(t, printed.String(), "do not push it")
	require.NotContains(t, printed.String(), " push ORIGIN")
	left, err := filepath.Glob(filepath.Join(os.TempDir(), "authsession-release-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRefusals(t *testing.T) {
	tag := func(name string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			_, err := git(root, "tag", name)
			require.NoError(t, err)
		}
	}
	add := func(name, text string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
		}
	}
	const changed = "the working tree has changes"
	tests := map[string]struct {
		version string
		prepare func(t *testing.T, root string)
		want    string
	}{
		"no version":               {"", nil, `"" is not a version`},
		"no v":                     {"0.2.0", nil, "is not a version"},
		"short":                    {"v0.2", nil, "is not a version"},
		"build metadata":           {"v0.2.0+linux", nil, "is not a version"},
		"another major version":    {"v2.0.0", nil, "should be v0 or v1"},
		"the tag exists":           {"v0.2.0", tag("v0.2.0"), "the tag v0.2.0 exists"},
		"the tag of a command":     {"v0.2.0", tag("cmd/tool/v0.2.0"), "the tag cmd/tool/v0.2.0 exists"},
		"a changed file":           {"v0.2.0", add("sample.go", "package sample\n"), changed},
		"a new file":               {"v0.2.0", add("new.go", "package sample\n"), changed},
		"no section":               {"v0.3.0", nil, `no section "## v0.3.0"`},
		"an empty section":         {"v0.1.0", nil, "is empty"},
		"another version's prefix": {"v0.2.0-rc.1", nil, "no section"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := repositoryOf(t, sample)
			if test.prepare != nil {
				test.prepare(t, root)
			}
			out := filepath.Join(t.TempDir(), "out")
			err := run(options{root: root, version: test.version, out: out}, io.Discard)
			require.ErrorContains(t, err, test.want)
			require.NoDirExists(t, out)
		})
	}
}

// TestUnusableVersion releases a library that its users cannot build, although its own folder
// builds: what they lack is replaced there.
func TestUnusableVersion(t *testing.T) {
	files := maps.Clone(sample)
	files["go.mod"] += "\nrequire example.com/other v0.0.0\n\nreplace example.com/other => ./other\n"
	files["other/go.mod"] = "module example.com/other\n\ngo 1.26.0\n"
	files["other/other.go"] = "package other\n\nconst Name = \"other\"\n"
	files["sample.go"] = "package sample\n\nimport \"example.com/other\"\n\nconst Name = other.Name\n"
	delete(files, "cmd/tool/go.mod")
	root := repositoryOf(t, files)
	out := filepath.Join(t.TempDir(), "out")
	err := run(options{root: root, version: "v0.2.0", out: out}, io.Discard)
	require.ErrorContains(t, err, "example.com/other")
	require.NoDirExists(t, out)
}

// TestOutMustBeEmpty keeps what is in a folder that is named by mistake.
func TestOutMustBeEmpty(t *testing.T) {
	root := repositoryOf(t, sample)
	err := run(options{root: root, version: "v0.2.0", out: root}, io.Discard)
	require.ErrorContains(t, err, "is not empty")
	require.FileExists(t, filepath.Join(root, "sample.go"))
}
