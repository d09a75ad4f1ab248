// Read on in untyped.go.

package config

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// memory is the kind of store that is always there. It keeps nothing beyond the
// process.
const memory = "memory"

const storePackage = "github.com/authsession/authsession/store"

// moduleStores are the packages of the kinds that the module has and that a
// program may have forgotten. This package does not import them: they link a
// keyring and file locks.
var moduleStores = map[string]string{
	"file": storePackage, "keyring": storePackage, "first": storePackage,
}

// storeKinds are the kinds of stores that a program gives.
type storeKinds struct {
	factories map[string]core.StoreFactory
	names     []string       // memory, and then as given
	settings  []core.Setting // of all kinds
}

func newStoreKinds(factories []core.StoreFactory) (storeKinds, error) {
	k := storeKinds{
		factories: make(map[string]core.StoreFactory, len(factories)), names: []string{memory},
	}
	var errs []error
	for i, f := range factories {
		kind := f.Info().Kind
		_, twice := k.factories[kind]
		switch {
		case kind == "":
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"factory %d of Options.Stores has no kind", i))
		case kind == memory:
			errs = append(errs, core.Errorf(core.CodeBadConfig, "the kind of store %q is taken", kind))
		case twice:
			errs = append(errs, core.Errorf(core.CodeBadConfig,
				"the kind of store %q is in Options.Stores twice", kind))
		default:
			k.factories[kind] = f
			k.names = append(k.names, kind)
			k.addSettings(f.Settings())
		}
	}
	return k, errors.Join(errs...)
}

// addSettings adds the settings of a kind. A setting that several kinds have is
// secret if it is secret in one of them.
func (k *storeKinds) addSettings(settings []core.Setting) {
	for _, s := range settings {
		same := func(t core.Setting) bool { return t.Name == s.Name }
		if i := slices.IndexFunc(k.settings, same); i >= 0 {
			k.settings[i].Secret = k.settings[i].Secret || s.Secret
			continue
		}
		s.Required = false // for the other kinds
		k.settings = append(k.settings, s)
	}
}

// keys describes the keys of a file. A program without stores knows only the
// name of their kind, so that there a store may have any other key.
func (k storeKinds) keys() keySchemas {
	with := func(schema []core.Setting) []core.Setting {
		schema = slices.Clone(schema)
		i := slices.IndexFunc(schema, func(s core.Setting) bool { return s.Name == "store" })
		if len(k.factories) == 0 {
			schema[i].Type, schema[i].Fields = "map of any", nil
		} else {
			schema[i].Fields = slices.Concat(schema[i].Fields, k.settings)
		}
		return schema
	}
	return keySchemas{with(fixedKeys.top), with(fixedKeys.session), with(fixedKeys.environment)}
}

// unknown returns the problem of a kind that the program did not give.
func (k storeKinds) unknown(kind string) string {
	if pkg := moduleStores[kind]; pkg != "" {
		return "this program has no stores of the kind " + strconv.Quote(kind) +
			": import " + strconv.Quote(pkg) + " and give store.Builtin() in config.Options.Stores"
	}
	names := slices.Clone(k.names)
	for name := range moduleStores {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	text := "want one of " + strings.Join(k.names, ", ")
	if near := core.DidYouMean(kind, names); near != "" {
		return text + near
	}
	return text + " (forgotten to give its factory in config.Options.Stores?)"
}

// unknownKey returns the problem of a key that a store of a kind does not have,
// or "" for a key that it has. With partial, the kind may be given elsewhere, so
// that a key of any kind is right.
func (k storeKinds) unknownKey(kind, key string, partial bool) string {
	has := func(f core.StoreFactory) bool {
		return slices.ContainsFunc(f.Settings(), func(s core.Setting) bool { return s.Name == key })
	}
	if key == "kind" || has(k.factories[kind]) {
		return ""
	}
	var kinds []string
	for _, name := range k.names {
		if has(k.factories[name]) {
			kinds = append(kinds, name)
		}
	}
	switch {
	case len(kinds) > 0 && partial, partial && len(k.factories) == 0:
		return ""
	case len(kinds) > 0:
		return "a store of the kind " + kind + " has no such key: it is for " +
			strings.Join(kinds, ", ")
	}
	return "unknown key" + hint(key, append([]string{"kind"}, settingNames(k.settings)...))
}

// storeID is a hash of a kind and settings. Sessions whose stores have the same
// one share a store.
type storeID [sha256.Size]byte

func storeIDOf(kind string, settings map[string]any) storeID {
	// Marshal sorts keys, and plainValue returns only what it can write.
	text, _ := json.Marshal([]any{kind, plainValue(settings)})
	return sha256.Sum256(text)
}

// plainValue returns a value with its secrets as text and without keys that are
// null, to be hashed.
func plainValue(value any) any {
	switch v := value.(type) {
	case core.Secret:
		return v.Reveal()
	case float64: // JSON has no .inf
		return strconv.FormatFloat(v, 'g', -1, 64)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if value != nil {
				out[key] = plainValue(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = plainValue(value)
		}
		return out
	}
	return value
}
