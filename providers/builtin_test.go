package providers_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
)

// Every provider has a page, and every setting a row on it.
func TestEveryProviderHasAPage(t *testing.T) {
	for _, f := range providers.Builtin() {
		kind := f.Info().Kind
		page, err := os.ReadFile("../docs/providers/" + kind + ".md")
		require.NoError(t, err)
		for _, name := range settingNames(f.Settings()) {
			require.Contains(t, string(page), "`"+name, "%s: setting %q", kind, name)
		}
	}
	kinds := providers.Builtin()
	require.True(t,
		slices.IsSortedFunc(kinds,
			func(a, b core.Factory) int { return strings.Compare(a.Info().Kind, b.Info().Kind) }))
}

func settingNames(list []core.Setting) []string {
	var out []string
	for _, s := range list {
		out = append(out, s.Name)
	}
	return out
}
