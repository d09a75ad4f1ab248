//go:build unix

package textfile_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/textfile"
)

// TestReadDoesNotWait proves that a pipe without a writer, and a kernel log, hold up nobody.
func TestReadDoesNotWait(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, "/dev/zero", "/dev/tty"} {
		_, err := textfile.Read(t.Context(), path, 1000)
		require.Error(t, err, path)
	}
}
