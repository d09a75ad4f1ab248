package core

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Faults name the types of settings in plain English.
func TestWanted(t *testing.T) {
	for name, want := range map[string]string{
		"string":                  "a string",
		"bool":                    "true or false",
		"integer":                 "an integer",
		"number":                  "a number",
		"duration":                `a duration, such as "30s" or "5m"`,
		"object":                  "an object",
		"any":                     "a value",
		"list of string":          "a list of strings",
		"list of integer":         "a list of integers",
		"list of object":          "a list of objects",
		"list of bool":            "a list of true or false",
		"list of any":             "a list of values",
		"list of list of string":  "a list of lists of strings",
		"list of map of duration": "a list of objects whose values are durations",
		"list of map of any":      "a list of objects",
		"map of any":              "an object",
		"map of string":           "an object whose values are strings",
		"map of list of number":   "an object whose values are lists of numbers",
		"map of map of string":    "an object whose values are objects whose values are strings",
	} {
		require.Equal(t, want, wanted(name), name)
	}
}

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		value any
		want  string
	}{
		{nil, "null"},
		{map[string]any{}, "an object"},
		{map[any]any{}, "an object whose keys need not be strings"},
		{[]any{}, "a list"},
		{"x", "a string"},
		{true, "true or false"},
		{1.5, "a number"},
		{7, "an integer"},
		{uint8(7), "an integer"},
		{time.Time{}, "a time"},
		{new(string), "a Go value of type *string"},
	} {
		require.Equal(t, c.want, kindOf(c.value))
	}
}
