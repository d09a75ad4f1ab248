//go:build unix

package command

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// passed are the signals that exec gives to its command.
var passed = []os.Signal{
	syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

// sentToGroup reports whether a signal is one that the terminal sends to all processes of
// its foreground, this one and its command among them, which are one process group. Nothing
// tells such a signal from one that a process sends to this one alone.
func sentToGroup(s os.Signal) bool {
	if s != syscall.SIGINT && s != syscall.SIGQUIT {
		return false
	}
	tty, err := os.Open("/dev/tty") // the terminal that controls this process, whatever stdin is
	if err != nil {
		return false
	}
	defer tty.Close() //nolint:errcheck // nothing was written
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == unix.Getpgrp()
}

// exitStatus is the status of a command, as shells have it.
func exitStatus(err *exec.ExitError) int {
	if s, ok := err.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		return exitSignal + int(s.Signal())
	}
	return err.ExitCode()
}
