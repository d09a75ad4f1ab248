package config

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

const (
	maxFile      = 16 << 20 // of a configuration
	maxReference = 1 << 20  // of a file that a reference names
)

// digest stands for what a file held at one look. The zero digest: it could
// not be read.
type digest [sha256.Size]byte

// readFile reads a regular file of at most limit bytes. (A pipe or a device
// might never end.) The error does not repeat the name.
func readFile(name string, limit int64) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, cause(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, cause(err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, cause(err)
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("larger than %d MiB", limit>>20)
	}
	return data, nil
}

func cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// read reads and parses all files. What one of them lacks to be parsed at all
// is reported with ok false.
func (l *loader) read(ctx context.Context) (documents []map[string]any, ok bool) {
	ok = true
	if len(l.opts.Files) == 0 {
		l.faults = append(l.faults, Fault{Problem: "no file is named in Options.Files"})
		return nil, false
	}
	for i, name := range l.opts.Files {
		if ctx.Err() != nil {
			return nil, false
		}
		for _, before := range l.opts.Files[:i] {
			if before == name {
				l.faults = append(l.faults, Fault{File: name, Problem: "the file is named twice"})
				ok = false
			}
		}
		data, err := readFile(name, maxFile)
		l.seen[name] = watched{maxFile, sum(data, err)}
		t := &tree{source: &source{name: name, dir: filepath.Dir(name)}, places: l.places, broken: l.broken}
		if err != nil {
			t.fault(0, 0, err.Error())
		} else if values, parsed := t.parse(data); parsed {
			documents = append(documents, values)
			l.faults = append(l.faults, t.faults...)
			continue
		}
		ok = false
		l.faults = append(l.faults, t.faults...)
	}
	return documents, ok
}

func sum(data []byte, err error) digest {
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

// parse chooses the format by the file's extension.
func (t *tree) parse(data []byte) (map[string]any, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		t.fault(0, 0, "the file is empty")
		return nil, false
	case bytes.IndexByte(data, 0) >= 0:
		t.fault(0, 0, "the file is binary: it holds NUL")
		return nil, false
	case !utf8.Valid(data):
		offset := 0
		for r, n := utf8.DecodeRune(data); r != utf8.RuneError || n > 1; r, n = utf8.DecodeRune(data[offset:]) {
			offset += n
		}
		line, column := newLines(data).at(offset)
		t.fault(line, column, "the file is binary or not in UTF-8")
		return nil, false
	}
	switch strings.ToLower(filepath.Ext(t.source.name)) {
	case ".json":
		return t.json(data)
	case ".toml":
		return t.toml(data)
	}
	return t.yaml(data)
}
