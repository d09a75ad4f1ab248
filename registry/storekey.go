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

// StoreKey returns what the session's credential goes by in its store, if
// Options.StoreKey does not say: the name and a hash of the kind, of the
// environment, of the inputs' names and of the settings that are no secrets.
// A session whose settings change thus does not find a credential that was
// made for others.
//
// Secrets are what f, the kind's factory, declares to be one, wherever it
// comes from: a client_id counts also where a configuration takes it from a
// variable. A plugin declares only while it runs, so that of its settings those
// of the type [core.Secret] are left out: what a configuration takes from a
// file or a variable.
func (e Entry) StoreKey(f core.Factory) string {
	var schema []core.Setting
	if f.Info().Plugin == "" && f.Described() {
		schema = f.Settings()
	}
	settings, _ := public(e.Settings, core.Setting{Type: "object", Fields: schema}).(map[string]any)
	inputs := e.Inputs
	if len(inputs) == 0 {
		inputs = nil
	}
	text, err := json.Marshal([]any{e.Kind, e.Environment, inputs, settings})
	if err != nil { // for no value that public returns
		panic(err)
	}
	sum := sha256.Sum256(text)
	return e.Name + "-" + hex.EncodeToString(sum[:8])
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
