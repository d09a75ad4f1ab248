//go:build unix

// Read on in terminal_other.go.

package exec

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// openTerminal opens the terminal of this process. The error is a phrase that says why nobody can
// be asked there.
func openTerminal() (*terminal, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, errors.New("this process has no terminal")
	}
	// A process in the background is stopped when it reads from the terminal.
	foreground, err := unix.IoctlGetInt(int(tty.Fd()), unix.TIOCGPGRP)
	if err != nil || foreground != syscall.Getpgrp() {
		_ = tty.Close()
		return nil, errors.New("this process is not in the foreground of its terminal")
	}
	return newTerminal(tty, tty), nil
}

func (t *terminal) close() {
	t.restore()
	_ = t.in.Close()
}
