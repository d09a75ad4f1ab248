package plugins

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// Binary names a plugin: a program on this machine that serves factories.
type Binary struct {
	// Name is what errors and logs call the plugin: letters, digits, "-", "_"
	// and ".".
	Name string
	// Path is the program's absolute path. Neither the file nor a folder above
	// it may be writable by others.
	Path string
	// SHA256 is the checksum of the file, as sha256sum prints it: 64
	// hexadecimal digits. It is always compared, with the very file that is
	// executed.
	SHA256 string
	// Args are handed to the program. Others can see them: put no secret here.
	Args []string
	// Env names the variables of this process that the plugin gets. Nil: none.
	// A variable that is not set is left out.
	Env []string
	// Kinds are the kinds of providers that are used. Nil: the one called Name.
	Kinds []string
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// check reports what is wrong with b itself, without a look at the file.
func (b Binary) check() error {
	bad := func(format string, args ...any) error {
		return core.Errorf(core.BadConfig, "plugin %q: %w", b.Name, fmt.Errorf(format, args...))
	}
	if !namePattern.MatchString(b.Name) {
		return bad(`the name must be letters, digits, "-", "_" and "."`)
	}
	if !filepath.IsAbs(b.Path) {
		return bad("the path %q is not absolute", b.Path)
	}
	if n := len(b.SHA256); n != sha256.Size*2 {
		return bad("the sha256 has %d characters, want 64: what sha256sum prints for the file", n)
	}
	if _, err := hex.DecodeString(b.SHA256); err != nil {
		return bad("the sha256 is not hexadecimal")
	}
	for _, name := range b.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.HasPrefix(name, "PLUGIN_") || name == cookieKey {
			name, _, _ = strings.Cut(name, "=") // its value may be secret
			return bad("the variable %q cannot be passed on: want names of variables, without values", name)
		}
	}
	for _, arg := range b.Args {
		if strings.Contains(arg, "\x00") {
			return bad("an argument contains a NUL")
		}
	}
	for i, kind := range b.Kinds {
		if !namePattern.MatchString(kind) || slices.Contains(b.Kinds[:i], kind) {
			return bad("the kind %q is empty, repeated or no name", kind)
		}
	}
	return nil
}

// kinds are those that b is used for.
func (b Binary) kinds() []string {
	if len(b.Kinds) == 0 {
		return []string{b.Name}
	}
	return b.Kinds
}

// key tells binaries apart that need processes of their own.
func (b Binary) key() string {
	return fmt.Sprintf("%q %s %q %q", b.Path, strings.ToLower(b.SHA256), b.Args, b.Env)
}

func (b Binary) clone() Binary {
	b.Args, b.Env, b.Kinds = slices.Clone(b.Args), slices.Clone(b.Env), slices.Clone(b.Kinds)
	return b
}

// maxBinary bounds the file that is hashed.
const maxBinary = 2 << 30

// bad is an error about the file.
func (b Binary) bad(format string, args ...any) error {
	return core.Errorf(core.BadConfig, "plugin %q: %s: %w", b.Name, b.Path, fmt.Errorf(format, args...))
}

// open opens the file and checks what it is and who may write it. The caller
// closes it.
func (b Binary) open() (f *os.File, err error) {
	bad := func(format string, args ...any) (*os.File, error) {
		if f != nil {
			_ = f.Close()
		}
		return nil, b.bad(format, args...)
	}
	f, err = openFile(b.Path)
	switch {
	case os.IsNotExist(err):
		return bad("there is no such file")
	case os.IsPermission(err):
		return bad("this user may not read the file")
	case err != nil:
		return bad("%w", pathless(err))
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return bad("%w", pathless(err))
	case info.IsDir():
		return bad("it is a directory, want the program itself")
	case !info.Mode().IsRegular():
		return bad("it is not a regular file")
	case info.Size() == 0 || info.Size() > maxBinary:
		return bad("its size of %d bytes is not that of a program", info.Size())
	case !executable(info):
		return bad("the file is not executable (chmod u+x)")
	}
	if err := keptFromOthers(b.Path, info); err != nil {
		return bad("%w", err)
	}
	return f, nil
}

// verify compares the sum of the opened file. script tells that the system
// starts another program for it.
func (b Binary) verify(f *os.File) (script bool, err error) {
	sum := sha256.New()
	var first [2]byte
	n, _ := io.ReadFull(f, first[:])
	_, _ = sum.Write(first[:n])
	script = bytes.Equal(first[:n], []byte("#!"))
	buf := make([]byte, 256<<10)
	if _, err := io.CopyBuffer(struct{ io.Writer }{sum}, struct{ io.Reader }{io.LimitReader(f, maxBinary)}, buf); err != nil {
		return false, b.bad("%w", pathless(err))
	}
	want, _ := hex.DecodeString(b.SHA256)
	if got := sum.Sum(nil); subtle.ConstantTimeCompare(got, want) != 1 {
		return false, b.bad("the file's sha256 is %x and the one given is %s: put the right file there, or give its sum if you trust it", got, strings.ToLower(b.SHA256))
	}
	return script, nil
}

// keptFromOthers reports whether anyone but this user and root may exchange
// the file.
func keptFromOthers(path string, info os.FileInfo) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return pathless(err)
	}
	if now, err := os.Lstat(real); err != nil || !os.SameFile(now, info) {
		return fmt.Errorf("the file is being exchanged")
	}
	if err := notForOthers(info, false); err != nil {
		return fmt.Errorf("the file %w", err)
	}
	for dir, above := filepath.Dir(real), false; ; dir, above = filepath.Dir(dir), true {
		info, err := os.Stat(dir)
		if err != nil {
			return pathless(err)
		}
		if err := notForOthers(info, above); err != nil {
			return fmt.Errorf("the folder %s %w", dir, err)
		}
		if dir == filepath.Dir(dir) {
			return nil
		}
	}
}

// pathless frees an error of the path that it repeats.
func pathless(err error) error {
	if e, ok := err.(*os.PathError); ok {
		return e.Err
	}
	return err
}
