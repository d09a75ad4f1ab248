package core_test

import (
	"go/parser"
	gotoken "go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// part is one of the parts of the engine. It uses the parts that it names and the vocabulary, and
// nothing else of the package.
type part struct {
	name  string
	files []string
	uses  []string
}

// parts is the engine, from the bottom up.
var parts = []part{
	{"lifetime", []string{"lifetime.go"}, nil},
	{"attempt", []string{"begin.go", "attempt.go"}, []string{"lifetime"}},
	{"source", []string{"source.go", "storeaccess.go", "stored.go", "record.go", "formerkey.go"}, []string{"lifetime", "attempt"}},
	{"machine", []string{"machine.go", "settle.go", "ending.go", "backoff.go"}, []string{"lifetime", "attempt"}},
}

// vocabulary is what every part may use: what the contract is made of, and a credential and a setup
// as values.
var vocabulary = []string{
	"provider.go", "credential.go", "secret.go", "errors.go", "options.go", "store.go", "origin.go",
	"state.go", "event.go", "setup.go", "prepare.go", "text.go", "authtransport.go",
}

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"provider.go", "secret.go", "text.go", "errors.go", "credential.go", "outsidehttp.go",
	"store.go", "origin.go", "state.go", "event.go", "options.go",
	"nearest.go", "settings.go", "decode.go", "factory.go", "storefactory.go",
	"lifetime.go", "authtransport.go", "setup.go", "remotekey.go", "prepare.go",
	"begin.go", "attempt.go", "backoff.go", "machine.go", "settle.go", "ending.go", "source.go", "record.go", "storeaccess.go", "formerkey.go", "stored.go",
	"challenge.go", "remembered.go", "echo.go", "sender.go", "permit.go", "body.go", "attach.go", "clientcert.go", "transportcache.go",
	"session.go", "report.go", "close.go", "programs.go", "status.go", "statusjson.go", "transport.go", "tlsverify.go", "tls.go", "perrpc.go", "view.go",
	"slots.go", "originindex.go", "scope.go",
}

// mostBackward is how many pairs of files may have the earlier one use the later one.
const mostBackward = 9

// packageFiles are the files of core, tests apart.
func packageFiles(t *testing.T) []string {
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	return slices.DeleteFunc(names, func(name string) bool {
		return strings.HasSuffix(name, "_test.go")
	})
}

// TestEngineParts proves that the parts of the engine depend only downwards, and on nothing of the
// shell around them.
func TestEngineParts(t *testing.T) {
	files := packageFiles(t)
	for i, p := range parts {
		require.Subset(t, files, p.files)
		for _, name := range p.uses {
			below := slices.IndexFunc(parts[:i], func(q part) bool { return q.name == name })
			require.GreaterOrEqual(t, below, 0, "%s uses %s, which is not below it", p.name, name)
		}
	}
	require.Subset(t, files, vocabulary)
	uses, err := fileUses(".")
	require.NoError(t, err)
	for _, u := range upward(uses, parts, vocabulary) {
		t.Error(u)
	}
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) {
	require.ElementsMatch(t, packageFiles(t), readingOrder)
	for i, name := range readingOrder {
		file, err := parser.ParseFile(gotoken.NewFileSet(), name, nil, parser.ParseComments)
		require.NoError(t, err)
		require.NotEmpty(t, file.Comments, name)
		first := strings.Join(strings.Fields(file.Comments[0].Text()), " ")
		if i+1 < len(readingOrder) {
			next := "Read on in " + readingOrder[i+1]
			require.Contains(t, first, next, "the first comment of %s", name)
		}
	}
	uses, err := fileUses(".")
	require.NoError(t, err)
	found := backward(uses, readingOrder)
	for pair, names := range found {
		t.Logf("%s uses %s, which comes later: %v", pair[0], pair[1], names)
	}
	t.Logf("%d of %d pairs are against the order", len(found), len(pairs(uses)))
	require.LessOrEqual(t, len(found), mostBackward)
}
