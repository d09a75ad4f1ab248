package authsession_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// readers are the only files of this module, tests apart, that may open files or read JSON
// themselves, with the reason. Every other file that a person or a program writes is read by
// internal/textfile, and every answer of a server by core/providerhttp or providers/internal/grant.
var readers = map[string]string{
	"internal/members/members.go":               "the members of foreign documents, each by itself",
	"internal/textfile/open_unix.go":            "the one reader of files",
	"internal/textfile/open_other.go":           "the one reader of files",
	"store/disk.go":                             "records and keys: no links, locks, and the mode of what was opened",
	"store/disk_unix.go":                        "a folder is opened to write it to the disk",
	"terminal/browser.go":                       "the null device, for a program's output",
	"registry/config/json.go":                   "JSON with the places of its keys",
	"registry/config/schema.go":                 "the defaults of settings, which are in the code",
	"plugins/cmd/plugin-check/fixture.go":       "the author's description of a plugin's answers",
	"plugins/cmd/plugin-check/main.go":          "the program that is checked, for its digest",
	"plugins/secretbook.go":                     "refresh states, for the secrets in them",
	"plugins/internal/process/logline.go":       "the log lines of a plugin",
	"plugins/internal/process/system_unix.go":   "the program that is started, for its digest",
	"plugins/internal/process/system_other.go":  "the program that is started, for its digest",
	"core/record.go":                            "what the module itself has stored",
	"core/statusjson.go":                        "what Status.MarshalJSON has written",
	"core/providerhttp/answer.go":               "answers of servers",
	"core/providerhttp/post.go":                 "answers of servers, into the type of the caller",
	"core/providertest/mutate.go":               "answers that the kit alters",
	"core/providertest/values.go":               "answers that the kit alters",
	"core/providertest/plain.go":                "what the kit has written",
	"providers/exec/terminal_unix.go":           "the terminal of the process, for a program that asks",
	"providers/gs/body.go":                      "bodies of the API, into the type of the caller",
	"providers/oauth2/idtoken.go":               "keys of the server",
	"providers/oauth2/metadata.go":              "metadata of the server",
	"providers/oauth2/renewal.go":               "what the provider itself has stored",
	"providers/internal/grant/answer.go":        "answers of token endpoints",
	"providers/internal/jwtexpiry/jwtexpiry.go": "the claim exp of a token",
	"providers/internal/jose/key.go":            "JWK and JWK Set",
	"providers/internal/dpop/dpop.go":           "the key that the provider itself has stored",
}

// reading are the functions that readers call, by the package's path.
var reading = map[string][]string{
	"os":            {"Open", "OpenFile", "ReadFile"},
	"encoding/json": {"Unmarshal", "NewDecoder"},
}

func TestReadersOfFilesAndJSON(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if path == "examples" || path == "test" || path == "cmd" || entry.Name() == "testdata" ||
				entry.Name() == ".git" {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		for _, call := range readingCalls(t, path) {
			if readers[filepath.ToSlash(path)] == "" {
				t.Errorf("%s calls %s: use internal/textfile, core/providerhttp or "+
					"providers/internal/grant, or give the reason here", path, call)
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// readingCalls returns the functions of reading that a file uses.
func readingCalls(t *testing.T, path string) (calls []string) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	require.NoError(t, err)
	names := map[string][]string{} // by the package's name in the file
	for _, spec := range file.Imports {
		imported, _ := strconv.Unquote(spec.Path.Value)
		name := imported[strings.LastIndexByte(imported, '/')+1:]
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = reading[imported]
	}
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, ok := selector.X.(*ast.Ident)
		for _, name := range names[identName(of)] {
			if ok && name == selector.Sel.Name {
				calls = append(calls, of.Name+"."+name)
			}
		}
		return true
	})
	return calls
}

func identName(id *ast.Ident) string {
	if id == nil {
		return ""
	}
	return id.Name
}
