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
	"unicode/utf8"

	"github.com/authsession/authsession/core"
)

// maxValues bounds how many values one source has: a map of Go may hold itself.
const maxValues = 1_000_000

// valuesReader makes documents of the values of one source. It copies them: they
// belong to the program.
type valuesReader struct {
	parser
	values int // that were read
}

// parseSources returns the documents of the sources that are below the files, or
// of the others. It sets ok to false if a source could not be read.
func parseSources(
	readings []sourceReading, below bool, places map[string]place, found *report, ok *bool,
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
		documents = append(documents, document)
	}
	return documents
}

// outermost returns the map of a source without its Prefix, and nested by its
// Delimiter. It reports keys that several of its keys stand for.
func (v *valuesReader) outermost(s *KoanfSource, given map[string]any) map[string]any {
	if s.Prefix == "" && s.Delimiter == "" {
		return given
	}
	out := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name, ok := strings.CutPrefix(key, s.Prefix)
		if !ok {
			continue
		}
		path := []string{name}
		if s.Delimiter != "" {
			path = strings.Split(name, s.Delimiter)
		}
		if at, ok := nest(out, path, given[key]); !ok {
			v.found.addAt(place{source: v.source}, at,
				"several keys of the source give it a value, or a value and keys below it")
		}
	}
	return out
}

// nest stores a value at a path of values, whose maps it has made itself or
// copies. It reports false, and where, if there is another value on the way.
func nest(values map[string]any, path []string, value any) ([]string, bool) {
	for i, key := range path {
		before, given := values[key]
		object, isObject := before.(map[string]any)
		switch {
		case i == len(path)-1 && !given:
			if m, ok := value.(map[string]any); ok { // others may be stored in it
				value = maps.Clone(m)
			}
			values[key] = value
			return nil, true
		case i == len(path)-1:
			more, ok := value.(map[string]any)
			if !ok || !isObject {
				return path, false
			}
			for _, below := range slices.Sorted(maps.Keys(more)) {
				if at, ok := nest(object, []string{below}, more[below]); !ok {
					return slices.Concat(path, at), false
				}
			}
			return nil, true
		case !given:
			object = map[string]any{}
			values[key] = object
		case !isObject:
			return path[:i+1], false
		default:
			object = maps.Clone(object) // it may be the program's
			values[key] = object
		}
		values = object
	}
	return nil, true
}

// object returns a copy of an object, with values of the types that files have.
func (v *valuesReader) object(given map[string]any) map[string]any {
	out := make(map[string]any, len(given))
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if v.values++; v.values > maxValues {
			break
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
	switch {
	case !utf8.ValidString(text):
		v.unusable(0, 0, "not in UTF-8")
		return nil
	case strings.IndexByte(text, 0) >= 0:
		v.unusable(0, 0, "binary: it holds NUL")
		return nil
	}
	if v.source.untyped {
		here := v.places[string(v.key)]
		for i := range strings.Count(text, ",") + 1 {
			v.places[string(v.key)+delimiter+strconv.Itoa(i)] = here
		}
	}
	return text
}
