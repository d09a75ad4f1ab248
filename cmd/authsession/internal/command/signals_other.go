//go:build !unix

package command

import (
	"os"
	"os/exec"
)

// passed are the signals that exec keeps from ending it. The console sends them to
// its command, too.
var passed = []os.Signal{os.Interrupt}

// sentToGroup reports that the command has the signal already.
func sentToGroup(os.Signal) bool { return true }

// exitStatus is the status of a command.
func exitStatus(err *exec.ExitError) int { return err.ExitCode() }
