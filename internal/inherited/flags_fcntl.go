//go:build linux || darwin || freebsd || netbsd || dragonfly

package inherited

import "syscall"

// passesOn reports whether a descriptor is open and has no FD_CLOEXEC.
func passesOn(fd int) bool {
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	return errno == 0 && flags&syscall.FD_CLOEXEC == 0
}

// passOnAgain removes FD_CLOEXEC.
func passOnAgain(fd int) {
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_SETFD, 0)
}
