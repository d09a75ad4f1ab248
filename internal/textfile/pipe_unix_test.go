//go:build unix

package textfile_test

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/textfile"
)

func TestReadPipe(t *testing.T) {
	dir := t.TempDir()
	fifo, file := filepath.Join(dir, "fifo"), filepath.Join(dir, "file")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	require.NoError(t, os.WriteFile(file, []byte("x"), 0o600))
	require.True(t, textfile.IsPipe(fifo))
	for _, other := range []string{file, dir, os.DevNull, filepath.Join(dir, "none"), "a\x00b"} {
		require.False(t, textfile.IsPipe(other))
		_, err := textfile.ReadPipe(t.Context(), other, 9)
		require.Error(t, err)
	}
	write := func(text string) {
		f, err := os.OpenFile(fifo, os.O_WRONLY, 0)
		if err == nil {
			_, _ = f.WriteString(text)
			_ = f.Close()
		}
	}
	go write("text")
	data, err := textfile.ReadPipe(t.Context(), fifo, 9)
	require.NoError(t, err)
	require.Equal(t, "text", string(data))

	go write("much too long")
	_, err = textfile.ReadPipe(t.Context(), fifo, 9)
	require.EqualError(t, err, "is larger than 9 bytes")

	// A writer that stalls, and none at all.
	w, err := os.OpenFile(fifo, os.O_RDWR, 0)
	require.NoError(t, err)
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		start := time.Now()
		_, err = textfile.ReadPipe(ctx, fifo, 9)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Less(t, time.Since(start), 5*time.Second)
		_ = w.Close()
	}
}
