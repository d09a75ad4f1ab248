// Read on in log.go.

package process

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxProgram is the largest size in bytes of a file that is read to the end for
// its checksum.
const maxProgram = 2 << 30

// open opens the file and checks what it is and who may write it. The caller
// closes it.
func (p Program) open() (f *os.File, err error) {
	f, err = openFile(p.Path)
	switch {
	case os.IsNotExist(err):
		return nil, p.fileError("there is no such file")
	case os.IsPermission(err):
		return nil, p.fileError("this user may not read the file")
	case err != nil:
		return nil, p.fileError("%w", withoutPath(err))
	}
	if err := checkFile(p.Path, f); err != nil {
		_ = f.Close()
		return nil, p.fileError("%w", err)
	}
	return f, nil
}

// checkFile reports why an opened file is not a program that only this user and
// root can exchange.
func checkFile(path string, f *os.File) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return withoutPath(err)
	case info.IsDir():
		return errors.New("it is a directory, want the program itself")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() == 0 || info.Size() > maxProgram:
		return fmt.Errorf("its size of %d bytes is not that of a program", info.Size())
	case !isExecutable(info):
		return errors.New("the file is not executable (chmod u+x)")
	}
	return checkWriters(path, info)
}

// checkWriters reports whether anyone but this user and root may exchange the
// file: by writing to it, or to a folder above it.
func checkWriters(path string, info os.FileInfo) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return withoutPath(err)
	}
	if now, err := os.Lstat(real); err != nil || !os.SameFile(now, info) {
		return errors.New("the file is being exchanged")
	}
	if err := checkOthersCannotWrite(info, false); err != nil {
		return fmt.Errorf("the file %w", err)
	}
	for dir, above := filepath.Dir(real), false; ; dir, above = filepath.Dir(dir), true {
		info, err := os.Stat(dir)
		if err != nil {
			return withoutPath(err)
		}
		if err := checkOthersCannotWrite(info, above); err != nil {
			return fmt.Errorf("the folder %s %w", dir, err)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// verify compares the checksum of the opened file. isScript reports whether the
// system starts another program for the file, the interpreter.
func (p Program) verify(f *os.File) (isScript bool, err error) {
	sum := sha256.New()
	var first [2]byte
	n, _ := io.ReadFull(f, first[:])
	_, _ = sum.Write(first[:n])
	isScript = bytes.Equal(first[:n], []byte("#!"))
	buf := make([]byte, 256<<10)
	// The structs hide ReadFrom and WriteTo, which would not use buf.
	to, from := struct{ io.Writer }{sum}, struct{ io.Reader }{io.LimitReader(f, maxProgram)}
	if _, err := io.CopyBuffer(to, from, buf); err != nil {
		return false, p.fileError("%w", withoutPath(err))
	}
	want, _ := hex.DecodeString(p.SHA256)
	if got := sum.Sum(nil); subtle.ConstantTimeCompare(got, want) != 1 {
		return false, p.fileError("the file's sha256 is %x and the one given is %s: put the "+
			"right file there, or give its sum if you trust it", got, strings.ToLower(p.SHA256))
	}
	return isScript, nil
}

// withoutPath returns the cause of an error that repeats the path.
func withoutPath(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
