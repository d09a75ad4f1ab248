package providertest

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The page about writing a provider shows the provider of this package's
// example, and all checks.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../../docs/writing-a-provider.md")
	require.NoError(t, err)
	source, err := os.ReadFile("ticket_test.go")
	require.NoError(t, err)

	shown := 0
	for _, block := range regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], "// Authenticate buys") || strings.Contains(block[1], "TestConformance") {
			require.Contains(t, string(source), block[1])
			require.LessOrEqual(t, strings.Count(block[1], "\n"), 40)
			shown++
		}
	}
	require.Equal(t, 2, shown)
	for _, c := range checks {
		require.Contains(t, string(page), fmt.Sprintf("| `%s` | %s |\n", c.name, c.promise))
	}
}
