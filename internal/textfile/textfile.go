// Package textfile reads the small files that people and other programs write:
// configurations, tokens, keys, certificates. It is the one way in which this
// module reads them, so that each of them is treated alike:
//
//   - A pipe, a device or a folder is an error and does not block.
//   - A file that another process is writing is read again until it is at rest.
//   - A byte order mark is dropped, UTF-16 is named, and NUL is refused.
//
// Errors are an [*Error]. They have neither the name of the file, which the
// caller knows, nor anything of its content.
package textfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Problem says why a file is not read.
type Problem uint8

// The problems.
const (
	Unreadable Problem = iota // the system reports an error, see Error.Err
	Missing                   // there is no such file
	Forbidden                 // the file may not be read
	Irregular                 // it is a folder, a pipe or a device
	TooLarge                  // it is larger than the caller's limit
	Encoding                  // its text is not UTF-8
	Changing                  // another process keeps writing it
)

// Error says why a file is not read. Its text continues "file NAME ".
type Error struct {
	Problem Problem
	Err     error // the system's error, without the name; nil: there is none
	text    string
}

// Error returns a text such as "does not exist".
func (e *Error) Error() string { return e.text }

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Times of a file that another process writes.
const (
	restTime  = 50 * time.Millisecond // a file that was changed before this is at rest
	readPause = 20 * time.Millisecond
	maxReads  = 25
	readLimit = 5 * time.Second // of a file that answers like a pipe, such as /proc/kmsg
)

// ReadText returns the text of a file: Read and then Text.
func ReadText(ctx context.Context, path string, limit int64) ([]byte, error) {
	data, err := Read(ctx, path, limit)
	if err != nil {
		return nil, err
	}
	return Text(data)
}

// Read returns the content of a regular file of at most limit bytes. Symbolic
// links are followed. If another process changes the file meanwhile, or has just
// changed it, Read reads it again after a moment; half a second later it gives up
// with [Changing]. It stops when ctx ends. It is safe for concurrent use.
func Read(ctx context.Context, path string, limit int64) ([]byte, error) {
	if strings.IndexByte(path, 0) >= 0 {
		return nil, &Error{Missing, nil, "cannot exist: its name has a NUL"}
	}
	for range maxReads {
		data, rest, err := readOnce(ctx, path, limit)
		if err != nil {
			return nil, withHome(path, err)
		}
		if rest || atRest(ctx, path, data) {
			return data.bytes, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, &Error{Unreadable, context.Cause(ctx), context.Cause(ctx).Error()}
		}
	}
	return nil, &Error{Changing, nil, "is being written all the time"}
}

// withHome names the probable cause if a file is missing whose path has a part that begins
// with "~" or "$", which only shells replace.
func withHome(path string, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Problem != Missing {
		return err
	}
	for _, mark := range []string{"~", "$"} {
		if strings.Contains("/"+filepath.ToSlash(path), "/"+mark) {
			text := fmt.Sprintf("%s (%q stands for nothing here: write the full path)", e.text, mark)
			return &Error{Missing, e.Err, text}
		}
	}
	return err
}

// content is what one read has found.
type content struct {
	bytes []byte
	info  fs.FileInfo // after the read
}

// readOnce reads a file once. rest reports whether it was at rest before and
// after that.
func readOnce(ctx context.Context, path string, limit int64) (c content, rest bool, err error) {
	f, err := open(path)
	if err != nil {
		return c, false, systemError(err)
	}
	defer f.Close()
	before, err := f.Stat()
	if err != nil {
		return c, false, systemError(err)
	}
	if err := checkKind(before, limit); err != nil {
		return c, false, err
	}
	// Few files support a deadline. Those that do can block.
	_ = f.SetReadDeadline(time.Now().Add(readLimit))
	stop := context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	text := bytes.NewBuffer(make([]byte, 0, before.Size()+bytes.MinRead))
	if _, err = text.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return c, false, systemError(err)
	}
	c.bytes = text.Bytes()
	if int64(len(c.bytes)) > limit {
		return c, false, tooLarge(limit)
	}
	if c.info, err = f.Stat(); err != nil {
		return c, false, systemError(err)
	}
	complete := before.Size() == 0 || before.Size() == int64(len(c.bytes))
	// A file that is truncated is empty for a moment before the system notes the time.
	rest = complete && len(c.bytes) > 0 && same(before, c.info) &&
		time.Since(c.info.ModTime()).Abs() > restTime
	return c, rest, nil
}

// atRest reports whether the file is, after a moment, still the one that was
// read.
func atRest(ctx context.Context, path string, c content) bool {
	timer := time.NewTimer(readPause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	now, err := os.Stat(path)
	complete := err == nil && (now.Size() == 0 || now.Size() == int64(len(c.bytes)))
	return complete && same(c.info, now)
}

// same reports whether a file has not been changed or replaced.
func same(a, b fs.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

func checkKind(info fs.FileInfo, limit int64) error {
	switch {
	case info.IsDir():
		return &Error{Irregular, nil, "is a directory"}
	case !info.Mode().IsRegular():
		return &Error{Irregular, nil, "is not a regular file"}
	case info.Size() > limit:
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	size := fmt.Sprintf("%d KiB", limit>>10)
	switch {
	case limit < 1<<10:
		size = fmt.Sprintf("%d bytes", limit)
	case limit%(1<<20) == 0:
		size = fmt.Sprintf("%d MiB", limit>>20)
	}
	return &Error{TooLarge, nil, "is larger than " + size}
}

func systemError(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Missing, err, "does not exist"}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Forbidden, err, "may not be read"}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Irregular, err, "does not end, as a regular file would"}
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return &Error{Unreadable, err, "cannot be read: " + err.Error()}
}

// Byte order marks. That of UTF-32 in little endian begins with that of UTF-16.
var (
	markUTF8    = []byte("\xef\xbb\xbf")
	markUTF16LE = []byte("\xff\xfe")
	markUTF16BE = []byte("\xfe\xff")
	markUTF32BE = []byte("\x00\x00\xfe\xff")
)

// Text returns data as UTF-8 without a byte order mark. The error is
// [Encoding] for UTF-16 and UTF-32, with or without a mark, for other bytes
// that are not UTF-8, for NUL and for a second mark. The result is part of data.
func Text(data []byte) ([]byte, error) {
	data = bytes.TrimPrefix(data, markUTF8)
	switch {
	case bytes.HasPrefix(data, markUTF16LE), bytes.HasPrefix(data, markUTF16BE),
		bytes.HasPrefix(data, markUTF32BE), isWide(data):
		return nil, &Error{Encoding, nil, "is in UTF-16 or UTF-32: save it as UTF-8"}
	case !utf8.Valid(data) && bytes.ContainsFunc(data, isBinary):
		return nil, &Error{Encoding, nil, "is binary and not a text in UTF-8"}
	case !utf8.Valid(data):
		return nil, &Error{Encoding, nil, "is not in UTF-8: save it as UTF-8"}
	case bytes.HasPrefix(data, markUTF8):
		return nil, &Error{Encoding, nil,
			"begins with two byte order marks: save it as UTF-8 without one"}
	case bytes.IndexByte(data, 0) >= 0:
		return nil, &Error{Encoding, nil, "is binary: it holds NUL"}
	}
	return data, nil
}

// isBinary reports whether a character is in no text of any encoding with bytes for ASCII.
func isBinary(r rune) bool {
	return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1a\x1b", r)
}

// isWide reports whether data is probably text in UTF-16 or UTF-32 without a mark: its
// beginning is printable in one of these, and holds NUL. If all other bytes are ASCII, half
// of the bytes are NUL.
func isWide(data []byte) bool {
	const enough = 4096
	data = data[:min(len(data), enough)]
	zeros := bytes.Count(data, []byte{0})
	if zeros == 0 {
		return false
	}
	isASCII := !bytes.ContainsFunc(data, func(r rune) bool {
		return r != 0 && !isPrintable([]rune{r}) || r > unicode.MaxASCII
	})
	if isASCII && 2*zeros < len(data)-1 {
		return false
	}
	for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		if isPrintable(utf16Text(order, data)) || isPrintable(utf32Text(order, data)) {
			return true
		}
	}
	return false
}

// utf16Text decodes data, whose last byte may be left over; nil: that is too much of it.
func utf16Text(order binary.ByteOrder, data []byte) []rune {
	const few = 8
	if len(data)%2 != 0 && len(data) < few {
		return nil
	}
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, order.Uint16(data))
	}
	if n := len(units) - 1; n > 0 && utf16.IsSurrogate(rune(units[n])) {
		units = units[:n] // the beginning may end within a pair
	}
	return utf16.Decode(units)
}

func utf32Text(order binary.ByteOrder, data []byte) []rune {
	if len(data)%4 != 0 {
		return nil
	}
	text := make([]rune, 0, len(data)/4)
	for ; len(data) > 0; data = data[4:] {
		text = append(text, rune(order.Uint32(data)))
	}
	return text
}

// isPrintable reports whether a text is not empty and has nothing but what people write.
func isPrintable(text []rune) bool {
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsGraphic(r) && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
	}
	return len(text) > 0
}
