// Read on in logline.go.

package process

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxProgram is the largest size in bytes of a file that is read to the end for
// its checksum.
const maxProgram = 2 << 30

// image is a program that was checked, and what is executed.
type image struct {
	file     *os.File
	isScript bool // the system starts another program for it, the interpreter
	identity identity
}

// opened is the file of a program, with what is known of it before it is read.
type opened struct {
	file     *os.File
	identity identity
	// others is nil if only this user and root can exchange the file. Otherwise it
	// says who else can, and a copy must be executed.
	others error
}

// open opens the file and checks what it is and who may write it. The caller
// closes it.
func (p Program) open() (*opened, error) {
	file, err := openFile(p.Path)
	switch {
	case os.IsNotExist(err):
		return nil, p.fileError("there is no such file")
	case os.IsPermission(err):
		return nil, p.fileError("this user may not read the file")
	case err != nil:
		return nil, p.fileError("%w", withoutPath(err))
	}
	info, err := file.Stat()
	if err == nil {
		err = checkKind(info)
	}
	if err != nil {
		_ = file.Close()
		return nil, p.fileError("%w", withoutPath(err))
	}
	return &opened{file, identityOf(info), checkWriters(p.Path, info)}, nil
}

// checkKind reports why a file is not a program.
func checkKind(info os.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("it is a directory, want the program itself")
	case !info.Mode().IsRegular():
		return errors.New("it is not a regular file")
	case info.Size() == 0 || info.Size() > maxProgram:
		return fmt.Errorf("its size of %d bytes is not that of a program", info.Size())
	case !isExecutable(info):
		return errors.New("the file is not executable (chmod u+x)")
	}
	return nil
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

// verify compares the checksum of the opened file and returns what to execute: the
// file, or a copy in memory of a file that others may write. The checksum of a file
// with the identity known is not computed again. The caller closes the image; the
// opened file is closed.
func (p Program) verify(o *opened, known identity) (*image, error) {
	if o.others != nil {
		return p.verifyCopy(o)
	}
	isKnown := known != identity{} && o.identity == known
	sum := sha256.New()
	isScript, err := p.copyProgram(sum, o.file, isKnown)
	if err == nil && !isKnown {
		err = p.compare(sum)
	}
	if err != nil {
		_ = o.file.Close()
		return nil, err
	}
	return &image{o.file, isScript, o.identity}, nil
}

// verifyCopy copies the file to where nobody can write, compares the checksum of
// the copy and returns it.
func (p Program) verifyCopy(o *opened) (*image, error) {
	defer o.file.Close()
	to, err := newMemoryFile("plugin " + p.Name)
	if err != nil {
		return nil, p.fileError("%w. This system does not let the host execute a private copy (%w): "+
			"put the file into a folder that only this user and root may write", o.others, err)
	}
	sum := sha256.New()
	isScript, err := p.copyProgram(io.MultiWriter(to, sum), o.file, false)
	if err == nil {
		err = p.compare(sum)
	}
	if err == nil && seal(to) != nil {
		err = p.fileError("%w, and a private copy cannot be made safe", o.others)
	}
	if err != nil {
		_ = to.Close()
		return nil, err
	}
	return &image{file: to, isScript: isScript}, nil
}

// copyProgram copies a file, or its first bytes only, and reports whether it is a
// script.
func (p Program) copyProgram(to io.Writer, from io.Reader, onlyFirst bool) (isScript bool,
	err error) {
	var first [2]byte
	n, _ := io.ReadFull(from, first[:])
	isScript = bytes.Equal(first[:n], []byte("#!"))
	if onlyFirst {
		return isScript, nil
	}
	// The structs hide ReadFrom and WriteTo, which would not use buf.
	rest := io.MultiReader(bytes.NewReader(first[:n]), io.LimitReader(from, maxProgram))
	buf := make([]byte, 64<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{rest}, buf); err != nil {
		return false, p.fileError("%w", withoutPath(err))
	}
	return isScript, nil
}

// compare reports whether a checksum is the one that is given.
func (p Program) compare(sum hash.Hash) error {
	want, _ := hex.DecodeString(p.SHA256)
	if got := sum.Sum(nil); subtle.ConstantTimeCompare(got, want) != 1 {
		return p.fileError("the file's sha256 is %x and the one given is %s: put the "+
			"right file there, or give its sum if you trust it", got, strings.ToLower(p.SHA256))
	}
	return nil
}

// withoutPath returns the cause of an error that repeats the path.
func withoutPath(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
