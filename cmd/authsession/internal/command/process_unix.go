//go:build unix

package command

import "syscall"

// replaceProcess executes a program in the place of this one.
func replaceProcess(path string, args, environ []string) error {
	return syscall.Exec(path, args, environ)
}
