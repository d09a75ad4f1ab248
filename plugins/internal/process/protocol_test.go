package process

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProtocolPage holds the numbers of docs/plugin-protocol.md that are about processes to the
// code.
func TestProtocolPage(t *testing.T) {
	text, err := os.ReadFile("../../../docs/plugin-protocol.md")
	require.NoError(t, err)
	page := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("| the line | %d KiB", maxHandshake>>10),
		fmt.Sprintf("cut after %d KiB and dropped beyond %d a second", maxLine>>10, lineRate),
		fmt.Sprintf("from %d ms to %v s", restartBase.Milliseconds(), restartMax.Seconds()),
	} {
		require.Contains(t, page, want)
	}
}
