//go:build !unix && !windows

// The processes of a command where there are neither process groups nor consoles.
//
// Read on in terminal.go.

package exec

import (
	"errors"
	"io/fs"
	"os/exec"
)

// startSession does nothing: only the command itself is killed when its context ends.
func startSession(*exec.Cmd) {}

// killGroup kills the command.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// isCollected returns false: this is not known here.
func isCollected(error) bool { return false }

// isTransient reports whether a later start of the program may succeed.
func isTransient(err error) bool {
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
