package servers

import (
	"bytes"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// notes collects what a server writes, for the message of a failed test.
type notes struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

func (n *notes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.Write(p)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.buf.String()
}

// need returns the path of a program, or fails the test and says what to do.
func need(t testing.TB, name string, also ...string) string {
	t.Helper()
	for _, candidate := range append([]string{name}, also...) {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run `make servers` first", name)
	return ""
}

// endWith ends cmd with the test, by its own process id. stop asks it to end;
// it is killed if it has not done so after five seconds.
func endWith(t testing.TB, cmd *exec.Cmd, stop func()) (ended <-chan struct{}) {
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		stop()
		select {
		case <-done:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-done
		}
	})
	return done
}
