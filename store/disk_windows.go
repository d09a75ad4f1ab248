package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// noFollow is the part of careful that refuses links.
const noFollow = 0

// careful are flags for opening; Windows has none of them.
const openFlags = 0

const (
	errHandleDiskFull = syscall.Errno(39)
	errDiskFull       = syscall.Errno(112)
	errSharing        = syscall.Errno(32)
)

// full reports whether err says that there is no room.
func isDiskFull(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, errHandleDiskFull)
}

// mendable reports whether err says what somebody must mend.
func isConfigFault(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrExist) ||
		errors.Is(err, syscall.ENOTDIR)
}

// exposed reports nothing: the modes that Go shows on Windows are not the
// permissions, which are those of the user's folder.
func othersMay(fs.FileInfo, fs.FileMode) bool { return false }

// syncDir does nothing: Windows flushes folders by itself.
func syncDir(string) {}

// rename replaces a file. While another process reads it, Windows refuses, so
// it is tried again for a moment.
func rename(from, to string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Rename(from, to)
		if err == nil || wait > 500*time.Millisecond || !errors.Is(err, fs.ErrPermission) && !errors.Is(err, errSharing) {
			return err
		}
		time.Sleep(wait)
	}
}
