package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/store"
)

// storeKeys say where a session keeps its credential. Equal ones are one
// store.
type storeKeys struct {
	Kind    string `json:"kind" default:"memory" enum:"memory,file,keyring"`
	Path    string `json:"path"`
	KeyFile string `json:"key_file"`
	Service string `json:"service"`
}

// mergeStore puts a session's key "store" together: what is said for all
// sessions, what is said for this one, and what is said for its environment.
// Who names another kind starts anew.
func (l *loader) mergeStore(s *session) {
	delete(s.effective, "store")
	s.stores = s.stores[:0]
	layers := append([]layer{{places: l.places, values: l.values}, {places: l.varPlaces, values: l.variables}}, s.layers...)
	var out map[string]any
	for _, layer := range layers {
		given, ok := layer.values["store"].(map[string]any)
		if !ok {
			if wrong := layer.values["store"]; wrong != nil && len(layer.path) > 0 {
				s.effective["store"], s.stores = wrong, append(s.stores, layer)
				return // the decoder says so
			}
			continue
		}
		if kind := given["kind"]; kind != nil && out["kind"] != nil && textOf(kind) != textOf(out["kind"]) {
			out, s.stores = nil, nil
		}
		if out == nil {
			out = map[string]any{}
		}
		merge(out, given, "")
		s.stores = append(s.stores, layer)
	}
	if out != nil {
		s.effective["store"] = out
	}
}

// textOf is the text of a value of the files or variables.
func textOf(value any) string {
	if s, ok := value.(core.Secret); ok {
		return s.Reveal()
	}
	s, _ := value.(string)
	return s
}

// store returns the store of these keys, the same for the same keys, nil for
// that of the kind memory. It reads and makes nothing.
func (l *loader) store(s *session, keys storeKeys) core.Store {
	if keys.Kind != "memory" && keys.Kind != "file" && keys.Kind != "keyring" {
		return nil // the decoder has said so
	}
	for _, k := range []struct{ name, value, kinds string }{
		{"path", keys.Path, "file"}, {"key_file", keys.KeyFile, "file"}, {"service", keys.Service, "file, keyring"},
	} {
		path := []string{"store", k.name}
		switch {
		case k.value == "":
		case !strings.Contains(k.kinds, keys.Kind):
			l.storeFault(s, path, "a store of the kind "+keys.Kind+" has no such key: it is for "+k.kinds)
		case k.name != "service" && strings.HasPrefix(k.value, "~"):
			l.storeFault(s, path, `"~" stands for nothing here: write "${env:HOME}/…" or a full path`)
		case k.name == "service" && keys.KeyFile != "":
			l.storeFault(s, path, "the key is in key_file, so that no keyring is used")
		}
	}
	made, known := l.stores[keys]
	if !known {
		made, known = l.before[keys]
	}
	switch {
	case known:
	case keys.Kind == "file":
		made = store.File(store.FileOptions{Dir: keys.Path, KeyFile: keys.KeyFile, Service: keys.Service})
	case keys.Kind == "keyring":
		made = store.Keyring(store.KeyringOptions{Service: keys.Service})
	}
	l.stores[keys] = made
	return made
}

func (l *loader) storeFault(s *session, path []string, problem string) {
	if full, where := s.locate(path); !l.isBroken(full) {
		l.faults = append(l.faults, where.fault(full, problem))
	}
}

// checkInputs reports inputs that name no session, or lead back to theirs.
func (l *loader) checkInputs(sessions map[string]*session) {
	var entries []registry.Entry
	for _, name := range slices.Sorted(maps.Keys(sessions)) {
		inputs := maps.Clone(sessions[name].entry.Inputs)
		maps.DeleteFunc(inputs, func(role, _ string) bool { // the decoder has said what is no text
			switch object(sessions[name].effective, "inputs")[role].(type) {
			case string, core.Secret:
				return false
			}
			return true
		})
		entries = append(entries, registry.Entry{Name: name, Inputs: inputs})
	}
	for _, f := range registry.CheckInputs(entries) {
		if full, where := sessions[f.Session].locate([]string{"inputs", f.Role}); !l.isBroken(full) {
			l.faults = append(l.faults, where.fault(full, f.Problem))
		}
	}
}
