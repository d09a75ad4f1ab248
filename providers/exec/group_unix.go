//go:build unix

// The processes of a command where there are process groups.
//
// Read on in group_windows.go.

package exec

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// startSession makes a command the leader of a session of its own. The session has no terminal, so
// that a command which opens /dev/tty fails at once. The command's process group is killed as a
// whole when the command's context ends.
func startSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		if err := killGroup(cmd); err != nil {
			return os.ErrProcessDone
		}
		return nil
	}
}

// killGroup kills the remaining processes of the command's process group. It does nothing for a
// command that is in the group of this process.
func killGroup(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		return nil
	}
	return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
}

// isCollected reports whether err says that another part of this process has waited for the command
// before.
func isCollected(err error) bool { return errors.Is(err, syscall.ECHILD) }

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
