package store

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/gofrs/flock"
)

// fault is an error of the file system, with the code that says what to do.
func fileError(dir string, err error) error {
	switch {
	case isDiskFull(err):
		return core.Errorf(core.Unavailable, "there is no room in the folder %q: %w", dir, err)
	case isConfigFault(err):
		return core.Errorf(core.BadConfig, "the folder %q cannot be used: %w", dir, err)
	}
	return core.Errorf(core.Unavailable, "the folder %q: %w", dir, err)
}

// makeDir makes a folder that is the user's alone, unless it is there. One
// that is there must not be writable by others.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fileError(dir, err)
		}
		_ = os.Chmod(dir, 0o700) // the umask may have taken too much
	}
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return fileError(dir, err)
	case !info.IsDir():
		return core.Errorf(core.BadConfig, "%q is no folder", dir)
	case othersMay(info, 0o022):
		return core.Errorf(core.BadConfig, "others may write to the folder %q: take that from them (chmod go-w)", dir)
	}
	return nil
}

// read returns what a regular file holds, at most limit bytes; nil if it is
// not there.
func readFile(dir, path string, limit int, flags int) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fileError(dir, err)
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, nil, fileError(dir, err)
	case !info.Mode().IsRegular():
		return nil, nil, core.Errorf(core.BadConfig, "%q is no regular file", path)
	case info.Size() > int64(limit):
		return nil, nil, core.Errorf(core.BadConfig, "%q is too large: %d bytes, where at most %d belong", path, info.Size(), limit)
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)))
	if err != nil {
		return nil, nil, fileError(dir, err)
	}
	if data == nil {
		data = []byte{}
	}
	return data, info, nil
}

// write puts data into a file and makes it last. A file that is there is
// written over, so that the room it takes stays its own.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	if errors.Is(err, fs.ErrPermission) && os.Remove(path) == nil { // left with the mode that an umask gave it
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	}
	if err != nil {
		return err
	}
	err = func() error {
		info, err := f.Stat()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() {
			return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
		}
		if err := f.Chmod(0o600); err != nil { // the umask may have taken too much
			return err
		}
		if _, err := f.WriteAt(data, 0); err != nil {
			return err
		}
		if err := f.Truncate(int64(len(data))); err != nil {
			return err
		}
		return f.Sync()
	}()
	return errors.Join(err, f.Close())
}

// exchange replaces a file by another of its folder, which is gone afterwards.
func replaceFile(dir, temp, path string) error {
	if err := rename(temp, path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 10 * time.Millisecond

// lockFile waits until this process alone holds the lock of a file, which is
// made and never removed: who removes it lets a second one in. The system lets
// go when the process ends.
func lockFile(ctx context.Context, dir, path string) (unlock func(), err error) {
	for {
		if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
			return nil, core.Errorf(core.BadConfig, "%q is no regular file", path)
		}
		l := flock.New(path)
		ok, err := l.TryLockContext(ctx, lockPoll)
		if ctx.Err() != nil && !ok {
			return nil, core.Errorf(core.Unavailable, "waiting for the lock %q, which another process holds: %w", path, context.Cause(ctx))
		}
		if err != nil {
			return nil, fileError(dir, err)
		}
		held, err := l.Stat()
		there, e := os.Lstat(path)
		if err == nil && e == nil && os.SameFile(held, there) {
			if there.Mode().Perm() != 0o600 {
				_ = os.Chmod(path, 0o600) // the umask took too much
			}
			return func() { _ = l.Unlock() }, nil
		}
		_ = l.Unlock() // somebody removed it while we waited
		if ctx.Err() != nil || err != nil {
			return nil, fileError(dir, errors.Join(err, e, ctx.Err()))
		}
	}
}
