// Read on in json.go.

package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// parser is the state of parsing one file. The readers of the formats make the
// values and call enter and leave on their way, so that the places of the values
// and the checks that all formats need are here.
type parser struct {
	source *source
	places map[string]place // of all files: the place in a later file replaces an earlier one
	found  *report
	path   []string
	key    []byte // path, joined
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

// isIgnored reports whether the parser is in a part that belongs to the user.
func (p *parser) isIgnored() bool { return len(p.path) > 0 && isOfTheUser(p.path[0]) }

// maxDepth bounds how deep a file nests.
const maxDepth = 64

// enter goes down to a key, or to an element of a list, and notes its place.
// It reports whether the key can be used. The caller calls leave in any case.
func (p *parser) enter(name string, line, column int) bool {
	p.path = append(p.path, name)
	if len(p.path) > 1 {
		p.key = append(p.key, delimiter...)
	}
	p.key = append(p.key, name...)
	at := place{p.source, int32(line), int32(column)}
	switch {
	case len(p.path) > maxDepth:
		p.found.addAt(at, p.path[:1], "nested deeper than 64 levels")
		return false
	case !isKey(name):
		if p.isIgnored() {
			return false
		}
		p.path[len(p.path)-1] = "?"
		p.found.addAt(at, p.path, "the key is empty, too long or has control characters")
		p.path[len(p.path)-1] = name
		return false
	}
	p.places[string(p.key)] = at
	return true
}

// leave goes back up from a key or an element.
func (p *parser) leave() {
	last := p.path[len(p.path)-1]
	p.path = p.path[:len(p.path)-1]
	p.key = p.key[:max(0, len(p.key)-len(last)-len(delimiter))]
}

// isKey reports whether name can be a key.
func isKey(name string) bool {
	return name != "" && len(name) <= 256 && !strings.ContainsFunc(name, unicode.IsControl)
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
	p.found.unusable[string(p.key)] = true
}

// lines finds the line and the column of an offset.
type lines struct {
	data   []byte
	starts []int // offsets
}

func newLines(data []byte) *lines {
	l := &lines{data: data, starts: []int{0}}
	for i, c := range data {
		if c == '\n' {
			l.starts = append(l.starts, i+1)
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
	return line, utf8.RuneCount(l.data[l.starts[line-1]:offset]) + 1
}
