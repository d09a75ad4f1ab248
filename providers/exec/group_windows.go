// The processes of a command on Windows.
//
// Read on in group_other.go.

package exec

import (
	"errors"
	"io/fs"
	"os/exec"
	"syscall"
)

// detachedProcess is DETACHED_PROCESS of Windows: the process has no console.
const detachedProcess = 0x8

// startSession starts a command without a console, so that one which opens CONIN$ fails at once.
// Only the command itself is killed when its context ends. The processes that it started continue;
// the provider does not wait for them.
func startSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		CreationFlags: detachedProcess | syscall.CREATE_NEW_PROCESS_GROUP,
	}
}

// killGroup kills the command.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// isCollected returns false: a process can be waited for any number of times.
func isCollected(error) bool { return false }

// isTransient reports whether a later start of the program may succeed.
func isTransient(err error) bool {
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
