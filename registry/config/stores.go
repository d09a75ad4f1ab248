// Read on in apitls.go.

package config

import (
	"context"
	"maps"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// storeMaker checks the values of keys "store" and makes the stores.
type storeMaker struct {
	kinds  storeKinds
	made   map[storeID]core.Store // in this load
	before map[storeID]core.Store // in the last good load
	found  *report
}

// checkKeys checks the kind and the names of the keys of one key "store", and
// returns the kind's factory. It reports false after a fault, and for the kind
// memory, which has no factory.
func (m *storeMaker) checkKeys(values map[string]any, at locator) (core.StoreFactory, bool) {
	named := values["kind"]
	var keys storeKeys
	path := []string{"store", "kind"}
	err := core.DecodeSettings(map[string]any{"kind": named}, &keys)
	m.found.addDecoded(err, path[:1], at)
	full, where := at(path)
	if err != nil || m.found.isUnusable(full) {
		return core.StoreFactory{}, false
	}
	f, known := m.kinds.factories[keys.Kind]
	unknown := !known && keys.Kind != memory
	if unknown {
		m.found.addAt(where, full, m.kinds.unknown(keys.Kind))
	}
	partial := named == nil || unknown // another layer may name the kind, or none does
	ok := known
	for _, key := range sorted.Keys(values) {
		problem := m.kinds.unknownKey(keys.Kind, key, partial)
		full, where := at([]string{"store", key})
		if problem != "" && !m.found.isUnusable(full) {
			m.found.addAt(where, full, problem)
			ok = false
		}
	}
	return f, ok
}

// check checks the values of one key "store", and returns the kind's factory with its settings. It
// reports false after a fault, and for the kind memory.
func (m *storeMaker) check(
	values map[string]any, at locator,
) (f core.StoreFactory, settings map[string]any, ok bool) {
	if values["kind"] == nil { // no layer names one
		values = maps.Clone(values)
		values["kind"] = memory
	}
	if f, ok = m.checkKeys(values, at); !ok {
		return f, nil, false
	}
	settings = maps.Clone(values)
	delete(settings, "kind")
	if err := f.Check(settings); err != nil {
		m.found.addDecoded(err, []string{"store"}, at)
		return f, nil, false
	}
	return f, settings, true
}

// store returns the store of these values, the same one for equal values. It
// returns nil for the kind memory, after a fault, and if references are not
// resolved.
func (m *storeMaker) store(ctx context.Context, values map[string]any, at locator) core.Store {
	f, settings, ok := m.check(values, at)
	if !ok || m.found.unresolved {
		return nil
	}
	id := storeIDOf(f.Info().Kind, settings)
	made, known := m.made[id]
	if !known {
		made, known = m.before[id]
	}
	if !known {
		var err error
		if made, err = f.Open(ctx, settings); err != nil {
			m.found.add(at, []string{"store"}, reason(err))
			return nil
		}
	}
	m.made[id] = made
	return made
}
