//go:build !unix

package command

import (
	"errors"
	"os"
	"os/exec"
)

// replaceProcess runs a program and returns its exit status.
func replaceProcess(path string, args, environ []string) error {
	cmd := exec.Command(path, args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environ, os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return status(exit.ExitCode())
	}
	return err
}
