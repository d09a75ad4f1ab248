// Read on in factory.go.

package core

import (
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// decoder sets a struct from settings and collects the faults.
type decoder struct {
	faults []Fault
	more   int // faults beyond mostFaults
}

// mostFaults is how many faults the decoder lists. It counts the others.
const mostFaults = 1000

func decodeSettings(settings map[string]any, into reflect.Value) []Fault {
	var d decoder
	// All paths of one depth use the same place in this slice; a fault copies its own.
	d.object(make([]string, 0, 16), settings, into)
	if d.more > 0 {
		d.faults = append(d.faults, Fault{Problem: fmt.Sprintf("and %d faults more", d.more)})
	}
	return d.faults
}

func (d *decoder) fault(path []string, format string, args ...any) {
	if len(d.faults) >= mostFaults {
		d.more++
		return
	}
	problem := fmt.Sprintf(format, args...)
	d.faults = append(d.faults, Fault{Path: slices.Clone(path), Problem: problem})
}

func (d *decoder) object(path []string, settings map[string]any, into reflect.Value) {
	list := members(into.Type())
	d.unknownKeys(path, settings, list)
	for _, m := range list {
		at := append(path, m.name)
		field := into.FieldByIndex(m.index)
		value, given := settings[m.name]
		if given && value != nil {
			before := len(d.faults) + d.more
			d.value(at, value, field)
			if len(d.faults)+d.more == before && field.Kind() == reflect.String {
				d.enum(at, field.String(), m.enum)
			}
			continue
		}
		switch {
		case m.hasDefault:
			d.text(at, m.byDefault, field)
		case m.required:
			d.fault(at, "missing")
		case m.inside:
			d.object(at, nil, field)
		}
	}
}

// unknownKeys reports the settings that no member has the name of.
func (d *decoder) unknownKeys(path []string, settings map[string]any, list []member) {
	known := func(key string) bool {
		return slices.ContainsFunc(list, func(m member) bool { return m.name == key })
	}
	var unknown []string
	for key := range settings {
		if !known(key) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return
	}
	slices.Sort(unknown)
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.name
	}
	for _, key := range unknown {
		if len(d.faults) >= mostFaults {
			d.more++ // without a hint, which takes time
		} else {
			d.fault(append(path, key), "unknown key%s", didYouMeanOr(key, names))
		}
	}
}

// enum reports a value that is not allowed. An empty list allows any.
func (d *decoder) enum(path []string, value string, allowed []string) {
	if len(allowed) > 0 && !slices.Contains(allowed, value) {
		d.fault(path, "want one of %s%s", strings.Join(allowed, ", "), DidYouMean(value, allowed))
	}
}

func hasDefaults(t reflect.Type) bool {
	return slices.ContainsFunc(members(t), func(m member) bool {
		return m.hasDefault
	})
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
	wrong := func() {
		want := wanted(name)
		if t == durationType {
			want = `a duration with its unit, such as "30s" or "5m"`
		}
		d.fault(path, "want %s, found %s", want, kindOf(value))
	}
	switch v := reflect.ValueOf(value); {
	case t.Kind() == reflect.Interface:
		if v.IsValid() {
			into.Set(v)
		}
	case name == "string" || t == durationType:
		s, ok := value.(string)
		if !ok {
			if name == "string" &&
				(v.CanInt() || v.CanUint() || v.CanFloat() || v.Kind() == reflect.Bool) {
				d.fault(path, "want a string, found %s: put it in quotes", kindOf(value))
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
		if m, ok := asObject(v); ok {
			d.object(path, m, into)
			return
		}
		wrong()
	case v.Kind() == reflect.Map && t.Kind() == reflect.Map:
		m, ok := asObject(v)
		if !ok {
			wrong()
			return
		}
		into.Set(reflect.MakeMapWithSize(t, len(m)))
		elem := reflect.New(t.Elem()).Elem()
		for _, key := range sortedKeys(m) {
			elem.SetZero()
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
	case math.IsNaN(f) || math.IsInf(f, 0) || into.CanFloat() && into.OverflowFloat(f) ||
		!into.CanFloat() && math.Abs(f) >= 1<<53:
		d.fault(path, "the number is out of range")
	case into.CanFloat():
		into.SetFloat(f)
	case f != math.Trunc(f):
		d.fault(path, "want an integer")
	case into.CanInt() && !into.OverflowInt(int64(f)):
		into.SetInt(int64(f))
	case into.CanUint() && f >= 0 && !into.OverflowUint(uint64(f)):
		into.SetUint(uint64(f))
	default:
		d.fault(path, "the number is out of range")
	}
}

// text sets into from a default, from the value of a variable or from a string.
func (d *decoder) text(path []string, s string, into reflect.Value) {
	name, _ := typeName(into.Type())
	if into.Type() == durationType {
		v, err := time.ParseDuration(s)
		if err != nil || v < 0 {
			d.fault(path, "want %s", wanted(name))
			return
		}
		into.SetInt(int64(v))
		return
	}
	if u, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			d.fault(path, "want %s", wanted(name))
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
		d.numberText(path, s, into)
	}
}

// numberText sets into, which need not be a number, from the text of one.
func (d *decoder) numberText(path []string, s string, into reflect.Value) {
	name, _ := typeName(into.Type())
	isNumber := name == "integer" || name == "number"
	f, err := strconv.ParseFloat(s, 64)
	switch {
	case isNumber && (math.IsInf(f, 0) || math.IsNaN(f)):
		d.fault(path, "the number is out of range")
	case isNumber && err == nil && hasLeadingZero(s): // YAML reads it as octal
		d.fault(path, "want %s without zeros before it", wanted(name))
	case !isNumber, err != nil, !json.Valid([]byte(strings.TrimPrefix(s, "+"))):
		// Not in the form of JSON, with a plus sign at most: 0x1F, 1_000 and others have a
		// meaning in some formats of files only.
		d.fault(path, "want %s", wanted(name))
	default:
		d.number(path, reflect.ValueOf(f), into, nil)
	}
}

// hasLeadingZero reports whether a number begins with a zero before another digit.
func hasLeadingZero(number string) bool {
	digits := strings.TrimLeft(number, "+-")
	return len(digits) > 1 && digits[0] == '0' && '0' <= digits[1] && digits[1] <= '9'
}

// asObject returns a map whose keys are strings as the one that JSON gives.
func asObject(v reflect.Value) (map[string]any, bool) {
	if m, ok := v.Interface().(map[string]any); ok {
		return m, true
	}
	if v.Type().Key().Kind() != reflect.String {
		return nil, false
	}
	m := make(map[string]any, v.Len())
	for it := v.MapRange(); it.Next(); {
		m[it.Key().String()] = it.Value().Interface()
	}
	return m, true
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
