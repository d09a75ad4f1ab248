//go:build unix

package exec

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// ownGroup lets a command lead a process group, which is killed as a whole
// when its context ends.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error {
		if err := endGroup(cmd); err != nil {
			return os.ErrProcessDone
		}
		return nil
	}
}

// endGroup kills all that is left of the command's process group.
func endGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// transient reports whether starting a program may work later.
func transient(err error) bool {
	for _, e := range []error{syscall.EAGAIN, syscall.ENOMEM, syscall.EMFILE, syscall.ENFILE, syscall.ETXTBSY, syscall.EIO} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
