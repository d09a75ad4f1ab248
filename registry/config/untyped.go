// Read on in plugins.go.

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// typer gives the texts of sources without types of their own the types of their
// keys, as variables have them.
type typer struct {
	at    locator
	found *report
}

// object changes the texts of an object, which is the caller's copy.
func (t typer) object(path []string, values map[string]any, schema []core.Setting) {
	for _, s := range schema {
		if value, ok := values[s.Name]; ok {
			values[s.Name] = t.value(append(slices.Clip(path), s.Name), value, s)
		}
	}
}

// value returns a value with the type of its key. It copies lists.
func (t typer) value(path []string, value any, s core.Setting) any {
	elem := s
	_, elem.Type, _ = strings.Cut(s.Type, " of ")
	switch v := value.(type) {
	case string:
		if _, where := t.at(path); where.source != nil && where.source.untyped {
			t.checkList(path, v, s)
			return typed(v, s)
		}
	case map[string]any:
		if s.Type == "object" {
			t.object(path, v, s.Fields)
		} else if strings.HasPrefix(s.Type, "map of ") {
			for _, key := range sorted.Keys(v) {
				v[key] = t.value(append(slices.Clip(path), key), v[key], elem)
			}
		}
	case []any:
		if strings.HasPrefix(s.Type, "list of ") && elem.Type != "object" {
			return t.list(path, v, elem)
		}
	}
	return value
}

// checkList reports a text that is a wrong list, where the key wants a list.
func (t typer) checkList(path []string, text string, s core.Setting) {
	if text == "" || !strings.HasPrefix(s.Type, "list of ") {
		return
	}
	if _, problem := listItems(text); problem != "" {
		t.found.add(t.at, path, problem)
	}
}

func (t typer) list(path []string, values []any, elem core.Setting) []any {
	out := make([]any, len(values))
	for i := range values {
		out[i] = t.value(append(slices.Clip(path), strconv.Itoa(i)), values[i], elem)
	}
	return out
}

// typed returns a text as a value of its key. If the key wants another type than text, the value
// is a [core.Secret], which core reads as that type. A reference keeps its
// text, because its value becomes one as well.
func typed(text string, s core.Setting) any {
	elem := s
	switch {
	case strings.HasPrefix(s.Type, "list of "):
		elem.Type = strings.TrimPrefix(s.Type, "list of ")
		out := []any{}
		if text == "" {
			return out
		}
		for item := range strings.SplitSeq(text, ",") {
			out = append(out, typed(strings.TrimSpace(item), elem))
		}
		return out
	case hasReference(text):
		return text
	case s.Type == "bool" || s.Type == "integer" || s.Type == "number":
		return core.NewSecret(text)
	}
	return text
}

// listItems returns the elements of a list that a text stands for, and a problem or "".
func listItems(text string) (items []string, problem string) {
	if text = strings.TrimSpace(text); strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		problem = "write the elements of the list with commas between them, without [ ]"
	}
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		if items = append(items, item); item == "" {
			problem = "an element of the list is empty: write the elements with one comma between them"
		}
	}
	return items, problem
}
