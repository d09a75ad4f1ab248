//go:build !unix

package exec

import (
	"errors"
	"io/fs"
	"os/exec"
)

// ownGroup leaves a command as it is: without process groups, the command
// alone is killed when its context ends. What it has started goes on, though
// nobody waits for it.
func ownGroup(*exec.Cmd) {}

// endGroup kills the command.
func endGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// transient reports whether starting a program may work later.
func transient(err error) bool {
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
