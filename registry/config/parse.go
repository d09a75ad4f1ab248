// Read on in keys.go.

package config

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/authsession/authsession/internal/textfile"
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
	ok, mayRefer := true, len(sources) > 0
	documents := parseSources(sources, true, out.places, found, &ok)
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if ctx.Err() != nil {
			return out, false
		}
		p := parser{
			source: &source{name: name, dir: filepath.Dir(name)}, places: out.places, found: found,
			ctx: ctx,
		}
		if seen[name] {
			p.fault(0, 0, "the file is named twice")
			ok = false
		}
		seen[name] = true
		values, refers, parsed := p.readDocument(ctx, read)
		if p.ended {
			return out, false
		}
		mayRefer, ok = mayRefer || refers, ok && parsed
		documents = append(documents, values)
	}
	documents = append(documents, parseSources(sources, false, out.places, found, &ok)...)
	if !ok {
		return out, false
	}
	for _, values := range documents {
		out.overlay(values)
	}
	out.references = mayRefer && checkReferences(ctx, out, found)
	return out, true
}

// readDocument reads and parses the parser's file. refers reports whether the file may
// have references.
func (p *parser) readDocument(
	ctx context.Context, read watchedFiles,
) (values map[string]any, refers, ok bool) {
	data, err := p.readFile(ctx, read)
	if err != nil {
		p.fault(0, 0, "the file "+err.Error())
		return nil, false, false
	}
	values, ok = p.parse(data)
	p.withoutKeysOfOthers(values)
	return values, bytes.ContainsAny(data, `$\`), ok // or an escape of $
}

// readFile returns the content of the parser's file. A pipe was read before; names in
// it are not relative to a folder.
func (p *parser) readFile(ctx context.Context, read watchedFiles) ([]byte, error) {
	if p.source.name == "" {
		return nil, errors.New("in Options.Files has no name")
	}
	if piped, ok := p.found.pipes[p.source.name]; ok {
		p.source.dir = ""
		return piped.data, piped.err
	}
	return read.read(ctx, p.source.name, maxFile)
}

// parse chooses the format by the file's extension. It reports false if the data
// is not of that format.
func (p *parser) parse(data []byte) (map[string]any, bool) {
	text, err := textfile.Text(data)
	if err != nil {
		line, column := newLines(data).at(validPrefix(data))
		if line == 1 && column == 1 || bytes.IndexByte(data, 0) >= 0 || utf8.Valid(data) {
			line, column = 0, 0 // it is in UTF-16
		}
		p.fault(line, column, "the file "+err.Error())
		return nil, false
	}
	data = text
	if len(bytes.TrimSpace(data)) == 0 {
		p.fault(0, 0, emptyFile)
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
