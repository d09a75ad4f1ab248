package providers_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
)

// The page about the store lists the settings that say whose a credential is,
// of each kind.
func TestIdentityOfBuiltinKinds(t *testing.T) {
	page, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page),
		"| kind | settings that say whose a credential is |\n| --- | --- |\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	names := regexp.MustCompile("`([^`]+)`")
	listed := map[string][]string{}
	for row := range strings.SplitSeq(table, "\n") {
		cells := strings.Split(row, "|")
		for _, kind := range names.FindAllStringSubmatch(cells[1], -1) {
			listed[kind[1]] = []string{}
			for _, name := range names.FindAllStringSubmatch(cells[2], -1) {
				listed[kind[1]] = append(listed[kind[1]], name[1])
			}
		}
	}
	for _, f := range providers.Builtin() {
		require.ElementsMatch(t, listed[f.Info().Kind], identities(f.Settings()), f.Info().Kind)
	}
}

// identities returns the names of the settings that identify a credential, and
// of the objects that have such.
func identities(list []core.Setting) []string {
	out := []string{}
	for _, s := range list {
		below := identities(s.Fields)
		if s.Identity || len(below) > 0 {
			out = append(append(out, s.Name), below...)
		}
	}
	return out
}
