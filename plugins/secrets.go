// Read on in secretbook.go.

package plugins

import (
	"errors"
	"slices"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// secretsOf returns the secrets in a value: what a configuration took from a file
// or a variable, and the texts that the description s of its setting calls secret.
func secretsOf(value *v1.Value, s core.Setting) (out []core.Secret) {
	switch v := value.GetKind().(type) {
	case *v1.Value_TextValue:
		// A text that came from a reference is secret unless its setting is
		// described, and not as a secret.
		if s.Secret || s.Name == "" {
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

// fieldOf returns the description of a key in an object. For a key of a map, which
// has none, only whether the map is secret is known.
func fieldOf(s core.Setting, key string) core.Setting {
	if i := slices.IndexFunc(s.Fields, func(f core.Setting) bool { return f.Name == key }); i >= 0 {
		return s.Fields[i]
	}
	return core.Setting{Secret: s.Secret}
}

const (
	// maxErrorText is how much of an error's text is compared with the secrets:
	// more than the protocol lets through.
	maxErrorText = 128 << 10
	// minSecret is the length in bytes of the shortest secret that an error is
	// searched for. A shorter one is found in words that do not mean it.
	minSecret = 8
)

// withoutSecrets replaces the text of a plugin's error if it repeats a secret of
// the settings. A plugin of an earlier version may not do so itself. schema has
// the settings' descriptions as its fields.
func withoutSecrets(e *core.Error, settings *v1.Object, schema core.Setting) *core.Error {
	var faults core.Faults
	if e.Err == nil || errors.As(e.Err, &faults) { // faults name keys, and no values
		return e
	}
	secrets := slices.DeleteFunc(secretsIn(settings, schema), func(s core.Secret) bool {
		return len(s.Reveal()) < minSecret
	})
	text := e.Err.Error()
	if core.Printable(text, maxErrorText, secrets...) == "" && text != "" {
		e.Err = errors.New("the plugin's error repeats a secret and is not shown")
	}
	return e
}
