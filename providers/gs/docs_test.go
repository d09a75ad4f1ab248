package gs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/authsession/authsession/providers/gs"
	"github.com/stretchr/testify/require"
)

// The page has every setting in its first column.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/providers/gs.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(page), "\n## Settings\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n## ")
	var names strings.Builder
	for _, line := range strings.Split(table, "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			names.WriteString(cells[1])
		}
	}
	for _, s := range gs.Factory.Settings() {
		require.Contains(t, names.String(), "`"+s.Name+"`")
	}
}
