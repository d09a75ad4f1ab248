// Package files reads the small files that settings name: tokens, keys and certificates. It refuses
// devices, pipes, folders and large files, so that a wrong path is an error and does not block the
// process or fill its memory:
//
//	data, err := files.Read("/run/secrets/token")
//
// Errors contain the name of the file and nothing of its content.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/authsession/authsession/core"
)

// Limit is the size of the largest file that is read, in bytes.
const Limit = 1 << 20

// Read returns the content of a regular file, which must not be empty and has at most
// [Limit] bytes. Symbolic links are followed. The error is [core.CodeBadConfig] for a file
// that is missing, may not be read, is empty, too large or not regular, and
// [core.CodeUnavailable] if reading failed in another way. It is [core.Error.Local]. Read is
// safe for concurrent use.
func Read(path string) ([]byte, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q: no file has such a name", path)
	}
	// Stat comes first, as opening a pipe blocks until another process opens it for writing.
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(path, err)
	}
	if info.IsDir() {
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q is a directory", path)
	}
	if !info.Mode().IsRegular() {
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, readError(path, err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, Limit+1))
	switch {
	case err != nil:
		return nil, readError(path, err)
	case len(data) > Limit:
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q is larger than %d KiB", path, Limit>>10)
	case len(data) == 0:
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q is empty", path)
	}
	return data, nil
}

// Unavailable returns err, which is about a file that was read before, as
// [core.CodeUnavailable] and [core.Error.Local]: another process may be replacing the file.
func Unavailable(err error) error {
	return core.LocalErrorf(core.CodeUnavailable, "%w",
		core.Cause(err))
}

func readError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return core.LocalErrorf(core.CodeBadConfig, "file %q does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return core.LocalErrorf(core.CodeBadConfig, "file %q may not be read", path)
	}
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	return core.LocalErrorf(core.CodeUnavailable, "file %q: %w", path, err)
}
