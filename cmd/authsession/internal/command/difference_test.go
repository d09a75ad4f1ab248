package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDifferenceHidesSecrets: what setup shows of another program's file has no secret in it.
func TestDifferenceHidesSecrets(t *testing.T) {
	for _, before := range []string{
		"user:\n  token: canary\n",
		"user:\n  token: 'can ary'\n  password: \"canary\"\n",
		"user:\n  token: |\n    canary\n\n    canary\n  client-key-data: canary\n",
		`{"users":[{"user":{"token":"canary","client-key-data": "canary\"canary"}}]}` + "\n",
		"user: {token: canary, password: canary}\n",
		"aws_secret_access_key = canary\naws_session_token=canary\n",
	} {
		for _, shown := range []string{difference(before, "new\n"), difference("old\n", before)} {
			require.NotContains(t, shown, "canary", before)
			require.NotContains(t, shown, "can ary", before)
		}
	}
	require.Equal(t, "- a: b\n+ command: authsession helper aws token\n",
		difference("a: b\n", "command: authsession helper aws token\n"))
}
