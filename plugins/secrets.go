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

// longSecrets returns those that are long enough to be searched for.
func longSecrets(secrets []core.Secret) []core.Secret {
	return slices.DeleteFunc(slices.Clone(secrets), func(s core.Secret) bool {
		return len(s.Reveal()) < minSecret
	})
}

// withoutSecrets replaces each text of a plugin's error that repeats a secret of
// the settings. A plugin of an earlier version may not do so itself. schema has the
// settings' descriptions as its fields.
func withoutSecrets(e *core.Error, settings *v1.Object, schema core.Setting) *core.Error {
	secrets := longSecrets(secretsIn(settings, schema))
	repeats := func(text string) bool {
		return text != "" && core.Printable(text, maxErrorText, secrets...) == ""
	}
	if repeats(e.Op) {
		e.Op = ""
	}
	if repeats(e.Input) {
		e.Input = ""
	}
	if e.Err == nil {
		return e
	}
	var faults core.Faults
	hasFaults := errors.As(e.Err, &faults)
	isSecret := false
	for i, f := range faults {
		if repeats(f.Error()) {
			isSecret = true
			faults[i] = core.Fault{Problem: "this fault repeats a secret and is not shown"}
		}
	}
	switch {
	case hasFaults && (isSecret || repeats(e.Err.Error())):
		e.Err = faults
	case repeats(e.Err.Error()):
		e.Err = errors.New("the plugin's error repeats a secret and is not shown")
	}
	return e
}
