//go:build unix

package config_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/registry/config"
)

// pipeWith returns the name of a pipe that the process has inherited, as a shell
// makes it for <(command).
func pipeWith(t *testing.T, text string) string {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close() })
	go func() {
		_, _ = w.WriteString(text)
		_ = w.Close()
	}()
	return fmt.Sprintf("/dev/fd/%d", r.Fd())
}

func TestPipe(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, ".", "secret", "s3cr3t")
	padding := strings.Repeat("# more than a pipe holds at once\n", 10_000)
	opts := options(t, "over.yaml", "sessions: {a: {provider: apikey, settings: {header: X-Over}}}")
	opts.Files = append([]string{pipeWith(t, padding+keyOf("${file:secret}"))}, opts.Files...)
	outcomes := make(chan error, 9)
	opts.Interval, opts.OnReload = 5*time.Millisecond, func(err error) { outcomes <- err }
	cfg := load(t, opts)
	require.Equal(t, "X-Over s3cr3t", header(t, cfg, "a"))

	// What was read is used again, and only the other file is watched.
	require.NoError(t, cfg.Reload(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go cfg.Watch(ctx)
	write(t, filepath.Dir(opts.Files[1]), "over.yaml", "sessions: {a: {early: 5s}}")
	require.NoError(t, <-outcomes)
	require.Eventually(t, func() bool { return header(t, cfg, "a") == "X-API-Key s3cr3t" },
		5*time.Second, time.Millisecond)
	require.Empty(t, outcomes)
}

func TestPipeFaults(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo.yaml")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	opts := options(t, "a.yaml", keyOf("${file:"+fifo+"}"))
	require.Len(t, faults(t, opts), 1)
	require.Contains(t, faults(t, opts)[0], "is not a regular file")

	for text, want := range map[string]string{
		"":                            "the file is empty",
		"a: [":                        "not YAML",
		"a: \x00":                     "NUL",
		strings.Repeat("#", 17<<20):   "larger than 16 MiB",
		"sessions: {a: {provder: b}}": "provider: missing",
	} {
		opts.Files = []string{pipeWith(t, text)}
		require.Contains(t, faults(t, opts)[0], want)
	}

	// A named pipe that the program names is read once a writer is there.
	opts.Files = []string{fifo}
	go func() { _ = os.WriteFile(fifo, []byte(keyOf("k")), 0) }()
	require.Equal(t, "X-API-Key k", header(t, load(t, opts), "a"))

	// Without a writer, a load ends with its context.
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := config.Load(ctx, opts)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second)
}
