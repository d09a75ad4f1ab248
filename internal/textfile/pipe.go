package textfile

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// writerTime is how long ReadPipe waits for the first writer of a named pipe.
const writerTime = 10 * time.Second

// IsPipe reports whether a path leads to a pipe: a named one, or one that the
// process has inherited, such as /dev/fd/63 of a shell's <(command).
func IsPipe(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&fs.ModeNamedPipe != 0
}

// ReadPipe returns what the writers of a pipe write until they close it, at most
// limit bytes. What it has read is gone from the pipe. For the first writer of a
// named pipe it waits ten seconds. It stops when ctx ends. Errors are as those of
// [Read].
func ReadPipe(ctx context.Context, path string, limit int64) ([]byte, error) {
	f, err := open(path)
	if err != nil {
		return nil, systemError(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, systemError(err)
	}
	if info.Mode()&fs.ModeNamedPipe == 0 {
		return nil, &Error{Irregular, nil, "is not a pipe"}
	}
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	named, err := os.Lstat(path)
	waits := err == nil && named.Mode()&fs.ModeNamedPipe != 0
	for deadline := time.Now().Add(writerTime); ; {
		data, err := io.ReadAll(io.LimitReader(f, limit+1))
		switch {
		case ctx.Err() != nil:
			return nil, &Error{Unreadable, context.Cause(ctx), context.Cause(ctx).Error()}
		case err != nil:
			return nil, systemError(err)
		case int64(len(data)) > limit:
			return nil, tooLarge(limit)
		case len(data) > 0 || !waits:
			return data, nil
		case time.Now().After(deadline): // a pipe without a writer reads as if it were at its end
			return nil, &Error{Unreadable, errNoWriter, errNoWriter.Error()}
		}
		select {
		case <-ctx.Done():
		case <-time.After(readPause):
		}
	}
}

var errNoWriter = errors.New("is a pipe that no program writes to")
