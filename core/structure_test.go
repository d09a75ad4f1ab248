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
	{"attempt", []string{"attempt.go"}, []string{"lifetime"}},
	{"source", []string{"source.go", "stored.go", "record.go"}, []string{"lifetime", "attempt"}},
	{"machine", []string{"machine.go", "backoff.go"}, []string{"lifetime", "attempt"}},
}

// vocabulary is what every part may use: what the contract is made of.
var vocabulary = []string{
	"provider.go", "credential.go", "secret.go", "errors.go", "options.go", "store.go", "origin.go",
}

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"nearest.go", "secret.go", "decode.go", "store.go", "errors.go", "credential.go", "origin.go",
	"provider.go", "options.go", "live.go", "record.go", "stored.go", "settings.go", "learn.go",
	"factory.go", "backoff.go", "status.go", "session.go", "foreign.go", "renew.go", "tls.go",
	"carrier.go", "attach.go", "obtain.go", "transport.go", "http.go", "perrpc.go", "scope.go",
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
	if !slices.Contains(files, "machine.go") {
		t.Skip("the engine has no parts yet")
	}
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
	if !slices.Contains(packageFiles(t), "machine.go") {
		t.Skip("the files are about to be divided anew")
	}
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
