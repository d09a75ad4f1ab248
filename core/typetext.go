// Read on in decode.go.

package core

import (
	"fmt"
	"reflect"
	"strings"
	"time"
)

// wanted returns what a fault says about the values of a type: "a list of strings"
// for "list of string". The name is that of [Setting].Type.
func wanted(name string) string {
	switch name {
	case "bool":
		return "true or false"
	case "integer":
		return "an integer"
	case "duration":
		return `a duration, such as "30s" or "5m"`
	case "object", "map of any":
		return "an object"
	case "any":
		return "a value"
	}
	if inner, ok := strings.CutPrefix(name, "list of "); ok {
		return "a list of " + plural(inner)
	}
	if inner, ok := strings.CutPrefix(name, "map of "); ok {
		return "an object whose values are " + plural(inner)
	}
	return "a " + name
}

// plural returns the name of a type for several values.
func plural(name string) string {
	switch name {
	case "any":
		return "values"
	case "bool":
		return "true or false"
	case "map of any":
		return "objects"
	}
	if inner, ok := strings.CutPrefix(name, "list of "); ok {
		return "lists of " + plural(inner)
	}
	if inner, ok := strings.CutPrefix(name, "map of "); ok {
		return "objects whose values are " + plural(inner)
	}
	return name + "s"
}

// kindOf returns what a fault says about a value that has another type, never the
// value.
func kindOf(value any) string {
	switch v := reflect.ValueOf(value); v.Kind() {
	case reflect.Invalid:
		return "null"
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return "an object whose keys need not be strings"
		}
		return "an object"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		_, isTime := value.(time.Time)
		switch {
		case isTime:
			return "a time"
		case v.CanInt() || v.CanUint():
			return "an integer"
		}
		return fmt.Sprintf("a Go value of type %T", value)
	}
}
