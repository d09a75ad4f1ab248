// Read on in key.go.

package store

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gofrs/flock"

	"github.com/authsession/authsession/core"
)

// lockPoll is the pause between two attempts to take a lock that another process
// holds.
const lockPoll = 10 * time.Millisecond

// lockedFile is a lock file that this process holds. It exists only while a process
// holds it, so that deleted credentials leave none; a process that is killed may
// leave one, which the next holder removes. The operating system releases the lock
// when the process ends.
type lockedFile struct {
	flock *flock.Flock
	path  string
}

// lockFile waits until this process holds the lock of a file, which it creates if
// necessary. A lock counts only if the file that was locked is still the one of
// this name: the holder before removes it, and others may.
func lockFile(ctx context.Context, dir, path string) (*lockedFile, error) {
	for {
		f, err := lockOpened(ctx, dir, path)
		if err != nil {
			return nil, err
		}
		there, err := f.isThere()
		switch {
		case there:
			_ = os.Chmod(path, 0o600) // the umask may have removed permissions
			return f, nil
		case ctx.Err() != nil || err != nil:
			_ = f.flock.Unlock()
			return nil, fileError(dir, errors.Join(err, ctx.Err()))
		}
		_ = f.flock.Unlock() // the file was removed or replaced during the wait
	}
}

// lockOpened waits for the lock of the file that has this path now.
func lockOpened(ctx context.Context, dir, path string) (*lockedFile, error) {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return nil, core.Errorf(core.CodeBadConfig, "%q is no regular file", path)
	}
	lock := flock.New(path)
	ok, err := lock.TryLockContext(ctx, lockPoll)
	if ctx.Err() != nil && !ok {
		return nil, core.Errorf(core.CodeUnavailable,
			"waiting for the lock %q, which another process holds: %w", path, context.Cause(ctx))
	}
	if err != nil {
		return nil, fileError(dir, err)
	}
	return &lockedFile{lock, path}, nil
}

// isThere reports whether the locked file is the one that its path names. If it is
// not, another process can lock the file that the path names now.
func (f *lockedFile) isThere() (bool, error) {
	held, err := f.flock.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(f.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return err == nil && os.SameFile(held, there), err
}

// unlock removes the file, unless it is another one by now, and releases the lock.
func (f *lockedFile) unlock() {
	there, _ := f.isThere()
	if there && removeWhileLocked {
		_ = os.Remove(f.path)
	}
	_ = f.flock.Unlock()
	if there && !removeWhileLocked {
		_ = os.Remove(f.path)
	}
}
