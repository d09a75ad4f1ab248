//go:build unix

// What all systems of the Unix family have. Read on in system_other.go.

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
	"unsafe"

	"github.com/authsession/authsession/internal/fileaccess"
)

// openFile opens a file without waiting for one that is a pipe.
func openFile(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return aboveStandard(file)
}

func isExecutable(info os.FileInfo) bool { return info.Mode()&0o111 != 0 }

// checkOthersCannotWrite reports who else may write to a file or a folder. In a
// folder above the one of the program, the sticky bit is enough: with it, only
// the owner of an entry can exchange the entry.
func checkOthersCannotWrite(info os.FileInfo, above bool) error {
	if another := fileaccess.OfAnother(info); another != "" {
		return errors.New(another + ": it must be this user's or root's")
	}
	if fileaccess.OthersMayChange(info) && !(above && info.Mode()&os.ModeSticky != 0) {
		return errors.New("may be written by others (chmod go-w)")
	}
	return nil
}

// identity is the same as before only if a file was not written to since. It is the
// zero value where that is not known.
type identity struct {
	device, inode    uint64
	size             int64
	written, changed time.Time
}

// settledAfter is how long ago a file must have changed before the time of its next
// change tells that there was one: some systems have times of seconds.
const settledAfter = 5 * time.Second

func identityOf(info os.FileInfo) identity {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return identity{}
	}
	changed := changeTime(stat)
	if changed.IsZero() || time.Since(changed) < settledAfter {
		return identity{}
	}
	return identity{uint64(stat.Dev), uint64(stat.Ino), stat.Size, info.ModTime(), changed}
}

// checkWritable reports why this process cannot make entries in a folder.
func checkWritable(dir string) error {
	const writeAndSearch = 2 | 1 // W_OK and X_OK
	return syscall.Access(dir, writeAndSearch)
}

// awaitExit waits for the end of a process. Where the system has waitid, it
// leaves the process as a zombie, so that its id, which is also that of its
// group, stays its own until the group was killed.
func awaitExit(cmd *exec.Cmd) {
	if waitid == 0 {
		_ = cmd.Wait()
		return
	}
	const byID = 1 // P_PID
	var info [128]byte
	for {
		_, _, errno := syscall.Syscall6(waitid, byID, uintptr(cmd.Process.Pid),
			uintptr(unsafe.Pointer(&info[0])), waitidOptions, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// killGroup kills a process and all of its group.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }

// endSignals ask a plugin to end. On Linux, the kernel sends the first one when
// the host has died, and the second one to a stopped process whose host has died.
var endSignals = []os.Signal{syscall.SIGTERM, syscall.SIGHUP}

// ignoredSignals would end a program in Go that prints something that nobody reads.
var ignoredSignals = []os.Signal{syscall.SIGPIPE}

// killOwnGroup kills this process with all that it has started, if the host gave
// it a process group of its own.
func killOwnGroup() {
	if syscall.Getpgrp() == os.Getpid() {
		_ = syscall.Kill(0, syscall.SIGKILL)
	}
}
