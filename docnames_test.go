// The tests of this file keep the names that the documentation and the comments use in step with
// the code. The names are those of the lists in api.

package authsession_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// names returns the exported names of each public package, by the package's name: "Session",
// "Session.Init", "Event.Kind".
func names(t *testing.T) map[string]map[string]bool {
	t.Helper()
	lists, err := filepath.Glob("api/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, lists)
	member := regexp.MustCompile(
		`^(?:method \(\*?(\w+)(?:\[\w+\])?\)\.(\w+)|type (\w+) \w+, (\w+)|\w+ (\w+))`,
	)
	out := map[string]map[string]bool{}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		require.NoError(t, err)
		pkg := strings.TrimPrefix(path.Ext(strings.TrimSuffix(filepath.Base(list), ".txt")), ".")
		if pkg == "" {
			pkg = strings.TrimSuffix(filepath.Base(list), ".txt")
		}
		known := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			m := member.FindStringSubmatch(line)
			switch {
			case m == nil:
			case m[1] != "":
				known[m[1]+"."+m[2]] = true
			case m[3] != "":
				known[m[3]+"."+m[4]] = true
			default:
				known[m[5]] = true
			}
		}
		out[pkg] = known
	}
	require.True(t, out["core"]["Session.Init"] && out["core"]["Event.Type"])
	return out
}

// TestNamesInPages looks up each name of the project that a page uses: core.Name, and Type.Member
// in a code span.
func TestNamesInPages(t *testing.T) {
	all := names(t)
	types := map[string]bool{} // the types of all packages
	members := map[string]bool{}
	for _, known := range all {
		for name := range known {
			members[name] = true
			if typ, _, ok := strings.Cut(name, "."); ok {
				types[typ] = true
			}
		}
	}
	qualified := regexp.MustCompile(`\b(core|authsession|providerhttp|providertest|grpcsession)\.([A-Z]\w*)`)
	span := regexp.MustCompile("`([A-Z]\\w*)\\.([A-Z]\\w*)`")
	for page, text := range pages(t) {
		if page == "CHANGELOG.md" || strings.HasPrefix(page, "docs/decisions/") {
			continue // they tell of earlier names, too
		}
		for _, m := range qualified.FindAllStringSubmatch(text, -1) {
			if !all[m[1]][m[2]] {
				t.Errorf("%s names %s", page, m[0])
			}
		}
		for _, m := range span.FindAllStringSubmatch(text, -1) {
			if types[m[1]] && !members[m[1]+"."+m[2]] {
				t.Errorf("%s names %s", page, m[0])
			}
		}
	}
}

// TestDocLinks follows each link of a comment to a name of the project.
func TestDocLinks(t *testing.T) {
	all := names(t)
	link := regexp.MustCompile(`\[\*?(?:([a-z]\w*)\.)?([A-Z]\w*(?:\.[A-Z]\w*)?)\]`)
	err := filepath.WalkDir(".", func(file string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() && (d.Name() == "test" || d.Name() == "examples" || d.Name() == "internal" ||
			d.Name() == "cmd" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return fs.SkipDir
		}
		if !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		require.NoError(t, err)
		local := source.Name.Name
		for _, comment := range source.Comments {
			for _, m := range link.FindAllStringSubmatch(comment.Text(), -1) {
				pkg := m[1]
				if pkg == "" {
					pkg = local
				}
				if known, ok := all[pkg]; ok && !known[m[2]] {
					t.Errorf("a comment in %s links to %s", file, m[0])
				}
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// exported returns an importer of the module's packages and of what they import.
func exported(t *testing.T, fset *token.FileSet) types.Importer {
	t.Helper()
	list := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", ".",
		"./core/providerhttp", "./grpcsession")
	list.Stderr = os.Stderr
	out, err := list.Output()
	require.NoError(t, err)
	files := map[string]string{}
	for line := range strings.Lines(string(out)) {
		name, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		files[name] = file
	}
	return importer.ForCompiler(fset, "gc", func(name string) (io.ReadCloser, error) {
		if files[name] == "" {
			return nil, fs.ErrNotExist
		}
		return os.Open(files[name])
	})
}

// TestSnippetsUseWhatThereIs checks the types of the Go that the pages show. A snippet is a part of
// a program, so names that it does not declare are not faults. What it selects of a type of the
// project must be there.
func TestSnippetsUseWhatThereIs(t *testing.T) {
	block := regexp.MustCompile("(?s)\n```go\n(.*?)\n```")
	fset := token.NewFileSet()
	load := exported(t, fset)
	fault := regexp.MustCompile(
		`undefined \(type |unknown field|cannot use|assignment mismatch|not enough arguments in call|too many arguments in call|undefined: (core|authsession|providerhttp|grpcsession)\.`,
	)
	for page, text := range pages(t) {
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			for _, form := range []string{m[1], m[1] + "\n", "func _() {\n" + m[1] + "\n}"} {
				source := form
				if !strings.Contains(form, "\npackage ") && !strings.HasPrefix(form, "package ") {
					source = header + form
				}
				file, err := parser.ParseFile(fset, page, source, parser.SkipObjectResolution)
				if err != nil {
					continue
				}
				conf := types.Config{Importer: load, Error: func(err error) {
					if fault.MatchString(err.Error()) {
						t.Errorf("%s: %v in\n%s", page, err, m[1])
					}
				}}
				_, _ = conf.Check("page", fset, []*ast.File{file}, nil)
				break
			}
		}
	}
}

// header declares what snippets use without a declaration.
const header = `package page

import (
	"context"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/grpcsession"
)

var (
	_ = grpcsession.DialOptions
	_ = providerhttp.Post
	_ *authsession.Options
	ctx context.Context
	s, cert, login *core.Session
	cred core.Credential
	cfg, _ = authsession.Load(ctx, nil)
)

`
