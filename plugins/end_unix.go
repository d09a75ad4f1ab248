//go:build unix

package plugins

import (
	"os"
	"syscall"
)

// endSignals ask a plugin to end. Its host's death sends the first on Linux.
var endSignals = []os.Signal{syscall.SIGTERM, syscall.SIGHUP}

// endGroup ends this process with all that it has started, if the host gave
// it a process group of its own.
func endGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}
