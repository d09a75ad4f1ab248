//go:build unix

package plugins

import (
	"errors"
	"os"
	"syscall"
)

// openFile opens a file without waiting for one that is a pipe.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
}

func executable(info os.FileInfo) bool { return info.Mode()&0o111 != 0 }

// notForOthers reports who else may write to a file or a folder. In a folder
// above, the sticky bit is enough: what is below stays its owner's.
func notForOthers(info os.FileInfo, above bool) error {
	mode := info.Mode()
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 && int(stat.Uid) != os.Geteuid() {
		return errors.New("belongs to another user: it must be this user's or root's")
	}
	if mode.Perm()&0o022 != 0 && !(above && mode&os.ModeSticky != 0) {
		return errors.New("may be written by others (chmod go-w)")
	}
	return nil
}

// killGroup ends a process and all of its group.
func killGroup(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
