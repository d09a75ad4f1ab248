package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWantsJSON: the form of an error is known although the arguments were not understood.
func TestWantsJSON(t *testing.T) {
	for _, args := range [][]string{
		{"-o", "json", "tokne"}, {"token", "--no-such", "-o", "json"}, {"--output=json"},
		{"--output", "json"}, {"-ojson"}, {"-o=json"}, {"-o", "text", "-o", "json"},
	} {
		require.True(t, wantsJSON(args), "%v", args)
	}
	for _, args := range [][]string{
		nil, {"-o"}, {"-o", "text"}, {"exec", "--", "-o", "json"}, {"json"}, {"-o", "json", "-o", "text"},
	} {
		require.False(t, wantsJSON(args), "%v", args)
	}
}
