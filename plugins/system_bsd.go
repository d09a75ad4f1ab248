//go:build unix && !linux

package plugins

import (
	"os"
	"os/exec"
	"syscall"
)

// executeOpened leaves cmd as it is: there is no way to execute an opened file
// here. That nobody else may write the file or its folders must do.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

// ownGroup puts the process into a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
