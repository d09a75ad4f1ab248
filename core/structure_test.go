package core_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	fileuses "github.com/authsession/authsession/internal/uses"
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
	{"attempt", []string{"begin.go", "attempt.go", "signin.go"}, []string{"lifetime"}},
	{
		"source", []string{"source.go", "storeaccess.go", "stored.go", "record.go", "formerkey.go"},
		[]string{"lifetime", "attempt"},
	},
	{
		"machine",
		[]string{"machine.go", "settle.go", "ending.go", "backoff.go"},
		[]string{"lifetime", "attempt"},
	},
}

// vocabulary is what every part may use: what the contract is made of, and a credential and a setup
// as values.
var vocabulary = []string{
	"provider.go", "deviceprompt.go", "credential.go", "bounds.go", "secret.go", "errors.go", "options.go",
	"store.go", "origin.go",
	"storename.go", "state.go", "event.go", "setup.go", "prepare.go", "text.go", "authtransport.go",
	"providerlogger.go",
}

// readingOrder is the way through the package: the first comment of each file names the next one.
var readingOrder = []string{
	"provider.go", "secret.go", "text.go", "errors.go", "deviceprompt.go", "bounds.go",
	"credential.go", "credentialbounds.go", "outsidehttp.go",
	"store.go", "storename.go", "origin.go", "state.go", "event.go", "options.go",
	"nearest.go", "settings.go", "typetext.go", "decode.go", "factory.go", "storefactory.go",
	"lifetime.go", "proxyvariables.go", "authtransport.go", "setup.go", "providerlogger.go", "remotekey.go", "prepare.go",
	"begin.go", "signin.go", "attempt.go", "backoff.go", "machine.go", "settle.go", "ending.go", "source.go",
	"record.go", "storeaccess.go", "formerkey.go", "stored.go",
	"challenge.go", "proxyanswer.go", "remembered.go", "echo.go", "sender.go", "permit.go", "body.go", "attach.go",
	"clientcert.go", "proxytls.go", "transportcache.go",
	"session.go", "decide.go", "report.go", "close.go", "programs.go", "status.go", "statusjson.go",
	"transport.go", "tlsverify.go", "tls.go", "perrpc.go", "view.go",
	"slots.go", "originindex.go", "scope.go",
}

// mostBackward is how many pairs of files may have the earlier one use the later one.
const mostBackward = 9

// packageFiles are the files of core, tests apart.
func packageFiles(t *testing.T) []string {
	names, err := fileuses.Files(".")
	require.NoError(t, err)
	return names
}

// upward returns the uses by which a part depends on what is neither below it nor vocabulary.
func upward(found []fileuses.Use, parts []part, vocabulary []string) []fileuses.Use {
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
	return slices.DeleteFunc(slices.Clone(found), func(u fileuses.Use) bool {
		files, ok := allowed[u.From]
		return !ok || slices.Contains(files, u.To)
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
	found, err := fileuses.Between(".")
	require.NoError(t, err)
	for _, u := range upward(found, parts, vocabulary) {
		t.Error(u)
	}
}

// TestReadingOrder proves that the package can be read in one direction.
func TestReadingOrder(t *testing.T) {
	fileuses.CheckOrder(t, ".", readingOrder, mostBackward)
}

// TestUpward proves that TestEngineParts would see what it forbids.
func TestUpward(t *testing.T) {
	found := []fileuses.Use{
		{
			From: "high.go", To: "mid.go", Name: "size",
		}, {From: "high.go", To: "mid.go", Name: "call"},
		{
			From: "high.go",
			To:   "mid.go",
			Name: "caller",
		}, {From: "mid.go", To: "low.go", Name: "low"},
	}
	divided := []part{
		{"low", []string{"low.go"}, nil},
		{"mid", []string{"mid.go"}, []string{"low"}},
	}
	require.Empty(t, upward(found, divided, nil))
	divided = append(divided, part{"high", []string{"high.go"}, []string{"low"}})
	require.Len(t, upward(found, divided, nil), 3)
	require.Empty(t, upward(found, divided, []string{"mid.go"}))
}
