//go:build !unix

package plugins

import (
	"os"
	"os/exec"
	"syscall"
)

func openFile(path string) (*os.File, error) { return os.Open(path) }

// executable and notForOthers leave the judgement to the system.
func executable(os.FileInfo) bool { return true }

func notForOthers(os.FileInfo, bool) error { return nil }

// executeOpened leaves cmd as it is: the system keeps a file that is open for
// reading from being exchanged.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

func ownGroup() *syscall.SysProcAttr { return nil }

// killGroup ends the process. Others that it started must end by themselves.
func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}
