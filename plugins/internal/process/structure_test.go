package process

import (
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/uses"
)

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"doc.go", "protocol.go", "program.go",
	"descriptor_unix.go", "system_linux.go", "system_darwin.go", "system_bsd.go", "system_unix.go", "system_other.go",
	"file.go", "logline.go", "log.go", "handshake.go", "certificate.go", "stdio.go",
	"folder.go", "runner.go", "process.go", "supervisor.go", "watch.go", "call.go", "fake.go", "ending.go", "serve.go",
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) { uses.CheckOrder(t, ".", readingOrder, 1) }

// TestNothingOfCredentials proves that the package knows processes and errors with codes, and
// nothing of what plugins are for.
func TestNothingOfCredentials(t *testing.T) {
	const module = "github.com/authsession/authsession/"
	names, err := uses.Files(".")
	require.NoError(t, err)
	for _, name := range names {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			if ours, ok := strings.CutPrefix(path, module); ok {
				require.Contains(t, []string{"core", "internal/fileaccess", "internal/inherited"}, ours, "%s imports %s", name, path)
				require.Nil(t, spec.Name, "%s gives core another name", name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if from, ok := s.X.(*ast.Ident); ok && from.Name == "core" {
					require.True(t, slices.Contains(coreNames, s.Sel.Name),
						"%s uses core.%s", name, s.Sel.Name)
				}
			}
			return true
		})
	}
}

// coreNames are what the package may use of core: errors.
var coreNames = []string{
	"Cause", "Code", "CodeBadConfig", "CodeClosed", "CodeOf", "CodeUnavailable", "Error", "Errorf",
	"Printable", // without secrets: it cleans text
}
