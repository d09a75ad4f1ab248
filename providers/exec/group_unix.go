//go:build unix

// The processes of a command where there are process groups.
//
// Read on in group_other.go.

package exec

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// startGroup makes a command the leader of a process group, which is killed as a whole when the
// command's context ends.
func startGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := killGroup(cmd); err != nil {
			return os.ErrProcessDone
		}
		return nil
	}
}

// killGroup kills the remaining processes of the command's process group.
func killGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// isTransient reports whether a later start of the program may succeed.
func isTransient(err error) bool {
	for _, e := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE,
		syscall.ETXTBSY, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
