package core_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	gotoken "go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// use is one use of a name of one file in another.
type use struct {
	from, to string // files
	name     string
	line     int // in from
}

func (u use) String() string {
	return fmt.Sprintf("%s:%d uses %s of %s", u.from, u.line, u.name, u.to)
}

// fileUses returns the uses between the files of the package in a folder, tests apart: of each
// package-level name, method and field, where it is declared. A method of an interface counts for
// the file of the interface.
func fileUses(dir string) ([]use, error) {
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	fset, files := gotoken.NewFileSet(), []*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{
		Importer: fewImports{importer.ForCompiler(fset, "source", nil)},
		Error:    func(error) {}, // of what the other imports declare
	}
	pkg, _ := config.Check("core", fset, files, info)
	seen := map[use]bool{}
	for ident, object := range info.Uses {
		from, to := fset.Position(ident.Pos()), fset.Position(object.Pos())
		if object.Pkg() == pkg && declared(object) && from.Filename != to.Filename {
			file, declares := filepath.Base(from.Filename), filepath.Base(to.Filename)
			seen[use{file, declares, object.Name(), from.Line}] = true
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b use) int {
		return strings.Compare(a.String(), b.String())
	}), nil
}

// fewImports reads the imports whose types lead from one file to another, such as that of
// atomic.Pointer, and no others: those take seconds.
type fewImports struct{ types.Importer }

func (f fewImports) Import(path string) (*types.Package, error) {
	switch path {
	case "sync/atomic", "cmp", "slices", "maps", "errors", "iter":
		return f.Importer.Import(path)
	}
	return nil, errors.New("not read")
}

// declared reports whether an object is a package-level name, a field or a method.
func declared(object types.Object) bool {
	if v, ok := object.(*types.Var); ok && v.IsField() {
		return true
	}
	if f, ok := object.(*types.Func); ok && f.Signature().Recv() != nil {
		return true
	}
	return object.Parent() == object.Pkg().Scope()
}

// pairs joins the uses of one file in another.
func pairs(uses []use) map[[2]string][]use {
	out := map[[2]string][]use{}
	for _, u := range uses {
		pair := [2]string{u.from, u.to}
		out[pair] = append(out[pair], u)
	}
	return out
}

// backward returns those pairs whose first file comes before the second one in an order, so that
// a reader meets names that are declared further on.
func backward(uses []use, order []string) map[[2]string][]use {
	out := pairs(uses)
	maps.DeleteFunc(out, func(pair [2]string, _ []use) bool {
		return slices.Index(order, pair[0]) >= slices.Index(order, pair[1])
	})
	return out
}

// upward returns the uses by which a part depends on what is neither below it nor vocabulary.
func upward(uses []use, parts []part, vocabulary []string) []use {
	allowed := map[string][]string{}
	for _, p := range parts {
		for _, file := range p.files {
			allowed[file] = slices.Concat(p.files, vocabulary)
			for _, below := range parts {
				if slices.Contains(p.uses, below.name) {
					allowed[file] = append(allowed[file], below.files...)
				}
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(uses), func(u use) bool {
		files, ok := allowed[u.from]
		return !ok || slices.Contains(files, u.to)
	})
}

// TestFileUses proves that the tests of structure_test.go would see what they forbid.
func TestFileUses(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"low.go": `package core
			import "sync/atomic"
			type low struct { Field int; next atomic.Pointer[low] }
			func (l *low) method() {}`,
		"mid.go": `package core
			import "net/http"
			const size = 1
			type caller interface { call() }
			func mid(l *low, r *http.Request) { l.next.Load().method(); _ = r.Body }
			func (l *low) other() { local := l.Field; _ = local }`,
		"high.go": `package core
			var _ = size
			func high(c caller) { c.call() }`,
		"low_test.go": `package core
			func test() { high(nil) }`,
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(source), 0o600))
	}
	uses, err := fileUses(dir)
	require.NoError(t, err)
	var texts []string
	for _, u := range uses {
		texts = append(texts, u.String())
	}
	require.Equal(t, []string{
		"high.go:2 uses size of mid.go", "high.go:3 uses call of mid.go",
		"high.go:3 uses caller of mid.go", "mid.go:5 uses low of low.go",
		"mid.go:5 uses method of low.go", "mid.go:5 uses next of low.go",
		"mid.go:6 uses Field of low.go", "mid.go:6 uses low of low.go",
	}, texts)
	require.Empty(t, backward(uses, []string{"low.go", "mid.go", "high.go"}))
	require.Len(t, backward(uses, []string{"high.go", "low.go", "mid.go"}), 1)
	require.Len(t, backward(uses, []string{"high.go", "mid.go", "low.go"}), 2)
	divided := []part{
		{"low", []string{"low.go"}, nil},
		{"mid", []string{"mid.go"}, []string{"low"}},
	}
	require.Empty(t, upward(uses, divided, nil))
	divided = append(divided, part{"high", []string{"high.go"}, []string{"low"}})
	require.Len(t, upward(uses, divided, nil), 3)
	require.Empty(t, upward(uses, divided, []string{"mid.go"}))
}
