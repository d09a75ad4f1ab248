// Package files reads the small files that settings name: tokens, keys and
// certificates. It refuses what such a file never is, so that a wrong path is
// a clear error instead of a stuck or bloated process:
//
//	data, err := files.Read("/run/secrets/token")
//
// Errors name the file and never what is in it.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/authsession/authsession/core"
)

// Limit is the size in bytes that no file may exceed.
const Limit = 1 << 20

// Read returns the content of a regular file (symbolic links are followed) of
// at most [Limit] bytes, and not empty. The error is [core.BadConfig] for a
// file that is missing, may not be read, is empty, too large, a directory or a
// device, and [core.Unavailable] where reading failed otherwise. It is
// [core.Error.Local]. Read is safe for concurrent use.
func Read(path string) ([]byte, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, core.LocalErrorf(core.BadConfig, "file %q: no file has such a name", path)
	}
	// Stat first: opening a pipe would wait for its writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault(path, err)
	}
	if info.IsDir() {
		return nil, core.LocalErrorf(core.BadConfig, "file %q is a directory", path)
	}
	if !info.Mode().IsRegular() {
		return nil, core.LocalErrorf(core.BadConfig, "file %q is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, Limit+1))
	switch {
	case err != nil:
		return nil, fault(path, err)
	case len(data) > Limit:
		return nil, core.LocalErrorf(core.BadConfig, "file %q is larger than %d KiB", path, Limit>>10)
	case len(data) == 0:
		return nil, core.LocalErrorf(core.BadConfig, "file %q is empty", path)
	}
	return data, nil
}

// Later returns err, which is about a file that was good before, as
// [core.Unavailable] and [core.Error.Local]: another process may be about to
// write it.
func Later(err error) error { return core.LocalErrorf(core.Unavailable, "%w", core.Cause(err)) }

func fault(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return core.LocalErrorf(core.BadConfig, "file %q does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return core.LocalErrorf(core.BadConfig, "file %q may not be read", path)
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return core.LocalErrorf(core.Unavailable, "file %q: %w", path, err)
}
