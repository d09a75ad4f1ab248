// Read on in parse.go.

package config

import (
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// maxValues bounds how many values one source has: a map of Go may hold itself.
const maxValues = 200_000

// valuesReader makes documents of the values of one source. It copies them: they
// belong to the program.
type valuesReader struct {
	parser
	values int // that were read
}

// parseSources returns the documents of the sources that are below the files, or
// of the others. It sets ok to false if a source could not be read.
func parseSources(
	readings []sourceReading, below bool, places *places, found *report, ok *bool,
) (documents []map[string]any) {
	for _, r := range readings {
		if r.source.BelowFiles != below {
			continue
		}
		v := valuesReader{parser: parser{
			source: &source{name: r.source.Name, koanf: true, untyped: r.source.Parser == nil},
			places: places, found: found,
		}}
		if r.err != nil {
			v.fault(0, 0, r.err.Error())
			*ok = false
			continue
		}
		before := len(found.faults)
		document := v.object(v.outermost(r.source, r.values))
		if v.values > maxValues {
			found.faults = found.faults[:before]
			v.fault(0, 0, "more than "+strconv.Itoa(maxValues)+" values, or a map that holds itself")
			*ok = false
		}
		v.withoutKeysOfOthers(document)
		documents = append(documents, document)
	}
	return documents
}

// outermost returns the map of a source without its Prefix, and nested by its
// Delimiter. It reports keys that several of its keys stand for.
func (v *valuesReader) outermost(s *KoanfSource, given map[string]any) map[string]any {
	n := nester{map[string]any{}, map[uintptr]bool{}}
	for _, key := range sorted.Keys(given) {
		name, ok := strings.CutPrefix(key, s.Prefix)
		if !ok {
			continue
		}
		path := []string{name}
		if s.Delimiter != "" {
			path = strings.Split(name, s.Delimiter)
		} else if isFlat(name) {
			v.found.addAt(place{source: v.source}, path,
				"the key is that of a flat map: set the Delimiter of the source")
			continue
		}
		if at, ok := n.add(path, given[key]); !ok {
			v.found.addAt(place{source: v.source}, at,
				"several keys of the source give it a value, or a value and keys below it")
		}
	}
	return n.values
}

// isFlat reports whether a key of the outermost map seems to be a path.
func isFlat(key string) bool {
	rest, ok := strings.CutPrefix(key, "sessions")
	return ok && rest != "" && strings.ContainsRune("./:|", rune(rest[0]))
}

// nester nests the keys of a flat map. It writes only to maps that it has made.
type nester struct {
	values map[string]any
	made   map[uintptr]bool // the maps that it has made, by address
}

// own returns the object at a key, which is the nester's own afterwards.
func (n nester) own(values map[string]any, key string, before map[string]any) map[string]any {
	if n.made[reflect.ValueOf(before).Pointer()] {
		return before
	}
	object := make(map[string]any, len(before))
	maps.Copy(object, before)
	n.made[reflect.ValueOf(object).Pointer()] = true
	values[key] = object
	return object
}

// add stores a value at a path. It reports false, and where, if there is another
// value there or on the way.
func (n nester) add(path []string, value any) ([]string, bool) {
	values := n.values
	for i, key := range path[:len(path)-1] {
		before, given := values[key]
		object, isObject := before.(map[string]any)
		if given && !isObject {
			return path[:i+1], false
		}
		values = n.own(values, key, object)
	}
	last := path[len(path)-1]
	before, given := values[last]
	if !given {
		values[last] = value
		return nil, true
	}
	_, isObject := before.(map[string]any)
	more, ok := value.(map[string]any)
	if !ok || !isObject || len(path) > maxDepth {
		return path, false
	}
	for _, key := range sorted.Keys(more) {
		if at, ok := n.add(append(slices.Clip(path), key), more[key]); !ok {
			return at, false
		}
	}
	return nil, true
}

// object returns a copy of an object, with values of the types that files have.
func (v *valuesReader) object(given map[string]any) map[string]any {
	out := make(map[string]any, len(given))
	for _, key := range sorted.Keys(given) {
		if v.values++; v.values > maxValues {
			break
		}
		if len(v.path) == 0 && isOfTheUser(key) {
			continue
		}
		if v.enter(key, 0, 0) {
			out[key] = v.value(given[key])
		}
		v.leave()
	}
	return out
}

func (v *valuesReader) list(given reflect.Value) []any {
	out := make([]any, 0, given.Len())
	for i := range given.Len() {
		if v.values++; v.values > maxValues {
			break
		}
		if v.enter(strconv.Itoa(i), 0, 0) {
			out = append(out, v.value(given.Index(i).Interface()))
		}
		v.leave()
	}
	return out
}

// value returns a value as a file would have it.
func (v *valuesReader) value(given any) any {
	switch value := given.(type) {
	case nil, bool, core.Secret:
		return value
	case string:
		return v.text(value)
	case []byte:
		return v.text(string(value))
	case map[string]any:
		return v.object(value)
	case json.Number:
		if f, err := value.Float64(); err == nil {
			return f
		}
		return v.text(value.String())
	case time.Duration:
		return value.String()
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case encoding.TextMarshaler:
		return v.marshal(value)
	}
	return v.reflected(reflect.ValueOf(given))
}

func (v *valuesReader) marshal(value encoding.TextMarshaler) any {
	if r := reflect.ValueOf(value); r.Kind() == reflect.Pointer && r.IsNil() {
		return nil
	}
	text, err := value.MarshalText()
	if err != nil {
		v.unusable(0, 0, fmt.Sprintf("a %T that MarshalText cannot write", value))
		return nil
	}
	return v.text(string(text))
}

// reflected returns a value of a type of the program's.
func (v *valuesReader) reflected(value reflect.Value) any {
	switch {
	case value.Kind() == reflect.Pointer || value.Kind() == reflect.Interface:
		if value.IsNil() {
			return nil
		}
		if v.values++; v.values > maxValues { // a pointer may lead to itself
			return nil
		}
		return v.value(value.Elem().Interface())
	case value.Kind() == reflect.Bool:
		return value.Bool()
	case value.Kind() == reflect.String:
		return v.text(value.String())
	case value.CanInt():
		return int(value.Int())
	case value.CanUint():
		return value.Uint()
	case value.CanFloat():
		return value.Float()
	case value.Kind() == reflect.Slice || value.Kind() == reflect.Array:
		return v.list(value)
	case value.Kind() == reflect.Map:
		if object, ok := v.keys(value); ok {
			return v.object(object)
		}
		return nil
	}
	v.unusable(0, 0, fmt.Sprintf("a value of the Go type %s cannot be used", value.Type()))
	return nil
}

// keys returns a map whose keys are texts.
func (v *valuesReader) keys(value reflect.Value) (map[string]any, bool) {
	out := make(map[string]any, value.Len())
	for it := value.MapRange(); it.Next(); {
		key := it.Key()
		if key.Kind() == reflect.Interface {
			key = key.Elem()
		}
		if key.Kind() != reflect.String {
			v.unusable(0, 0, "a key is not a string")
			return nil, false
		}
		out[key.String()] = it.Value().Interface()
	}
	return out, true
}

// text returns a text. If it may become a list, the places of the elements are
// noted, because an earlier file may have some of the same path.
func (v *valuesReader) text(text string) any {
	text, err := checkedText("the value", text)
	if err != nil {
		v.unusable(0, 0, err.Error())
		return nil
	}
	if v.source.untyped {
		here := v.here()
		for i := range strings.Count(text, ",") + 1 {
			v.places.note(v.last(), strconv.Itoa(i), here)
		}
	}
	return text
}
