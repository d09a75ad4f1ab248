package providertest

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// clone copies maps and slices, whatever their element types.
func clone(v any) any {
	if v == nil {
		return nil
	}
	return cloneValue(reflect.ValueOf(v)).Interface()
}

func cloneValue(v reflect.Value) reflect.Value {
	switch {
	case v.Kind() == reflect.Interface && !v.IsNil():
		return cloneValue(v.Elem())
	case v.Kind() == reflect.Map && !v.IsNil():
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for _, key := range v.MapKeys() {
			out.SetMapIndex(key, cloneValue(v.MapIndex(key)))
		}
		return out
	case v.Kind() == reflect.Slice && !v.IsNil():
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(cloneValue(v.Index(i)))
		}
		return out
	}
	return v
}

// walkSettings calls fn for every text in settings, with its description.
func walkSettings(described []core.Setting, settings map[string]any, path []string,
	fn func([]string, core.Setting, string)) {
	for _, s := range described {
		value, ok := settings[s.Name]
		if !ok {
			continue
		}
		walkValue(s, value, append(slices.Clone(path), s.Name), fn)
	}
}

func walkValue(s core.Setting, value any, path []string, fn func([]string, core.Setting, string)) {
	switch v := reflect.ValueOf(value); {
	case !v.IsValid():
	case v.Type() == reflect.TypeFor[core.Secret]():
		fn(path, s, value.(core.Secret).Reveal())
	case v.Kind() == reflect.String:
		fn(path, s, v.String())
	case v.Kind() == reflect.Slice:
		s.Type = strings.TrimPrefix(s.Type, "list of ")
		for i := range v.Len() {
			walkValue(s, v.Index(i).Interface(), append(slices.Clone(path), strconv.Itoa(i)), fn)
		}
	case v.Kind() == reflect.Map:
		if m, ok := value.(map[string]any); ok && len(s.Fields) > 0 && s.Type == "object" {
			walkSettings(s.Fields, m, path, fn)
			return
		}
		s.Type = strings.TrimPrefix(s.Type, "map of ")
		for _, key := range v.MapKeys() {
			walkValue(s, v.MapIndex(key).Interface(), append(slices.Clone(path), key.String()), fn)
		}
	}
}

// setAt sets a value at a path of nested objects.
func setAt(settings map[string]any, path []string, value any) {
	for _, key := range path[:len(path)-1] {
		inner, ok := settings[key].(map[string]any)
		if !ok {
			inner = map[string]any{}
			settings[key] = inner
		}
		settings = inner
	}
	settings[path[len(path)-1]] = value
}

func throughJSON(settings map[string]any) map[string]any {
	text, err := json.Marshal(revealSettings(settings))
	if err != nil {
		return settings // no decoder makes such a value; Check reports it
	}
	var out map[string]any
	_ = json.Unmarshal(text, &out)
	return out
}

func revealSettings(v any) any {
	switch v := v.(type) {
	case core.Secret:
		return v.Reveal()
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = revealSettings(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = revealSettings(v[i])
		}
		return out
	}
	return v
}

func asSecrets(v any) any {
	switch v := v.(type) {
	case string:
		return core.NewSecret(v)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = asSecrets(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = asSecrets(v[i])
		}
		return out
	}
	return v
}
