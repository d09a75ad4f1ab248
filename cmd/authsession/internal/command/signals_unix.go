//go:build unix

package command

import (
	"os"
	"os/exec"
	"syscall"
)

// passed are the signals that exec gives to its command.
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

func fromTerminal(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

// exitStatus is the status of a command, as shells have it.
func exitStatus(err *exec.ExitError) int {
	if s, ok := err.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return exitSignal + int(s.Signal())
	}
	return err.ExitCode()
}
