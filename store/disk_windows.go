package store

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// noFollow is the part of openFlags that refuses links.
const noFollow = 0

// openFlags are flags for opening files. Windows has no such flags.
const openFlags = 0

const (
	errHandleDiskFull = syscall.Errno(39)
	errDiskFull       = syscall.Errno(112)
	errSharing        = syscall.Errno(32)
)

// isDiskFull reports whether err says that the disk is full.
func isDiskFull(err error) bool {
	return errors.Is(err, errDiskFull) || errors.Is(err, errHandleDiskFull)
}

// isConfigFault reports whether err names a problem that a person must correct.
func isConfigFault(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR)
}

// removeWhileLocked says in which order a lock file is unlocked and removed: unlocked
// first, because Windows removes no open file. So it does not remove the lock file
// either that another process has opened meanwhile.
const removeWhileLocked = false

// syncDir does nothing: Windows writes folders to the disk without a request.
func syncDir(string) {}

// rename replaces a file. Windows refuses that while another process reads the file,
// so rename repeats the call for about a second.
func rename(from, to string) error {
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Rename(from, to)
		shared := errors.Is(err, fs.ErrPermission) || errors.Is(err, errSharing)
		if !shared || wait > 500*time.Millisecond {
			return err
		}
		time.Sleep(wait)
	}
}
