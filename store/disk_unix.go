//go:build !windows

package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// noFollow is the part of careful that refuses links.
const noFollow = syscall.O_NOFOLLOW

// careful are flags for opening: follow no link, wait for no pipe.
const openFlags = syscall.O_NOFOLLOW | syscall.O_NONBLOCK

// full reports whether err says that there is no room.
func isDiskFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG)
}

// mendable reports whether err says what somebody must mend.
func isConfigFault(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.ELOOP) ||
		errors.Is(err, syscall.EISDIR) || errors.Is(err, syscall.ENAMETOOLONG)
}

// exposed reports whether others than the owner have one of the permissions.
func othersMay(info fs.FileInfo, to fs.FileMode) bool { return info.Mode().Perm()&to != 0 }

// syncDir makes what was renamed in a folder last. Not every file system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
}

func rename(from, to string) error { return os.Rename(from, to) }
