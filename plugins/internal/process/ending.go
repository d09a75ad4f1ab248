// The plugin's side. This is the last file.

package process

import (
	"io"
	"os"
	"os/signal"
)

// EndWithHost waits until the host closes standard input, ends or asks for the
// end by a signal. It then calls cleanup and ends this process with all that it
// has started. It does not return.
func EndWithHost(cleanup func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endSignals...)
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-signals:
	case <-closed:
	}
	cleanup()
	killOwnGroup()
	os.Exit(0)
}
