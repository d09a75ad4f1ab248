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

// memory is the kind of store that is always there, and keeps nothing.
const memory = "memory"

// moduleStores says which kinds the module has that a program may have forgotten, and where. This
// package does not import them: they link a keyring and file locks.
var moduleStores = map[string]string{"file": storePackage, "keyring": storePackage}

const storePackage = "github.com/authsession/authsession/store"

// storeKinds are the kinds of stores that a program gives.
type storeKinds struct {
	factories map[string]core.StoreFactory
	names     []string       // memory, and then as given
	settings  []core.Setting // of all kinds
}

func newStoreKinds(factories []core.StoreFactory) (storeKinds, error) {
	k := storeKinds{factories: make(map[string]core.StoreFactory, len(factories)), names: []string{memory}}
	var errs []error
	for i, f := range factories {
		kind := f.Info().Kind
		_, twice := k.factories[kind]
		switch {
		case kind == "":
			errs = append(errs, core.Errorf(core.BadConfig, "factory %d of Options.Stores has no kind", i))
		case kind == memory:
			errs = append(errs, core.Errorf(core.BadConfig, "the kind of store %q is taken", kind))
		case twice:
			const text = "the kind of store %q is in Options.Stores twice"
			errs = append(errs, core.Errorf(core.BadConfig, text, kind))
		default:
			k.factories[kind] = f
			k.names = append(k.names, kind)
			k.addSettings(f.Settings())
		}
	}
	return k, errors.Join(errs...)
}

// addSettings adds the settings of a kind. One that several kinds have is secret if it is so in
// one of them.
func (k *storeKinds) addSettings(settings []core.Setting) {
	for _, s := range settings {
		same := func(t core.Setting) bool { return t.Name == s.Name }
		if i := slices.IndexFunc(k.settings, same); i >= 0 {
			k.settings[i].Secret = k.settings[i].Secret || s.Secret
			continue
		}
		s.Required = false // not for the other kinds
		k.settings = append(k.settings, s)
	}
}

// unknown says what to do about a kind that was not given.
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

// unknownKey says what is wrong with a key of a store of a kind, or "". With partial, the kind may
// be another one, so that a key of any kind is right.
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
		return "a store of the kind " + kind + " has no such key: it is for " + strings.Join(kinds, ", ")
	}
	return "unknown key" + hint(key, append([]string{"kind"}, settingNames(k.settings)...))
}

// storeID tells stores apart: those of equal kinds and settings are one.
type storeID [sha256.Size]byte

func idOfStore(kind string, settings map[string]any) storeID {
	text, _ := json.Marshal([]any{kind, plain(settings)}) // sorts keys; all of plain can be written
	return sha256.Sum256(text)
}

// plain returns a value with its secrets as text and without keys that are null, to be hashed.
func plain(value any) any {
	switch v := value.(type) {
	case core.Secret:
		return v.Reveal()
	case float64: // JSON has no .inf
		return strconv.FormatFloat(v, 'g', -1, 64)
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			if value != nil {
				out[key] = plain(value)
			}
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = plain(value)
		}
		return out
	}
	return value
}
