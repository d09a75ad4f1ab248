// The plugin's side. Read on in serve.go.

package process

import (
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
)

// removals is how often the removal of the socket's folder is attempted.
const removals = 10

// ending ends this process with its host, once.
type ending struct {
	cleanup func() // of the plugin's own; returns soon
	folder  string // of the socket, made for this process alone; empty: none
	signals chan os.Signal

	mu     sync.Mutex // guards all below
	socket string     // empty before the plugin listens
	done   bool
}

// newEnding prepares the end. From then on, a signal that asks for it does not end
// the process without the rest.
func newEnding(cleanup func()) *ending {
	e := &ending{
		cleanup: cleanup, folder: ownFolder(os.Getenv("PLUGIN_UNIX_SOCKET_DIR")),
		signals: make(chan os.Signal, 1),
	}
	signal.Notify(e.signals, endSignals...)
	// What is printed when the host is gone is an error of printing, and not the end.
	signal.Notify(make(chan os.Signal, 1), ignoredSignals...)
	return e
}

// ownFolder returns dir if the host has made it for this process alone, and
// otherwise "". It is then also the working directory, which no folder that others
// use is together with the rest.
func ownFolder(dir string) string {
	if !filepath.IsAbs(dir) {
		return ""
	}
	named, err := os.Lstat(dir)
	if err != nil || !named.IsDir() || named.Mode().Perm() != 0o700 {
		return ""
	}
	if working, err := os.Stat("."); err != nil || !os.SameFile(named, working) {
		return ""
	}
	return dir
}

// listensAt notes the socket of this process.
func (e *ending) listensAt(socket string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.socket = socket
	if e.done {
		_ = os.Remove(socket)
	}
}

// withHost waits until the host closes standard input, ends or asks for the end by
// a signal. It then ends this process with all that it has started. It does not
// return.
func (e *ending) withHost() {
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(closed)
	}()
	select {
	case <-e.signals:
	case <-closed:
	}
	e.tidy()
	killOwnGroup()
	os.Exit(0)
}

// tidy cleans up, and removes the socket and its folder: a host that was killed
// cannot.
func (e *ending) tidy() {
	e.cleanup()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.done {
		return
	}
	e.done = true
	if e.socket != "" {
		_ = os.Remove(e.socket)
	}
	// Meanwhile go-plugin may make the socket, and the folder is not empty again.
	for range removals {
		if e.folder == "" || os.RemoveAll(e.folder) == nil {
			return
		}
	}
}
