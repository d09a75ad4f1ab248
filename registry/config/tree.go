package config

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/knadh/koanf/maps"
)

// delimiter joins the keys of a path. It occurs in no key: a file with NUL is
// refused, and so is a key with control characters. (With ".", the key "a.b"
// and the key "b" in "a" would be one.)
const delimiter = "\x00"

// place is where something was written.
type place struct {
	source       *source
	line, column int32
}

// source is a file or a variable.
type source struct {
	name     string
	dir      string // where the file's references start from
	variable bool
}

// fault makes a fault at a place.
func (p place) fault(path []string, problem string) Fault {
	f := Fault{Key: strings.Join(path, "."), Problem: problem, Line: int(p.line), Column: int(p.column)}
	switch {
	case p.source == nil:
	case p.source.variable:
		f.Variable = p.source.name
	default:
		f.File = p.source.name
	}
	return f
}

// join makes the key of the places map.
func join(path []string) string { return strings.Join(path, delimiter) }

// maxDepth bounds how deep a file nests.
const maxDepth = 64

// tree is a file while it is parsed: the values are the parser's to build, the
// places and the checks that all formats share are here.
type tree struct {
	source *source
	places map[string]place // shared with the other files: the later one wins
	path   []string
	key    []byte
	broken map[string]bool // paths whose value could not be read; shared too
	faults []Fault
}

// enter goes down to a key, or to an element of a list, and notes its place.
// It reports whether the key can be used; leave goes back up in any case.
func (t *tree) enter(name string, line, column int) bool {
	t.path = append(t.path, name)
	if len(t.path) > 1 {
		t.key = append(t.key, delimiter...)
	}
	t.key = append(t.key, name...)
	at := place{t.source, int32(line), int32(column)}
	switch {
	case len(t.path) > maxDepth:
		t.faults = append(t.faults, at.fault(t.path[:1], "nested deeper than 64 levels"))
		return false
	case !printable(name):
		t.path[len(t.path)-1] = "?"
		t.faults = append(t.faults, at.fault(t.path, "the key is empty, too long or has control characters"))
		t.path[len(t.path)-1] = name
		return false
	}
	t.places[string(t.key)] = at
	return true
}

func (t *tree) leave() {
	last := t.path[len(t.path)-1]
	t.path = t.path[:len(t.path)-1]
	t.key = t.key[:max(0, len(t.key)-len(last)-len(delimiter))]
}

func (t *tree) fault(line, column int, problem string) {
	t.faults = append(t.faults, place{t.source, int32(line), int32(column)}.fault(t.path, problem))
}

// twice reports a second key of the same name.
func (t *tree) twice(name string, line, column int) {
	t.path = append(t.path, name)
	t.fault(line, column, "the key is there twice")
	t.path = t.path[:len(t.path)-1]
}

// unusable reports that the value here cannot be read, so that nobody reports
// it as missing as well.
func (t *tree) unusable(line, column int, problem string) {
	t.fault(line, column, problem)
	t.broken[string(t.key)] = true
}

// printable reports whether name can be a key.
func printable(name string) bool {
	return name != "" && len(name) <= 256 && !strings.ContainsFunc(name, unicode.IsControl)
}

// lines finds line and column of an offset.
type lines struct {
	data   []byte
	starts []int
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

func (l *lines) at(offset int) (line, column int) {
	offset = min(max(offset, 0), len(l.data))
	line, found := slices.BinarySearch(l.starts, offset)
	if found {
		line++
	}
	return line, utf8.RuneCount(l.data[l.starts[line-1]:offset]) + 1
}

// overlay merges the files in their order: objects key by key, everything
// else as a whole. It takes koanf's merge without koanf's Load, which also
// makes a flat copy of everything and has no place for places.
func overlay(documents []map[string]any) map[string]any {
	values := map[string]any{}
	for _, d := range documents {
		maps.Merge(d, values)
	}
	return values
}

// merge lays src over dst, copying objects, without the key skip.
func merge(dst, src map[string]any, skip string) {
	for key, value := range src {
		if key == skip && skip != "" {
			continue
		}
		from, ok := value.(map[string]any)
		if !ok {
			dst[key] = value
			continue
		}
		to, ok := dst[key].(map[string]any)
		if !ok {
			to = make(map[string]any, len(from))
			dst[key] = to
		}
		merge(to, from, "")
	}
}

// object returns the object that m holds under keys, or nil.
func object(m map[string]any, keys ...string) map[string]any {
	for _, key := range keys {
		m, _ = m[key].(map[string]any)
	}
	return m
}
