//go:build !unix

// The processes of a command where there are no process groups.
//
// Read on in run.go.

package exec

import (
	"errors"
	"io/fs"
	"os/exec"
)

// startGroup does nothing: without process groups, only the command itself is killed when its
// context ends. The processes that it started continue; the provider does not wait for them.
func startGroup(*exec.Cmd) {}

// killGroup kills the command.
func killGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

// isTransient reports whether a later start of the program may succeed.
func isTransient(err error) bool {
	return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission)
}
