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
		fmt.Sprintf("The text is cut after %d KiB, and only %d KiB of a line", maxLine>>10, maxRead>>10),
		fmt.Sprintf("Lines beyond %d a second (after the first %d)", lineRate, lineBurst),
		fmt.Sprintf("at most %d, objects in objects included, with names of %d bytes", maxFields, maxName),
		fmt.Sprintf("the host reads %d MiB a second at most", readRate>>20),
		fmt.Sprintf("from %d ms to %v s", restartBase.Milliseconds(), restartMax.Seconds()),
	} {
		require.Contains(t, page, want)
	}
}
