// Read on in typetext.go.

package core

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
)

// Setting describes one setting of a provider.
type Setting struct {
	Name string // the key in a configuration
	// Type is "string", "bool", "integer", "number", "duration", "object", "any", "list of T" or
	// "map of T".
	Type     string
	Doc      string
	Default  string
	Enum     []string // the values allowed; empty: any
	Required bool
	Secret   bool
	// Identity says that a stored credential belongs to the value of the setting
	// that it was obtained with: the issuer, the client, the account, or what was
	// asked for there. Of an object, a list or a map it speaks of everything
	// inside that is not secret. Package registry makes the key in Options.Store
	// of these settings, so that a change of any other setting keeps the stored
	// credential. It is never true together with Secret, as the key is not
	// secret. False in all settings of a kind: all of them count, except secrets.
	Identity bool
	Fields   []Setting // of an object, or of the objects in a list or map
}

// Fault is one thing wrong with the settings. Path leads to it from the
// settings' root: keys and, in lists, indexes counted from 0. Problem never
// quotes a value that may be secret.
type Fault struct {
	Path    []string
	Problem string
}

// Error returns the path, joined with dots, and the problem.
func (f Fault) Error() string {
	if len(f.Path) == 0 {
		return f.Problem
	}
	return strings.Join(f.Path, ".") + ": " + f.Problem
}

// Faultf returns a [Fault] at a path whose keys are joined by dots; an empty
// path is that of the settings as a whole.
func Faultf(path, format string, args ...any) error {
	f := Fault{Problem: fmt.Sprintf(format, args...)}
	if path != "" {
		f.Path = strings.Split(path, ".")
	}
	return f
}

// Faults are all that is wrong with some settings.
type Faults []Fault

// Error joins the faults with "; ".
func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, fault := range f {
		texts[i] = fault.Error()
	}
	return strings.Join(texts, "; ")
}

// appendFaults adds the faults in the tree of err; an error of another type
// becomes a fault without a path.
func appendFaults(faults []Fault, err error) []Fault {
	switch e := err.(type) {
	case nil:
		return faults
	case Fault:
		return append(faults, e)
	case Faults:
		return append(faults, e...)
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			faults = appendFaults(faults, err)
		}
		return faults
	}
	if inner := errors.Unwrap(err); inner != nil {
		var f Fault
		var fs Faults
		if errors.As(inner, &f) || errors.As(inner, &fs) {
			return appendFaults(faults, inner)
		}
	}
	return append(faults, Fault{Problem: err.Error()})
}

// DecodeSettings fills the struct that into points to from settings, as
// [Factory.Open] does: strictly, with the defaults of its tags. The error, if
// any, is [Faults] with all that is wrong. It panics if into is not a pointer
// to a struct.
func DecodeSettings(settings map[string]any, into any) error {
	if faults := decodeSettings(settings, reflect.ValueOf(into).Elem()); len(faults) > 0 {
		return Faults(faults)
	}
	return nil
}

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// member is one field of a settings struct.
type member struct {
	name     string
	index    []int
	tag      reflect.StructTag
	typ      reflect.Type
	required bool
	// What the tags default and enum say, as a search in a tag takes time.
	byDefault  string
	hasDefault bool
	enum       []string // nil: any value
	// inside says that the member is an object with defaults in it.
	inside bool
}

// membersByType caches the result of members, as many sessions have the same type.
var membersByType sync.Map // reflect.Type → []member

// members returns the settings of a struct type, those of embedded structs included.
func members(t reflect.Type) []member {
	if list, ok := membersByType.Load(t); ok {
		return list.([]member)
	}
	var list []member
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported() && !f.Anonymous:
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			for _, m := range members(f.Type) {
				m.index = append([]int{i}, m.index...)
				list = append(list, m)
			}
		default:
			if name == "" {
				name = f.Name
			}
			list = append(list, newMember(name, i, f))
		}
	}
	membersByType.Store(t, list)
	return list
}

func newMember(name string, index int, f reflect.StructField) member {
	m := member{
		name: name, index: []int{index}, tag: f.Tag, typ: f.Type,
		required: f.Tag.Get("required") == "true",
	}
	m.byDefault, m.hasDefault = f.Tag.Lookup("default")
	if enum := f.Tag.Get("enum"); enum != "" {
		m.enum = strings.Split(enum, ",")
	}
	m.inside = f.Type.Kind() == reflect.Struct && f.Type != secretType && hasDefaults(f.Type)
	return m
}

func describeSettings(t reflect.Type) []Setting {
	var list []Setting
	for _, m := range members(t) {
		name, elem := typeName(m.typ)
		s := Setting{
			Name: m.name, Type: name, Doc: m.tag.Get("doc"), Default: m.byDefault,
			Required: m.required, Secret: elem == secretType,
			Identity: m.tag.Get("identity") == "true" && elem != secretType,
		}
		s.Enum = slices.Clone(m.enum)
		if elem.Kind() == reflect.Struct && elem != secretType &&
			!reflect.PointerTo(elem).Implements(textType) {
			s.Fields = describeSettings(elem)
		}
		list = append(list, s)
	}
	return list
}

// namedType is a result of typeName.
type namedType struct {
	name string
	elem reflect.Type
}

// namesByType caches the results of typeName, as many settings have the same type.
var namesByType sync.Map // reflect.Type → namedType

// typeName returns the name of t for people and its innermost element.
func typeName(t reflect.Type) (string, reflect.Type) {
	if known, ok := namesByType.Load(t); ok {
		n := known.(namedType)
		return n.name, n.elem
	}
	name, elem := newTypeName(t)
	namesByType.Store(t, namedType{name, elem})
	return name, elem
}

func newTypeName(t reflect.Type) (string, reflect.Type) {
	switch {
	case t == durationType:
		return "duration", t
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case t == secretType || reflect.PointerTo(t).Implements(textType):
		return "string", t
	}
	switch t.Kind() {
	case reflect.String:
		return "string", t
	case reflect.Bool:
		return "bool", t
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "integer", t
	case reflect.Float32, reflect.Float64:
		return "number", t
	case reflect.Slice:
		name, elem := typeName(t.Elem())
		return "list of " + name, elem
	case reflect.Map:
		name, elem := typeName(t.Elem())
		return "map of " + name, elem
	case reflect.Struct:
		return "object", t
	}
	return "any", t
}
