// Read on in runner.go.

package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"

	"github.com/authsession/authsession/core"
)

const (
	// maxSocketDir is the length of a folder's name that leaves room for the name
	// of a socket within the 103 bytes that every system allows.
	maxSocketDir = 85
	// longestFolder is the longest name that go-plugin gives to the folder of a
	// socket.
	longestFolder = "/plugin-dir4294967295"
)

// socketParents returns the folders in which that of a socket may be made, best
// first. TMPDIR is not always usable: in a container it may be missing or
// read-only.
func socketParents() []string {
	parents := []string{os.TempDir()}
	if runtime.GOOS == "windows" {
		return parents
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		parents = append(parents, dir)
	}
	return append(parents, "/tmp", "/dev/shm")
}

// socketParent returns the absolute path of the first of the folders that is
// usable. The error says what is wrong with the first one.
func (p Program) socketParent(parents []string, log *outputLog) (string, error) {
	var first error
	for _, dir := range parents {
		path, err := usableParent(dir)
		if err == nil {
			if first != nil {
				log.warn("TMPDIR cannot be used for the socket of a plugin", first, path)
			}
			return path, nil
		}
		if first == nil {
			first = err
		}
	}
	return "", p.errorf(core.CodeBadConfig, ": set TMPDIR to a folder for its socket: %w", first)
}

// usableParent returns the absolute path of a folder if the socket of a plugin can
// be in a folder below it.
func usableParent(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("%q is relative, and this program's working directory is gone", dir)
	}
	if runtime.GOOS != "windows" { // the socket is a port there
		if err := checkSocketPath(path); err != nil {
			return "", err
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("there is no folder %q", path)
	case err != nil:
		return "", fmt.Errorf("%q: %w", path, withoutPath(err))
	case !info.IsDir():
		return "", fmt.Errorf("%q is not a folder", path)
	}
	if err := checkWritable(path); err != nil {
		return "", fmt.Errorf("this user cannot write to %q: %w", path, err)
	}
	return path, nil
}

// checkSocketPath reports whether a socket below a path is too long for the
// system, or cannot be named in the handshake.
func checkSocketPath(path string) error {
	isOdd := func(r rune) bool { return r == '|' || unicode.IsControl(r) }
	if i := strings.IndexFunc(path, isOdd); i >= 0 {
		return fmt.Errorf("the name of %q contains %q", path, path[i])
	}
	if most := maxSocketDir - len(longestFolder); len(path) > most {
		return fmt.Errorf("the name of %q has %d bytes, and a socket's folder may have %d",
			path, len(path), most)
	}
	return nil
}
