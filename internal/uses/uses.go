// Package uses finds which files of a package use names that other files of it declare.
//
// It is for tests of structure alone: that a package can be read in one direction, and that a part
// of it depends on no other part. It reads the sources itself, as the test cache does not notice
// what a test that runs the go command has read.
//
// Read on in order.go.
package uses

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Use is one use of a name of one file in another.
type Use struct {
	From, To string // files, without their folder
	Name     string
	Line     int // in From
}

// String says where the use is and what is used.
func (u Use) String() string {
	return fmt.Sprintf("%s:%d uses %s of %s", u.From, u.Line, u.Name, u.To)
}

// systems are the values of GOOS whose files are read. A package may declare the same name in a
// file for each of them.
var systems = []string{"linux", "darwin", "windows"}

// Files returns the names of the Go files in a folder, sorted, without tests.
func Files(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		if !strings.HasSuffix(path, "_test.go") {
			names = append(names, filepath.Base(path))
		}
	}
	return names, nil
}

// Between returns the uses between the files of the package in a folder, without tests, sorted by
// their texts. It knows package-level names, methods and fields, where each is declared. A method
// of an interface counts for the file of the interface.
func Between(dir string) ([]Use, error) {
	names, err := Files(dir)
	if err != nil {
		return nil, err
	}
	fset := token.NewFileSet()
	imports := newImporter(fset, dir)
	found, done := map[Use]bool{}, map[string]bool{}
	for _, system := range systems {
		of := filesOf(system, dir, names)
		if set := strings.Join(of, " "); done[set] {
			continue
		} else {
			done[set] = true
		}
		files, err := parse(fset, dir, of)
		if err != nil {
			return nil, err
		}
		collect(fset, files, imports, found)
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b Use) int {
		return strings.Compare(a.String(), b.String())
	}), nil
}

// filesOf returns those of the named files that a build for an operating system has.
func filesOf(system, dir string, names []string) []string {
	context := build.Default
	context.GOOS = system
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		match, err := context.MatchFile(dir, name)
		return err == nil && !match
	})
}

// parse parses the named files of a folder.
func parse(fset *token.FileSet, dir string, names []string) ([]*ast.File, error) {
	var files []*ast.File
	for _, name := range names {
		file, err := parser.ParseFile(fset, filepath.Join(dir, name), nil,
			parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// collect adds the uses between the files of one package to found.
func collect(fset *token.FileSet, files []*ast.File, from types.Importer, found map[Use]bool) {
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	pkg := check(fset, "checked", files, from, info)
	for ident, object := range info.Uses {
		user, declarer := fset.Position(ident.Pos()), fset.Position(object.Pos())
		if object.Pkg() == pkg && declared(object) && user.Filename != declarer.Filename {
			found[Use{
				From: filepath.Base(user.Filename), To: filepath.Base(declarer.Filename),
				Name: object.Name(), Line: user.Line,
			}] = true
		}
	}
}

// check type-checks as far as the imports that from knows allow. It ignores faults, which come
// from the imports that it does not know.
func check(fset *token.FileSet, path string, files []*ast.File, from types.Importer,
	info *types.Info) *types.Package {
	config := types.Config{Importer: from, Error: func(error) {}}
	pkg, _ := config.Check(path, fset, files, info)
	return pkg
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

// fewImports imports the packages whose types lead from one file to another, such as that of
// atomic.Pointer, and no others: those take seconds. They are a few of the standard library, and
// the internal packages of the module.
type fewImports struct {
	standard types.Importer
	fset     *token.FileSet
	internal string // the folder of the module's internal packages
	loaded   map[string]*types.Package
}

func newImporter(fset *token.FileSet, dir string) fewImports {
	return fewImports{
		standard: importer.ForCompiler(fset, "source", nil),
		fset:     fset,
		internal: filepath.Join(moduleRoot(dir), "internal"),
		loaded:   map[string]*types.Package{},
	}
}

const internalPath = "github.com/authsession/authsession/internal/"

// Import implements [types.Importer].
func (f fewImports) Import(path string) (*types.Package, error) {
	switch path {
	case "sync/atomic", "cmp", "slices", "maps", "errors", "iter":
		return f.standard.Import(path)
	}
	name, ok := strings.CutPrefix(path, internalPath)
	if !ok {
		return nil, errors.New("not read")
	}
	if f.loaded[path] == nil {
		dir := filepath.Join(f.internal, filepath.FromSlash(name))
		names, err := Files(dir)
		if err != nil {
			return nil, err
		}
		files, err := parse(f.fset, dir, names)
		if err != nil {
			return nil, err
		}
		info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
		f.loaded[path] = check(f.fset, path, files, f, info)
	}
	return f.loaded[path], nil
}

// moduleRoot returns the nearest folder at or above dir that has a go.mod, or dir if there is none.
func moduleRoot(dir string) string {
	at, err := filepath.Abs(dir)
	for err == nil {
		if found, _ := filepath.Glob(filepath.Join(at, "go.mod")); len(found) > 0 {
			return at
		}
		if above := filepath.Dir(at); above != at {
			at = above
			continue
		}
		break
	}
	return dir
}
