//go:build !windows

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// noFollow is the part of openFlags that refuses links.
const noFollow = syscall.O_NOFOLLOW

// openFlags are flags for opening files: follow no link, do not wait for a pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// isDiskFull reports whether err says that the disk is full.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, syscall.EFBIG)
}

// isConfigFault reports whether err names a problem that a person must correct.
func isConfigFault(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.EROFS) ||
		errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// removeWhileLocked says in which order a lock file is unlocked and removed: removed
// first, so that another process that opens it meanwhile locks a new file, while one
// that has opened it sees that it is gone.
const removeWhileLocked = true

// syncDir writes the entries of a folder to the disk. Not every file system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func rename(from, to string) error { return os.Rename(from, to) }
