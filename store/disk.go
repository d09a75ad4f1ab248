// Read on in lockfile.go.

package store

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/fileaccess"
)

// fileError gives an error of the file system the code that says what to do.
func fileError(dir string, err error) error {
	switch {
	case isDiskFull(err):
		return core.Errorf(core.CodeUnavailable, "there is no room in the folder %q: %w", dir, err)
	case isConfigFault(err):
		return core.Errorf(core.CodeBadConfig, "the folder %q cannot be used: %w", dir, err)
	}
	return core.Errorf(core.CodeUnavailable, "the folder %q: %w", dir, err)
}

// makeDir creates a folder that only this user may read, unless it exists. A folder
// that exists must pass checkDir.
func makeDir(dir string) error {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fileError(dir, err)
		}
		_ = os.Chmod(dir, 0o700) // the umask may have removed permissions
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fileError(dir, err)
	}
	return checkDir(dir, info)
}

// checkDirIfThere is checkDir for a folder that may not exist yet.
func checkDirIfThere(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return nil // opening a file in it reports what is wrong
	}
	return checkDir(dir, info)
}

// checkDir checks that a folder belongs to this user or to root, and that others may
// not write to it.
func checkDir(dir string, info fs.FileInfo) error {
	another := fileaccess.OfAnother(info)
	switch {
	case !info.IsDir():
		return core.Errorf(core.CodeBadConfig, "%q is no folder", dir)
	case another != "":
		return core.Errorf(core.CodeBadConfig,
			"the folder %q %s: name a folder of this user's, or change the owner (chown)", dir, another)
	case !fileaccess.OthersMayChange(info):
		return nil
	case fileaccess.OfRoot(info):
		return core.Errorf(core.CodeBadConfig, "others may write to the folder %q, which is root's: "+
			"name a folder inside it, which is then created for this user alone", dir)
	}
	return core.Errorf(core.CodeBadConfig,
		"others may write to the folder %q: take that from them (chmod go-w)", dir)
}

// readFile returns the content of a regular file, which is nil if the file does not
// exist. A file of more than limit bytes is an error.
func readFile(dir, path string, limit int, flags int) ([]byte, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if info, e := os.Lstat(path); err != nil && flags&noFollow != 0 && e == nil &&
		info.Mode()&fs.ModeSymlink != 0 {
		return nil, nil, core.Errorf(core.CodeBadConfig, "%q is a symbolic link: remove it", path)
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
		return nil, nil, core.Errorf(core.CodeBadConfig, "%q is no regular file", path)
	case info.Size() > int64(limit):
		return nil, nil, core.Errorf(core.CodeBadConfig,
			"%q is too large: %d bytes, where at most %d belong", path, info.Size(), limit)
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

// writeFile writes data to a file and to the disk. It overwrites a file that exists
// in place, so that the disk space of that file is used again.
func writeFile(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	if errors.Is(err, fs.ErrPermission) && os.Remove(path) == nil {
		// The file had the mode of an umask that forbids writing.
		f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|openFlags, 0o600)
	}
	if err != nil {
		return err
	}
	return errors.Join(overwrite(f, path, data), f.Close())
}

// overwrite replaces the content of an open file.
func overwrite(f *os.File, path string, data []byte) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	if err := f.Chmod(0o600); err != nil { // the umask may have removed permissions
		return err
	}
	if _, err := f.WriteAt(data, 0); err != nil {
		return err
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		return err
	}
	return f.Sync()
}

// replaceFile renames temp to path, in the same folder.
func replaceFile(dir, temp, path string) error {
	if err := rename(temp, path); err != nil {
		return err
	}
	syncDir(dir)
	return nil
}
