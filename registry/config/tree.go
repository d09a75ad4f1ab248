// Read on in readfile.go.

package config

import (
	"strconv"

	"github.com/knadh/koanf/maps"
)

// tree is what files or variables say: values that every format has (nil, bool,
// numbers, text, []any and map[string]any), and where each was written. The text
// of a variable is a [core.Secret]. A tree is not written to after the first
// pass.
type tree struct {
	values map[string]any
	places *places
	// references says that a text has a reference in it. (Those of variables cannot.)
	references bool
}

// sourceReading is what one load read from a source.
type sourceReading struct {
	source *KoanfSource
	values map[string]any // they may be the Provider's own: nothing writes to them
	err    error          // it quotes no value
}

// ownReference is a reference to what a [Resolver] finds.
type ownReference struct{ scheme, name string }

// ownValue is what a Resolver found.
type ownValue struct {
	Resolved
	err error // it quotes no value
}

func newTree() tree {
	return tree{values: map[string]any{}, places: &places{}}
}

// locate is the [locator] of a tree.
func (t tree) locate(path []string) ([]string, place) {
	for n := len(path); n > 0; n-- {
		if p, ok := t.places.at(nil, path[:n]); ok {
			return path, p
		}
	}
	return path, place{}
}

// whereIs returns the place of the value at a path, or the zero place.
func (t tree) whereIs(path []string) place {
	if t.places == nil {
		return place{}
	}
	where, _ := t.places.at(nil, path)
	return where
}

// object returns the object that the tree holds at a path, or nil.
func (t tree) object(path ...string) map[string]any { return object(t.values, path...) }

// overlay lays the values of a document over those of the tree: objects key by
// key, everything else as a whole. It takes koanf's merge without koanf's Load,
// which also makes a flat copy of everything and keeps no places.
func (t tree) overlay(document map[string]any) { maps.Merge(document, t.values) }

// merge lays src over dst and copies objects, without the key skip of src.
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

// object returns the object that values holds at a path, or nil.
func object(values map[string]any, path ...string) map[string]any {
	for _, key := range path {
		values, _ = values[key].(map[string]any)
	}
	return values
}

// find returns the value at a path, also inside of lists. It reports whether
// there is one; null counts as none.
func find(value any, path []string) (any, bool) {
	for _, key := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}
