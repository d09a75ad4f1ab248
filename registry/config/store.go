package config

import (
	"context"
	"maps"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

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

// checkStoreKeys checks the kind and the names of the keys of one key "store",
// and returns the kind's factory. It reports false after a fault, and for the
// kind memory, which keeps nothing.
func (l *loader) checkStoreKeys(
	values map[string]any, at func([]string) ([]string, place),
) (core.StoreFactory, bool) {
	named := values["kind"]
	var keys storeKeys
	path := []string{"store", "kind"}
	err := core.DecodeSettings(map[string]any{"kind": named}, &keys)
	l.decodeFaults(err, path[:1], at)
	full, where := at(path)
	if err != nil || l.isBroken(full) {
		return core.StoreFactory{}, false
	}
	f, known := l.kinds.factories[keys.Kind]
	if !known && keys.Kind != memory {
		l.faults = append(l.faults, where.fault(full, l.kinds.unknown(keys.Kind)))
	}
	partial := named == nil || !known && keys.Kind != memory // more of it is elsewhere, or nowhere
	ok := known
	for _, key := range slices.Sorted(maps.Keys(values)) {
		problem := l.kinds.unknownKey(keys.Kind, key, partial)
		full, where := at([]string{"store", key})
		if problem != "" && !l.isBroken(full) {
			l.faults = append(l.faults, where.fault(full, problem))
			ok = false
		}
	}
	return f, ok
}

// store returns the store of these values, the same for the same ones, nil for
// that of the kind memory. It reads and makes nothing.
func (l *loader) store(
	ctx context.Context, values map[string]any, at func([]string) ([]string, place),
) core.Store {
	if values["kind"] == nil { // here nothing else names one
		values = maps.Clone(values)
		values["kind"] = memory
	}
	f, ok := l.checkStoreKeys(values, at)
	if !ok {
		return nil
	}
	settings := maps.Clone(values)
	delete(settings, "kind")
	path := []string{"store"}
	if err := f.Check(settings); err != nil {
		l.decodeFaults(err, path, at)
		return nil
	}
	if l.checking {
		return nil
	}
	id := idOfStore(f.Info().Kind, settings)
	made, known := l.stores[id]
	if !known {
		made, known = l.before[id]
	}
	if !known {
		var err error
		if made, err = f.Open(ctx, settings); err != nil {
			full, where := at(path)
			l.faults = append(l.faults, where.fault(full, reason(err)))
			return nil
		}
	}
	l.stores[id] = made
	return made
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
