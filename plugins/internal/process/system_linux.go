// What Linux has beside system_unix.go. Read on in system_darwin.go.

package process

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
)

const waitid, waitidOptions = syscall.SYS_WAITID, syscall.WEXITED | syscall.WNOWAIT

// executeOpened lets cmd execute the opened file instead of its path, so that
// what was checked is what is executed. The interpreter of a script opens the
// file once more and needs it as a descriptor of its own; a program inherits
// none.
func executeOpened(cmd *exec.Cmd, file *os.File, isScript bool) error {
	if _, err := os.Stat("/proc/self/fd"); err != nil {
		return nil
	}
	if isScript {
		cmd.Path, cmd.ExtraFiles = "/proc/self/fd/3", []*os.File{file}
		return nil
	}
	// Between fork and exec, descriptors above the highest of cmd's are used
	// for other purposes, so one of cmd's must be above the file's.
	n := file.Fd()
	if in, ok := cmd.Stdin.(*os.File); ok && in.Fd() < n {
		fd, _, errno := syscall.Syscall(syscall.SYS_FCNTL, in.Fd(), syscall.F_DUPFD_CLOEXEC, n+1)
		if errno != 0 {
			return errno
		}
		_ = in.Close()
		cmd.Stdin = os.NewFile(fd, in.Name())
	}
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", n)
	return nil
}

// ownGroup puts the process into a group of its own and lets the kernel signal
// it when the thread that started it ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
