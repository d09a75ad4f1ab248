// Read on in syntaxplace.go.

package config

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/authsession/authsession/core"
)

// parser is the state of parsing one file. The readers of the formats make the
// values and call enter and leave on their way, so that the places of the values
// and the checks that all formats need are here.
type parser struct {
	source *source
	places *places // of all files: the place in a later file replaces an earlier one
	found  *report
	path   []string
	noted  []int32         // of each name of path, in places
	length int             // of path, joined, in bytes
	data   []byte          // of a YAML file
	lines  *lines          // of data; nil: not made yet
	ctx    context.Context // nil: it does not end
	steps  int
	ended  bool
	// Of YAML: the place of the alias that is being expanded (nil: none), what the
	// aliases around it stand for, and how many values all aliases stood for.
	alias    *place
	expanded map[any]bool
	aliased  int
}

// maxAliased bounds how many values the aliases of one file stand for.
const maxAliased = 100_000

// isOfTheUser reports whether a key at the top belongs to the user, who may put
// anything there, such as common parts of YAML.
func isOfTheUser(key string) bool { return strings.HasPrefix(key, "x-") }

// schemaKey is the key at the top that names a JSON Schema. Editors read it.
const schemaKey = "$schema"

// withoutKeysOfOthers removes the keys at the top that are not for this package: those of the user,
// and the name of a schema, which must be a text.
func (p *parser) withoutKeysOfOthers(values map[string]any) {
	if name, given := values[schemaKey]; given {
		if _, isText := name.(string); !isText {
			path := []string{schemaKey}
			where, _ := p.places.at(nil, path)
			p.found.addAt(where, path, "want a string: the name of a JSON Schema, for editors")
		}
		delete(values, schemaKey)
	}
	maps.DeleteFunc(values, func(key string, _ any) bool { return isOfTheUser(key) })
}

// isIgnored reports whether the parser is in a part that belongs to the user.
func (p *parser) isIgnored() bool { return len(p.path) > 0 && isOfTheUser(p.path[0]) }

// stepsBetween is how many keys and elements are read between two looks at the context.
const stepsBetween = 256

// isEnded reports whether ctx has ended. It looks at it now and then.
func (p *parser) isEnded() bool {
	if p.steps++; p.steps%stepsBetween == 0 {
		return p.looksEnded()
	}
	return p.ended
}

// looksEnded is isEnded, and looks at ctx.
func (p *parser) looksEnded() bool {
	p.ended = p.ended || p.ctx != nil && p.ctx.Err() != nil
	return p.ended
}

// textReader gives a library its text, in blocks. It ends early with the parser's context, at which
// it looks before each block.
type textReader struct {
	parser *parser
	data   []byte
	read   int // bytes
	tail   int // of so many bytes at the end it gives one at a time
}

const textBlock = 4096 // bytes; the YAML library reads fewer at once

func (r *textReader) Read(b []byte) (int, error) {
	if r.parser.looksEnded() {
		return 0, context.Cause(r.parser.ctx)
	}
	if r.read >= len(r.data) {
		return 0, io.EOF
	}
	n := min(len(b), textBlock, max(1, len(r.data)-r.tail-r.read))
	n = copy(b[:n], r.data[r.read:])
	r.read += n
	return n, nil
}

// emptyFile is the fault of a file without a value. It may be a file that was cut.
const emptyFile = "the file is empty: write the key sessions, or do not name the file"

const (
	maxDepth = 64   // how deep a file nests
	maxPath  = 1024 // bytes of the keys that lead to a value, together
)

// enter goes down to a key, or to an element of a list, and notes its place.
// It reports whether the key can be used. The caller calls leave in any case.
func (p *parser) enter(name string, line, column int) bool {
	above := p.last()
	p.path, p.noted = append(p.path, name), append(p.noted, above)
	p.length += len(delimiter) + len(name)
	at := place{p.source, int32(line), int32(column)}
	switch {
	case p.isEnded():
		return false
	case len(p.path) > maxDepth:
		p.found.addAt(at, p.path[:1], "nested deeper than 64 levels")
		return false
	case p.length > maxPath+len(delimiter):
		p.found.addAt(at, p.path[:1], "the keys down to here are longer than 1 KiB together")
		return false
	case !isKey(name):
		if p.isIgnored() {
			return false
		}
		p.path[len(p.path)-1] = "?"
		p.found.addAt(at, p.path, "the key is empty, too long or has characters that cannot be seen")
		p.path[len(p.path)-1] = name
		return false
	}
	p.noted[len(p.noted)-1] = p.places.note(above, name, at)
	return true
}

// leave goes back up from a key or an element.
func (p *parser) leave() {
	end := len(p.path) - 1
	p.length -= len(delimiter) + len(p.path[end])
	p.path, p.noted = p.path[:end], p.noted[:end]
}

// last is the number in places of the value that is being parsed.
func (p *parser) last() int32 {
	if len(p.noted) == 0 {
		return root
	}
	return p.noted[len(p.noted)-1]
}

// here returns the place of the value that is being parsed.
func (p *parser) here() place {
	if last := p.last(); last != root {
		return p.places.get(last).place
	}
	return place{source: p.source}
}

// isKey reports whether name can be a key.
func isKey(name string) bool {
	const longest = 256
	return name != "" && len(name) <= longest && core.Printable(name, longest) == name
}

// fault reports a fault of the value that is being parsed.
func (p *parser) fault(line, column int, problem string) {
	if p.isIgnored() {
		return
	}
	p.found.addAt(place{p.source, int32(line), int32(column)}, p.path, problem)
}

// duplicate reports a second key of the same name.
func (p *parser) duplicate(name string, line, column int) {
	p.path = append(p.path, name)
	p.fault(line, column, "the key is there twice")
	p.path = p.path[:len(p.path)-1]
}

// unusable reports that the value that is being parsed cannot be read. Then it
// is not also reported as missing.
func (p *parser) unusable(line, column int, problem string) {
	p.fault(line, column, problem)
	p.found.unusable[join(p.path)] = true
}

// unusableHere is unusable at the place of the value.
func (p *parser) unusableHere(problem string) {
	here := p.here()
	p.unusable(int(here.line), int(here.column), problem)
}

// lines finds the line and the column of an offset, in a time that does not depend
// on the length of the line.
type lines struct {
	data   []byte
	starts []int  // offsets of lines
	marks  []mark // one for each markDistance bytes
}

// mark is the beginning of a character, with its column.
type mark struct{ offset, column int }

const markDistance = 256 // bytes

// text returns the lines of data.
func (p *parser) text() *lines {
	if p.lines == nil {
		p.lines = newLines(p.data)
	}
	return p.lines
}

func newLines(data []byte) *lines {
	l := &lines{data: data, starts: []int{0}}
	column := 1
	for i, c := range data {
		if i >= len(l.marks)*markDistance && utf8.RuneStart(c) {
			l.marks = append(l.marks, mark{i, column})
		}
		if c == '\n' || c == '\r' && (i+1 == len(data) || data[i+1] != '\n') {
			l.starts = append(l.starts, i+1)
			column = 1
		} else if utf8.RuneStart(c) {
			column++
		}
	}
	return l
}

// at returns the line and the column of an offset, in characters, both from 1.
func (l *lines) at(offset int) (line, column int) {
	offset = min(max(offset, 0), len(l.data))
	line, found := slices.BinarySearch(l.starts, offset)
	if found {
		line++
	}
	from := l.markBefore(line, offset)
	return line, from.column + utf8.RuneCount(l.data[from.offset:offset])
}

// markBefore returns the beginning of a line, or a mark in it that is nearer to an
// offset.
func (l *lines) markBefore(line, offset int) mark {
	from := mark{l.starts[line-1], 1}
	if i := min(offset/markDistance, len(l.marks)-1); i >= 0 {
		for ; i >= 0 && l.marks[i].offset > offset; i-- {
		}
		if i >= 0 && l.marks[i].offset > from.offset {
			from = l.marks[i]
		}
	}
	return from
}

// offset returns the offset of a line and a column.
func (l *lines) offset(line, column int) int {
	if line < 1 || line > len(l.starts) {
		return len(l.data)
	}
	from := mark{l.starts[line-1], 1}
	next := len(l.data)
	if line < len(l.starts) {
		next = l.starts[line]
	}
	i, _ := slices.BinarySearchFunc(l.marks, mark{from.offset, column}, func(m, of mark) int {
		switch {
		case m.offset < of.offset || m.offset < next && m.column <= of.column:
			return -1
		}
		return 1
	})
	if i > 0 && l.marks[i-1].offset > from.offset {
		from = l.marks[i-1]
	}
	at := from.offset
	for left := column - from.column; left > 0 && at < len(l.data); left-- {
		_, size := utf8.DecodeRune(l.data[at:])
		at += size
	}
	return at
}
