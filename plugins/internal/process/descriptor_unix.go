//go:build unix

// Read on in system_linux.go.

package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// aboveStandard returns a file with a descriptor that is not of a standard stream, and closes
// file if that is another one: in a process that is started, the streams have taken these. They
// are free in a program that has closed its own.
func aboveStandard(file *os.File) (*os.File, error) {
	if file.Fd() > uintptr(syscall.Stderr) {
		return file, nil
	}
	defer file.Close()
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, syscall.Stderr+1)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
