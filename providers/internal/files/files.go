// Package files reads the small files that settings name: tokens, keys and certificates. It adds
// the codes of package core to the errors of package textfile, which does the reading:
//
//	data, err := files.ReadText(ctx, "/run/secrets/token")
//
// Errors contain the name of the file and nothing of its content.
package files

import (
	"context"
	"errors"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
)

// Limit is the size of the largest file that is read, in bytes.
const Limit = 1 << 20

// Read returns the content of a regular file, which must not be empty and has at most [Limit]
// bytes. Symbolic links are followed. A file that another process is writing is read again until
// it is at rest. The error is [core.CodeBadConfig] for a file that is missing, may not be read, is
// empty, too large or not regular, and [core.CodeUnavailable] if reading failed in another way or
// ctx ended. It is [core.Error.Local]. Read is safe for concurrent use.
func Read(ctx context.Context, path string) ([]byte, error) {
	data, err := textfile.Read(ctx, path, Limit)
	if err != nil {
		return nil, readError(path, err)
	}
	if len(data) == 0 {
		return nil, core.LocalErrorf(core.CodeBadConfig, "file %q is empty", path)
	}
	return data, nil
}

// ReadText is Read for a file of text in UTF-8. A byte order mark is dropped; a file in another
// encoding is [core.CodeBadConfig].
func ReadText(ctx context.Context, path string) ([]byte, error) {
	data, err := Read(ctx, path)
	if err != nil {
		return nil, err
	}
	if data, err = textfile.Text(data); err != nil {
		return nil, readError(path, err)
	}
	if len(data) == 0 {
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
	code := core.CodeBadConfig
	var e *textfile.Error
	if errors.As(err, &e) && (e.Problem == textfile.Unreadable || e.Problem == textfile.Changing) {
		code = core.CodeUnavailable
	}
	return core.LocalErrorf(code, "file %q %w", path, err)
}
