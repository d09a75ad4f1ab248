package main

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// A host reads and hashes the whole binary of a plugin before its first start, so that a plugin
// links nothing of sessions, which it does not have, and no HTTP client unless its provider does.
func TestPluginLinksNoSession(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ours")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path,
		"github.com/authsession/authsession/test/bench/small/ours").CombinedOutput()
	require.NoError(t, err, "%s", out)
	symbols, err := exec.CommandContext(t.Context(), "go", "tool", "nm", path).Output()
	require.NoError(t, err)
	find := func(symbol string) string {
		return regexp.MustCompile(`(?m) ` + symbol + `$`).FindString(string(symbols))
	}
	const module = `github\.com/authsession/authsession/`
	require.NotEmpty(t, find(module+`plugins\.\(\*server\)\.Authenticate`), "the names are known")
	for _, unused := range []string{module + `core\.\(\*Session\)\..*`, module + `core\.newSetup`,
		module + `plugins\.\(\*Host\)\..*`, `net/http\.\(\*Transport\)\.RoundTrip`} {
		require.Empty(t, find(unused))
	}
}
