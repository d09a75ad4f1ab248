// Read on in secrets.go.

package plugins

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
)

const (
	maxSettings = 10_000 // of all kinds
	maxType     = 100    // bytes of a type's name
)

// tidySettings makes descriptions of settings fit for people and for struct
// tags. It returns why that cannot be; an empty text if it can. left is how many
// more settings the plugin may have.
func tidySettings(list []core.Setting, left *int) string {
	for i := range list {
		s := &list[i]
		if *left--; *left < 0 {
			return "it has too many settings"
		}
		sameName := func(other core.Setting) bool { return other.Name == s.Name }
		if !isSettingName(s.Name) || slices.ContainsFunc(list[:i], sameName) {
			return "a setting has no proper name, or that of another: " +
				strconv.Quote(process.OneLine(s.Name, 100))
		}
		// The fields come first: typeOf makes a struct type of them.
		if fault := tidySettings(s.Fields, left); fault != "" {
			return fault
		}
		if typeOf(*s) == nil {
			return "the setting " + strconv.Quote(s.Name) + " has an unknown type " +
				strconv.Quote(process.OneLine(s.Type, 50))
		}
		s.Doc, s.Default = process.OneLine(s.Doc, 2000), process.OneLine(s.Default, 500)
		for n := range s.Enum {
			s.Enum[n] = process.OneLine(s.Enum[n], 200)
		}
	}
	return ""
}

// isSettingName reports whether a name can stand in a struct tag and before
// people.
func isSettingName(name string) bool {
	return (process.IsName(name) || strings.HasPrefix(name, "_")) &&
		!strings.ContainsAny(name, ",\"` \\") && process.OneLine(name, 100) == name
}

// structOf makes a struct type whose tags are the settings, so that core's own
// decoder checks values and finds the same words for their faults.
func structOf(list []core.Setting) reflect.Type {
	fields := make([]reflect.StructField, len(list))
	for i, s := range list {
		tag := `json:` + strconv.Quote(s.Name)
		if s.Required {
			tag += ` required:"true"`
		}
		if s.Default != "" {
			tag += ` default:` + strconv.Quote(s.Default)
		}
		if len(s.Enum) > 0 {
			tag += ` enum:` + strconv.Quote(strings.Join(s.Enum, ","))
		}
		fields[i] = reflect.StructField{
			Name: "F" + strconv.Itoa(i), Type: typeOf(s), Tag: reflect.StructTag(tag),
		}
	}
	return reflect.StructOf(fields)
}

// typeOf returns a Go type for a setting's values, or nil if its type is
// unknown.
func typeOf(s core.Setting) reflect.Type {
	if len(s.Type) > maxType {
		return nil
	}
	if inner, ok := strings.CutPrefix(s.Type, "list of "); ok {
		if t := typeNamed(s, inner); t != nil {
			return reflect.SliceOf(t)
		}
		return nil
	}
	if inner, ok := strings.CutPrefix(s.Type, "map of "); ok {
		if t := typeNamed(s, inner); t != nil {
			return reflect.MapOf(reflect.TypeFor[string](), t)
		}
		return nil
	}
	switch s.Type {
	case "string":
		if s.Secret {
			return reflect.TypeFor[core.Secret]()
		}
		return reflect.TypeFor[string]()
	case "bool":
		return reflect.TypeFor[bool]()
	case "integer":
		return reflect.TypeFor[int64]()
	case "number":
		return reflect.TypeFor[float64]()
	case "duration":
		return reflect.TypeFor[time.Duration]()
	case "object":
		return structOf(s.Fields)
	case "any":
		return reflect.TypeFor[any]()
	}
	return nil
}

// typeNamed is typeOf for a setting that is like s but for the name of its type.
func typeNamed(s core.Setting, name string) reflect.Type {
	s.Type = name
	return typeOf(s)
}
