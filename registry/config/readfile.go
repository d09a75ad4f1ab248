// Read on in pipes.go.

package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

const (
	maxFile      = 16 << 20 // bytes of a configuration
	maxReference = 1 << 20  // bytes of a file that a reference names
)

// digest identifies the contents of a file. The zero digest: it could not be
// read.
type digest [sha256.Size]byte

func digestOf(data []byte, err error) digest {
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

// watched is a file as it was when it was read.
type watched struct {
	limit int64 // bytes
	digest
}

// watchedFiles are the files that one load read, by name. [Config.Watch]
// compares them with what the files hold later.
type watchedFiles map[string]watched

// read reads a file and notes what it holds.
func (w watchedFiles) read(name string, limit int64) ([]byte, error) {
	data, err := readFile(name, limit)
	w[name] = watched{limit, digestOf(data, err)}
	return data, err
}

// again reads all files again and returns what they hold now.
func (w watchedFiles) again() watchedFiles {
	out := make(watchedFiles, len(w))
	for name, file := range w {
		_, _ = out.read(name, file.limit)
	}
	return out
}

// readFile reads a regular file of at most limit bytes. (A pipe or a device
// might never end.) The error does not repeat the name.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, withoutName(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, withoutName(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, withoutName(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return data, nil
}

func withoutName(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
