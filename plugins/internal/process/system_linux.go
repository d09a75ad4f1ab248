// What Linux has beside system_unix.go. Read on in system_darwin.go.

package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const waitid, waitidOptions = syscall.SYS_WAITID, syscall.WEXITED | syscall.WNOWAIT

// descriptorDir has a name for each descriptor of the process that uses it.
const descriptorDir = "/proc/self/fd"

// executeOpened lets cmd execute the opened file instead of its path, so that
// what was checked is what is executed. The interpreter of a script opens the
// file once more and needs it as a descriptor of its own; a program inherits
// none.
func executeOpened(cmd *exec.Cmd, file *os.File, isScript bool) error {
	if _, err := os.Stat(descriptorDir); err != nil {
		return nil // a program that others may write is not here, see newMemoryFile
	}
	if isScript {
		cmd.Path, cmd.ExtraFiles = descriptorDir+"/3", []*os.File{file}
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
	cmd.Path = fmt.Sprintf("%s/%d", descriptorDir, n)
	return nil
}

// ownGroup puts the process into a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalWithHost makes the kernel send SIGTERM to a process when no writer of its
// standard input is left, which is when the host has ended, until the function that
// it returns is called. A process that reads its standard input ends without that.
//
// The signal of a parent's death (Pdeathsig) would also reach a process that is
// about to start and cannot remove the folder of its socket yet.
func signalWithHost(stdin *os.File, pid int) (cancel func()) {
	fcntl := func(command, value int) (int, syscall.Errno) {
		n, _, errno := syscall.Syscall(syscall.SYS_FCNTL, stdin.Fd(), uintptr(command), uintptr(value))
		return int(n), errno
	}
	flags, errno := fcntl(syscall.F_GETFL, 0)
	if errno != 0 {
		return func() {}
	}
	_, _ = fcntl(syscall.F_SETOWN, pid)
	_, _ = fcntl(syscall.F_SETSIG, int(syscall.SIGTERM))
	_, _ = fcntl(syscall.F_SETFL, flags|syscall.O_ASYNC)
	return func() { _, _ = fcntl(syscall.F_SETFL, flags) }
}

// newMemoryFile makes a file that is in no folder. The error of a system that has no name for such
// a file, by which it could be executed, is about that.
func newMemoryFile(name string) (*os.File, error) {
	if _, err := os.Stat(descriptorDir); err != nil {
		return nil, errors.New("there is no /proc")
	}
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if err == unix.EINVAL { // a kernel before 6.3, where every such file can be executed
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, err
	}
	return aboveStandard(os.NewFile(uintptr(fd), name))
}

// seal makes a file that newMemoryFile has made unchangeable, also for this process.
func seal(file *os.File) error {
	const all = unix.F_SEAL_WRITE | unix.F_SEAL_GROW | unix.F_SEAL_SHRINK | unix.F_SEAL_SEAL
	_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, all)
	return err
}

// changeTime returns when a file was changed in any way. Unlike the time of the last
// write it cannot be set.
func changeTime(stat *syscall.Stat_t) time.Time { return time.Unix(stat.Ctim.Unix()) }
