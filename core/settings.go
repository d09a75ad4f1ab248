package core

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting describes one setting of a provider.
type Setting struct {
	Name     string
	Type     string // "string", "bool", "integer", "number", "duration", "object", "list of T", "map of T", "any"
	Doc      string
	Default  string
	Enum     []string // the values allowed; empty: any
	Required bool
	Secret   bool
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

// Faultf returns a [Fault] at a path whose keys are joined by dots.
func Faultf(path, format string, args ...any) error {
	return Fault{Path: strings.Split(path, "."), Problem: fmt.Sprintf(format, args...)}
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
}

func members(t reflect.Type) []member {
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
			list = append(list, member{name, []int{i}, f.Tag, f.Type, f.Tag.Get("required") == "true"})
		}
	}
	return list
}

func describeSettings(t reflect.Type) []Setting {
	var list []Setting
	for _, m := range members(t) {
		name, elem := typeName(m.typ)
		s := Setting{
			Name: m.name, Type: name, Doc: m.tag.Get("doc"), Default: m.tag.Get("default"),
			Required: m.required, Secret: elem == secretType,
		}
		if enum := m.tag.Get("enum"); enum != "" {
			s.Enum = strings.Split(enum, ",")
		}
		if elem.Kind() == reflect.Struct && elem != secretType && !reflect.PointerTo(elem).Implements(textType) {
			s.Fields = describeSettings(elem)
		}
		list = append(list, s)
	}
	return list
}

// typeName returns the name of t for people and its innermost element.
func typeName(t reflect.Type) (string, reflect.Type) {
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

// decoder collects faults while it walks settings and type side by side.
type decoder struct{ faults []Fault }

func decodeSettings(settings map[string]any, into reflect.Value) []Fault {
	var d decoder
	d.object(nil, settings, into)
	return d.faults
}

func (d *decoder) fault(path []string, format string, args ...any) {
	d.faults = append(d.faults, Fault{Path: slices.Clone(path), Problem: fmt.Sprintf(format, args...)})
}

func (d *decoder) object(path []string, settings map[string]any, into reflect.Value) {
	list := members(into.Type())
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.name
	}
	for _, key := range sortedKeys(settings) {
		if !slices.Contains(names, key) {
			d.fault(append(path, key), "unknown key%s", didYouMeanOr(key, names))
		}
	}
	for _, m := range list {
		at := append(path, m.name)
		field := into.FieldByIndex(m.index)
		value, given := settings[m.name]
		if given && value != nil {
			before := len(d.faults)
			d.value(at, value, field)
			if enum := m.tag.Get("enum"); enum != "" && field.Kind() == reflect.String && len(d.faults) == before {
				if allowed := strings.Split(enum, ","); !slices.Contains(allowed, field.String()) {
					d.fault(at, "want one of %s%s", strings.Join(allowed, ", "), DidYouMean(field.String(), allowed))
				}
			}
			continue
		}
		if text, ok := m.tag.Lookup("default"); ok {
			d.text(at, text, field)
		} else if m.required {
			d.fault(at, "missing")
		} else if field.Kind() == reflect.Struct && field.Type() != secretType && hasDefaults(field.Type()) {
			d.object(at, nil, field)
		}
	}
}

func hasDefaults(t reflect.Type) bool {
	return slices.ContainsFunc(members(t), func(m member) bool { _, ok := m.tag.Lookup("default"); return ok })
}

func (d *decoder) value(path []string, value any, into reflect.Value) {
	t := into.Type()
	if t.Kind() == reflect.Pointer {
		into.Set(reflect.New(t.Elem()))
		d.value(path, value, into.Elem())
		return
	}
	if secret, ok := value.(Secret); ok {
		d.text(path, secret.Reveal(), into)
		return
	}
	name, _ := typeName(t)
	wrong := func() { d.fault(path, "want %s, found %s", name, kindOf(value)) }
	switch v := reflect.ValueOf(value); {
	case t.Kind() == reflect.Interface:
		if v.IsValid() {
			into.Set(v)
		}
	case name == "string" || t == durationType:
		s, ok := value.(string)
		if !ok {
			if name == "string" && (v.CanInt() || v.CanUint() || v.CanFloat() || v.Kind() == reflect.Bool) {
				d.fault(path, "want %s, found %s: put it in quotes", name, kindOf(value))
				return
			}
			wrong()
			return
		}
		d.text(path, s, into)
	case v.Kind() == reflect.Bool && t.Kind() == reflect.Bool:
		into.SetBool(v.Bool())
	case name == "integer" || name == "number":
		d.number(path, v, into, wrong)
	case v.Kind() == reflect.Map && t.Kind() == reflect.Struct:
		if m, ok := value.(map[string]any); ok {
			d.object(path, m, into)
			return
		}
		wrong()
	case v.Kind() == reflect.Map && t.Kind() == reflect.Map:
		m, ok := value.(map[string]any)
		if !ok {
			wrong()
			return
		}
		into.Set(reflect.MakeMapWithSize(t, len(m)))
		for _, key := range sortedKeys(m) {
			elem := reflect.New(t.Elem()).Elem()
			d.value(append(path, key), m[key], elem)
			into.SetMapIndex(reflect.ValueOf(key).Convert(t.Key()), elem)
		}
	case v.Kind() == reflect.Slice && t.Kind() == reflect.Slice:
		into.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		for i := range v.Len() {
			d.value(append(path, strconv.Itoa(i)), v.Index(i).Interface(), into.Index(i))
		}
	default:
		wrong()
	}
}

func (d *decoder) number(path []string, v reflect.Value, into reflect.Value, wrong func()) {
	var f float64
	switch {
	case v.CanInt():
		f = float64(v.Int())
	case v.CanUint():
		f = float64(v.Uint())
	case v.CanFloat():
		f = v.Float()
	default:
		wrong()
		return
	}
	switch {
	case into.CanFloat():
		into.SetFloat(f)
	case f != math.Trunc(f) || math.Abs(f) > 1<<53:
		d.fault(path, "want an integer")
	case into.CanInt() && !into.OverflowInt(int64(f)):
		into.SetInt(int64(f))
	case into.CanUint() && f >= 0 && !into.OverflowUint(uint64(f)):
		into.SetUint(uint64(f))
	default:
		d.fault(path, "the number is out of range")
	}
}

// text reads s as whatever into asks for: a default, a variable's value, or a
// plain string.
func (d *decoder) text(path []string, s string, into reflect.Value) {
	name, _ := typeName(into.Type())
	if into.Type() == durationType {
		v, err := time.ParseDuration(s)
		if err != nil || v < 0 {
			d.fault(path, `want a duration, such as "30s" or "5m"`)
			return
		}
		into.SetInt(int64(v))
		return
	}
	if u, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			d.fault(path, "want %s", name)
		}
		return
	}
	switch into.Kind() {
	case reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		d.text(path, s, into.Elem())
	case reflect.String:
		into.SetString(s)
	case reflect.Bool:
		if s != "true" && s != "false" {
			d.fault(path, "want true or false")
			return
		}
		into.SetBool(s == "true")
	case reflect.Interface:
		into.Set(reflect.ValueOf(s))
	default:
		f, err := strconv.ParseFloat(s, 64)
		if name != "integer" && name != "number" || err != nil {
			d.fault(path, "want %s", name)
			return
		}
		d.number(path, reflect.ValueOf(f), into, nil)
	}
}

func kindOf(value any) string {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return "null"
	case reflect.Map:
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a bool"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		if v.CanInt() || v.CanUint() {
			return "an integer"
		}
		return fmt.Sprintf("%T", value)
	}
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func didYouMeanOr(key string, known []string) string {
	if hint := DidYouMean(key, known); hint != "" {
		return hint
	}
	return "; known: " + strings.Join(known, ", ")
}

// DidYouMean returns `, did you mean "x"?` for the name in known that is
// nearest to name, or "" if none is near.
func DidYouMean(name string, known []string) string {
	best, limit := "", max(1, len(name)/3)+1
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < limit {
			best, limit = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %q?", best)
}

// distance is the number of edits between two names, swaps of neighbours
// included (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	prev, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], prev[j-2]+1)
			}
		}
		prev, row, next = row, next, prev
	}
	return row[len(b)]
}
