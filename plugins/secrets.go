package plugins

import (
	"errors"
	"slices"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// secretsOf returns the secrets in a value: what a configuration took from a file
// or a variable, and the texts that its setting calls secret.
func secretsOf(value *v1.Value, s core.Setting) (out []core.Secret) {
	switch v := value.GetKind().(type) {
	case *v1.Value_TextValue:
		if s.Secret || s.Name == "" { // else it is described, and not as a secret
			return []core.Secret{core.NewSecret(v.TextValue)}
		}
	case *v1.Value_StringValue:
		if s.Secret {
			return []core.Secret{core.NewSecret(v.StringValue)}
		}
	case *v1.Value_ObjectValue:
		return secretsIn(v.ObjectValue, s)
	case *v1.Value_ListValue:
		for _, value := range v.ListValue.GetValues() {
			out = append(out, secretsOf(value, s)...)
		}
	}
	return out
}

func secretsIn(object *v1.Object, s core.Setting) (out []core.Secret) {
	for key, value := range object.GetFields() {
		out = append(out, secretsOf(value, fieldOf(s, key))...)
	}
	return out
}

// fieldOf returns the setting of a key in an object. For a map, it is that of the
// map.
func fieldOf(s core.Setting, key string) core.Setting {
	if i := slices.IndexFunc(s.Fields, func(f core.Setting) bool { return f.Name == key }); i >= 0 {
		return s.Fields[i]
	}
	return core.Setting{Secret: s.Secret}
}

// maxErrorText is how much of an error's text is compared with the secrets: more
// than the protocol lets through.
const maxErrorText = 128 << 10

// minSecret is the length of a secret that is looked for in an error. A shorter one
// is found in words that do not mean it.
const minSecret = 8

// withoutSecrets returns an error of a plugin without its text if that repeats a
// secret of the settings. A plugin of an earlier version may not see to that
// itself.
func (r *remote) withoutSecrets(e *core.Error) *core.Error {
	var faults core.Faults
	if e.Err == nil || errors.As(e.Err, &faults) { // faults name keys, and no values
		return e
	}
	var schema core.Setting
	if d := r.sup.description(); d != nil {
		if k := d.kind(r.kind); k != nil {
			schema.Fields = k.Settings
		}
	}
	secrets := slices.DeleteFunc(secretsIn(r.open.GetSettings(), schema), func(s core.Secret) bool {
		return len(s.Reveal()) < minSecret
	})
	text := e.Err.Error()
	if core.Printable(text, maxErrorText, secrets...) == "" && text != "" {
		e.Err = errors.New("the plugin's error repeats a secret and is not shown")
	}
	return e
}
