// Read on in places.go.

package config

import "strings"

// delimiter joins the keys of a path. No key contains it: a file with NUL is
// refused, and so is a key with control characters. (With ".", the key "a.b"
// and the key "b" in "a" would be one.)
const delimiter = "\x00"

// join makes one text of a path, as a key of maps.
func join(path []string) string { return strings.Join(path, delimiter) }

// source is a file, a variable or a [KoanfSource].
type source struct {
	name     string
	dir      string // that relative names in the file's references start from
	variable bool
	koanf    bool
	untyped  bool // texts are read as the types of their keys
	// keepsFirst says that of a key that occurs several times the first place counts.
	keepsFirst bool
}

// place is where something was written. The zero place is unknown.
type place struct {
	source       *source
	line, column int32
}

// fault makes a fault at a place.
func (p place) fault(path []string, problem string) Fault {
	f := Fault{Key: strings.Join(path, "."), Problem: problem}
	f.Line, f.Column = int(p.line), int(p.column)
	switch {
	case p.source == nil:
	case p.source.variable:
		f.Variable = p.source.name
	case p.source.koanf:
		f.KoanfSource = p.source.name
	default:
		f.File = p.source.name
	}
	return f
}

// locator returns where the value at a path was written, and the full path
// there. If nothing was written at the path, it returns the place of the
// nearest object or list around it, or the zero place.
type locator func(path []string) ([]string, place)

// below returns a locator for paths that start at prefix.
func (l locator) below(prefix ...string) locator {
	return func(path []string) ([]string, place) {
		return l(append(prefix[:len(prefix):len(prefix)], path...))
	}
}
