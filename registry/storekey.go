// Read on in inputs.go.

package registry

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
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
// Secrets are the settings that f describes as secret. Of a plugin's settings
// they are those of the type [core.Secret]: what a configuration takes from a
// file or a variable.
func (e Entry) StoreKey(f core.Factory) string {
	if e.Options.StoreKey != "" {
		return e.Options.StoreKey
	}
	if e.Options.StoreScope != "" {
		return e.Name + "-" + e.Options.StoreScope
	}
	return e.Name + "-" + e.storeScope(f)
}

// storeScope returns the scope that the registry makes.
func (e Entry) storeScope(f core.Factory) string {
	schema := settingsOf(f)
	if !hasIdentity(schema) {
		return e.scopeOfAllSettings(f)
	}
	return e.hash(identityOf(e.Settings, core.Setting{Type: "object", Fields: schema}))
}

// scopeOfAllSettings hashes all settings that are not secret.
func (e Entry) scopeOfAllSettings(f core.Factory) string {
	schema := core.Setting{Type: "object", Fields: settingsOf(f)}
	return e.hash(withoutSecrets(e.Settings, schema))
}

// settingsOf returns the description of the settings, as far as it does not
// depend on whether a plugin runs.
func settingsOf(f core.Factory) []core.Setting {
	if f.Info().Plugin == "" && f.Described() {
		return f.Settings()
	}
	return nil
}

// hasIdentity reports whether any of the settings is described as part of an
// identity.
func hasIdentity(schema []core.Setting) bool {
	return slices.ContainsFunc(schema, func(s core.Setting) bool {
		return s.Identity || hasIdentity(s.Fields)
	})
}

// hash returns a hash of the kind, the environment, the inputs' names and some
// of the settings. Stored credentials are found by it: what it returns for an
// entry must never change.
func (e Entry) hash(settings any) string {
	inputs := e.Inputs
	if len(inputs) == 0 {
		inputs = nil
	}
	text, err := json.Marshal([]any{e.Kind, e.Environment, inputs, settings})
	if err != nil { // not for a value that withoutSecrets returns
		panic(err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}

// identityOf returns the parts of a setting's value that are described as part
// of an identity, in the form of withoutSecrets; nil: there are none.
func identityOf(value any, s core.Setting) any {
	if s.Identity {
		return wholeIdentity(value, s)
	}
	if !hasIdentity(s.Fields) {
		return nil
	}
	out := map[string]any{}
	if v := reflect.ValueOf(value); s.Type == "object" {
		for _, f := range s.Fields { // those that are not given have defaults
			keep(out, f.Name, identityOf(member(v, f.Name), f))
		}
	} else {
		for key, elem := range elements(v) {
			keep(out, key, identityOf(elem, schemaBelow(s, key)))
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

// wholeIdentity returns the value of a setting that is an identity as a whole.
func wholeIdentity(value any, s core.Setting) any {
	if value == nil && s.Default != "" {
		value = s.Default
	}
	kept := withoutSecrets(value, s)
	if s.Type == "bool" && s.Default == "" && kept == "false" {
		return nil
	}
	return kept
}

// keep puts a value into an object, unless it is nil.
func keep(out map[string]any, key string, value any) {
	if value != nil {
		out[key] = value
	}
}

// elements yields what a map or a list holds, by the key or the index as text.
// It yields nothing for another value.
func elements(v reflect.Value) iter.Seq2[string, any] {
	return func(yield func(string, any) bool) {
		if k := v.Kind(); k != reflect.Map && k != reflect.Slice && k != reflect.Array {
			return
		}
		for key, elem := range v.Seq2() {
			if !yield(fmt.Sprint(key.Interface()), elem.Interface()) {
				return
			}
		}
	}
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

// withoutSecrets returns a setting's value without its secrets, in a form that
// does not depend on where it was read: numbers are text, and values that are
// nil or empty are left out.
func withoutSecrets(value any, s core.Setting) any {
	secret, ok := value.(core.Secret)
	if s.Secret || ok && s.Type == "" {
		return nil
	}
	if ok { // a reference stands for a setting that is not secret
		value = secret.Reveal()
	}
	v := reflect.ValueOf(value)
	switch v.Kind() {
	case reflect.Map:
		out := make(map[string]any, v.Len())
		for key, elem := range elements(v) {
			keep(out, key, withoutSecrets(elem, schemaBelow(s, key)))
		}
		if len(out) > 0 {
			return out
		}
	case reflect.Slice, reflect.Array:
		var out []any
		for _, elem := range elements(v) {
			out = append(out, withoutSecrets(elem, schemaBelow(s, "")))
		}
		if len(out) > 0 {
			return out
		}
	default:
		return scalarText(v)
	}
	return nil
}

// scalarText returns a text, a number or a bool as text, and nil for any other
// value, such as a live value of a program.
func scalarText(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Bool:
		return strconv.FormatBool(v.Bool())
	case v.CanFloat():
		return strconv.FormatFloat(v.Float(), 'f', -1, 64)
	case v.CanInt() || v.CanUint() || v.Kind() == reflect.String:
		return fmt.Sprint(v.Interface())
	}
	return nil
}

// schemaBelow describes what a setting holds under a key, or as an element.
func schemaBelow(s core.Setting, key string) core.Setting {
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
