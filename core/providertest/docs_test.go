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
	code := regexp.MustCompile("(?s)```go\n(.*?)```")
	for _, block := range code.FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], "// Authenticate trades") ||
			strings.Contains(block[1], "TestConformance") {
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

// The page about checks names tests and checks that exist.
func TestChecksPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/checks.md")
	require.NoError(t, err)
	proofs := 0
	file := regexp.MustCompile("`([^`]+_test\\.go)`((?: (?:Test|Fuzz|Example)\\w*,?)*)")
	for _, m := range file.FindAllStringSubmatch(string(page), -1) {
		source, err := os.ReadFile("../../" + m[1])
		require.NoError(t, err)
		require.NotEmpty(t, m[2], m[0])
		for _, name := range strings.FieldsFunc(m[2], func(c rune) bool { return c == ' ' || c == ',' }) {
			require.Contains(t, string(source), "\nfunc "+name+"(", m[1])
			proofs++
		}
	}
	check := regexp.MustCompile("`([a-z]+/[a-z-]+)`")
	for _, m := range check.FindAllStringSubmatch(string(page), -1) {
		require.True(t, isCheck(m[1]), "there is no check %q", m[1])
		proofs++
	}
	require.Greater(t, proofs, 50)
}
