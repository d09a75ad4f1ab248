// Read on in keys.go.

package config

import (
	"bytes"
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// parse is the first pass: it reads the files, lays each and what was read from
// sources over the ones before it and checks the form of all references. It
// reports false if a file cannot be read or is not of its format: what else is
// wrong is not known then. It ends early with ctx.
func parse(
	ctx context.Context, names []string, read watchedFiles, found *report,
	sources ...sourceReading,
) (tree, bool) {
	out := newTree()
	if len(names) == 0 && len(sources) == 0 {
		found.addAt(place{}, nil, "no file is named in Options.Files")
		return out, false
	}
	ok := true
	documents := parseSources(sources, true, out.places, found, &ok)
	for i, name := range names {
		if ctx.Err() != nil {
			return out, false
		}
		p := parser{
			source: &source{name: name, dir: filepath.Dir(name)}, places: out.places, found: found,
		}
		if slices.Contains(names[:i], name) {
			p.fault(0, 0, "the file is named twice")
			ok = false
		}
		piped, isPipe := found.pipes[name]
		data, err := piped.data, piped.err
		if isPipe {
			p.source.dir = ""
		} else {
			data, err = read.read(name, maxFile)
		}
		if err != nil {
			p.fault(0, 0, err.Error())
			ok = false
			continue
		}
		values, parsed := p.parse(data)
		maps.DeleteFunc(values, func(key string, _ any) bool { return isOfTheUser(key) })
		ok = ok && parsed
		documents = append(documents, values)
	}
	documents = append(documents, parseSources(sources, false, out.places, found, &ok)...)
	if !ok {
		return out, false
	}
	for _, values := range documents {
		out.overlay(values)
	}
	checkReferences(out, found)
	return out, true
}

// parse chooses the format by the file's extension. It reports false if the data
// is not of that format.
func (p *parser) parse(data []byte) (map[string]any, bool) {
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		p.fault(0, 0, "the file is empty")
		return nil, false
	case bytes.IndexByte(data, 0) >= 0:
		p.fault(0, 0, "the file is binary: it holds NUL")
		return nil, false
	case !utf8.Valid(data):
		line, column := newLines(data).at(validPrefix(data))
		p.fault(line, column, "the file is binary or not in UTF-8")
		return nil, false
	}
	switch strings.ToLower(filepath.Ext(p.source.name)) {
	case ".json":
		return p.json(data)
	case ".toml":
		return p.toml(data)
	}
	return p.yaml(data)
}

// validPrefix returns how many bytes at the beginning are UTF-8.
func validPrefix(data []byte) int {
	offset := 0
	for {
		r, n := utf8.DecodeRune(data[offset:])
		if r == utf8.RuneError && n <= 1 {
			return offset
		}
		offset += n
	}
}
