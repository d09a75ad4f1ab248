package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// StoreKey returns the key of the session's credential in its store:
// Options.StoreKey, or else the name and Options.StoreScope. If neither is set,
// the registry makes a scope, which is a hash of what identifies the
// credential: the kind, the environment, the inputs' names and the settings
// that f, the kind's factory, describes as [core.Setting.Identity]. A setting
// that is not given counts as its default, and a bool as false. A session whose
// account changes thus does not find the credential of the other account, and
// any other change keeps the credential.
//
// Where such settings are not known, all settings count, except secrets: of a
// kind that describes none of its settings so, and of a plugin's kind, which
// describes its settings only once it runs: a key must not depend on that.
// Secrets are what f describes as one. Of a plugin's settings they are those of
// the type [core.Secret]: what a configuration takes from a file or a variable.
func (e Entry) StoreKey(f core.Factory) string {
	if e.Options.StoreKey != "" {
		return e.Options.StoreKey
	}
	if e.Options.StoreScope != "" {
		return e.Name + "-" + e.Options.StoreScope
	}
	return e.Name + "-" + e.storeScope(f)
}

// storeScope returns what the registry makes Options.StoreScope of.
func (e Entry) storeScope(f core.Factory) string {
	schema := settingsOf(f)
	if !identifies(schema) {
		return e.plainScope(f)
	}
	return e.hash(identity(e.Settings, core.Setting{Type: "object", Fields: schema}))
}

// plainScope hashes all settings that are not secret.
func (e Entry) plainScope(f core.Factory) string {
	return e.hash(public(e.Settings, core.Setting{Type: "object", Fields: settingsOf(f)}))
}

// settingsOf returns the description of the settings, as far as it does not
// depend on whether a plugin runs.
func settingsOf(f core.Factory) []core.Setting {
	if f.Info().Plugin == "" && f.Described() {
		return f.Settings()
	}
	return nil
}

// identifies reports whether any of the settings is described as part of an
// identity.
func identifies(schema []core.Setting) bool {
	return slices.ContainsFunc(schema, func(s core.Setting) bool {
		return s.Identity || identifies(s.Fields)
	})
}

// hash returns a hash of the kind, the environment, the inputs' names and some
// of the settings.
func (e Entry) hash(settings any) string {
	inputs := e.Inputs
	if len(inputs) == 0 {
		inputs = nil
	}
	text, err := json.Marshal([]any{e.Kind, e.Environment, inputs, settings})
	if err != nil { // for no value that public returns
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// identity returns the parts of a setting's value that are described as part of
// an identity, in the form of public.
func identity(value any, s core.Setting) any {
	if s.Identity {
		if value == nil && s.Default != "" {
			value = s.Default
		}
		kept := public(value, s)
		if s.Type == "bool" && s.Default == "" && kept == "false" {
			return nil
		}
		return kept
	}
	if !identifies(s.Fields) {
		return nil
	}
	v := reflect.ValueOf(value)
	out := map[string]any{}
	keep := func(key string, value any, s core.Setting) {
		if kept := identity(value, s); kept != nil {
			out[key] = kept
		}
	}
	switch {
	case s.Type == "object":
		for _, f := range s.Fields {
			keep(f.Name, member(v, f.Name), f)
		}
	case v.Kind() == reflect.Map:
		for it := v.MapRange(); it.Next(); {
			key := fmt.Sprint(it.Key().Interface())
			keep(key, it.Value().Interface(), below(s, key))
		}
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		for i := range v.Len() {
			keep(strconv.Itoa(i), v.Index(i).Interface(), below(s, ""))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// member returns what an object holds under a name, or nil.
func member(object reflect.Value, name string) any {
	if object.Kind() != reflect.Map || object.Type().Key().Kind() != reflect.String {
		return nil
	}
	v := object.MapIndex(reflect.ValueOf(name).Convert(object.Type().Key()))
	if !v.IsValid() {
		return nil
	}
	return v.Interface()
}

// public returns a setting's value without what is secret, in a form that does
// not depend on where it was read: numbers as text, nil and what is empty left
// out.
func public(value any, s core.Setting) any {
	secret, ok := value.(core.Secret)
	if s.Secret || ok && s.Type == "" {
		return nil
	}
	if ok { // from a reference, for what is no secret
		value = secret.Reveal()
	}
	v := reflect.ValueOf(value)
	switch {
	case !v.IsValid():
		return nil
	case v.Kind() == reflect.Map:
		out := make(map[string]any, v.Len())
		for it := v.MapRange(); it.Next(); {
			key := fmt.Sprint(it.Key().Interface())
			if kept := public(it.Value().Interface(), below(s, key)); kept != nil {
				out[key] = kept
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Array:
		var out []any
		for i := range v.Len() {
			out = append(out, public(v.Index(i).Interface(), below(s, "")))
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case v.CanInt() || v.CanUint() || v.Kind() == reflect.String:
		return fmt.Sprint(value)
	}
	return nil // a live value of a program
}

// below describes what a setting holds under a key, or as an element.
func below(s core.Setting, key string) core.Setting {
	for _, of := range []string{"list of ", "map of "} {
		if rest, ok := strings.CutPrefix(s.Type, of); ok {
			s.Type = rest
			return s
		}
	}
	if i := slices.IndexFunc(s.Fields, func(f core.Setting) bool { return f.Name == key }); i >= 0 {
		return s.Fields[i]
	}
	return core.Setting{}
}
