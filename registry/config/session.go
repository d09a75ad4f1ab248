package config

import (
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// session is one named session while it is checked, and afterwards what
// Config.Source goes by.
type session struct {
	name      string
	path      []string
	factory   core.Factory
	known     bool // factory is the right one
	env       core.Environment
	own       bool    // env is the session's own
	envOK     bool    // env is known, or not needed
	layers    []layer // the weakest first
	stores    []layer // those that say which store, the weakest first
	effective map[string]any
	entry     registry.Entry
}

// layer is one object that gives a session keys: the session itself or its
// section for the environment, of the files or of the variables.
type layer struct {
	path   []string
	places map[string]place
	values map[string]any
	only   []core.Setting // keys that count; nil: all
}

// identify finds out a session's provider and environment.
func (l *loader) identify(s *session) {
	kind := l.name(s, "provider")
	f, err := l.reg.Factory(kind)
	if s.known = err == nil; s.known {
		s.factory = f
	} else if path := append(slices.Clip(s.path), "provider"); kind != "" && !l.broken[join(path)] {
		_, where := s.locate([]string{"provider"})
		l.faults = append(l.faults, where.fault(path, reason(err)))
	}
	s.env = core.Environment(l.name(s, "environment"))
	s.own = s.env != ""
}

// name returns one of the keys of a session that are needed before the others.
func (l *loader) name(s *session, key string) string {
	s.layers = l.layersOf(s, "")
	var value any
	for _, layer := range s.layers {
		if v, ok := layer.values[key]; ok {
			value = v
		}
	}
	switch v := l.resolveAll([]string{key}, value, s.locate).(type) {
	case string:
		return v
	case core.Secret:
		if !l.isBroken(append(slices.Clip(s.path), key)) {
			return v.Reveal()
		}
	}
	return ""
}

// layersOf returns the layers of a session in an environment.
func (l *loader) layersOf(s *session, env core.Environment) []layer {
	files, variables := object(l.values, s.path...), object(l.variables, s.path...)
	layers := []layer{{path: s.path, places: l.places, values: files}}
	section := slices.Concat(s.path, []string{"environments", string(env)})
	if v := object(files, "environments", string(env)); v != nil {
		layers = append(layers, layer{section, l.places, v, l.keys.environment})
	}
	if variables != nil {
		layers = append(layers, layer{path: s.path, places: l.varPlaces, values: variables})
	}
	if v := object(variables, "environments", string(env)); v != nil {
		layers = append(layers, layer{section, l.varPlaces, v, l.keys.environment})
	}
	return layers
}

// locate finds where the value in effect at a path below a session was
// written, and the full path there. For a path that is nowhere, it is the
// place of what is around it.
func (s *session) locate(path []string) ([]string, place) {
	layers := s.layers
	if len(path) > 0 && path[0] == "store" {
		layers = s.stores
	}
	for i := len(layers) - 1; i >= 0; i-- {
		full := slices.Concat(layers[i].path, path)
		if p, ok := layers[i].places[join(full)]; ok {
			return full, p
		}
	}
	for n := len(path) - 1; n >= 0; n-- {
		for _, layer := range layers {
			full := slices.Concat(layer.path, path)
			if p, ok := layer.places[join(full[:len(full)-len(path)+n])]; ok {
				return full, p
			}
		}
	}
	return slices.Concat(s.path, path), place{}
}

// checkSession puts the layers of a session together and checks the whole.
func (l *loader) checkSession(ctx context.Context, s *session) {
	env := s.env
	if !s.envOK {
		env = ""
	}
	s.layers = l.layersOf(s, env)
	s.effective = map[string]any{}
	for _, layer := range s.layers {
		if layer.only != nil {
			merge(s.effective, filter(layer.values, layer.only), "")
			continue
		}
		merge(s.effective, layer.values, "environments")
	}
	l.mergeStore(s)
	l.resolveAll(nil, s.effective, s.locate)

	base := l.opts.Session
	var keys sessionKeys
	keys.optionKeys = optionKeys{
		Lazy: base.Lazy, KeepFresh: base.KeepFresh, Early: base.Early, Timeout: base.Timeout,
		AllowHTTP: base.AllowHTTP, NoReplay: base.NoReplay, RefusedStatus: base.RefusedStatus,
	}
	given := s.effective
	store, ok := given["store"].(map[string]any)
	if ok { // its keys depend on its kind
		given = maps.Clone(given)
		delete(given, "store")
	}
	l.decodeFaults(core.DecodeSettings(given, &keys), nil, s.locate)
	origins := checkEach(
		l, s, "origins", keys.Origins, `want an origin, such as "https://api.example.com"`,
		func(o string) core.Options { return core.Options{Origins: []string{o}} })
	statuses := checkEach(
		l, s, "refused_status", keys.RefusedStatus, "want a number from 400 to 599",
		func(n int) core.Options { return core.Options{RefusedStatus: []int{n}} })
	settings := object(s.effective, "settings") // in keys.Settings, secrets have become text
	if s.described() && !s.envOK {              // else the registry checks them as a whole
		l.unknownKeys([]string{"sessions", s.name, "settings"}, settings, s.factory.Settings())
	}
	base.Origins, base.Lazy, base.KeepFresh, base.Early = origins, keys.Lazy, keys.KeepFresh, keys.Early
	base.Timeout, base.AllowHTTP, base.NoReplay = keys.Timeout, keys.AllowHTTP, keys.NoReplay
	base.RefusedStatus = statuses
	if ok {
		base.Store = l.store(ctx, store, s.locate)
	}
	s.entry = registry.Entry{Name: s.name, Kind: keys.Provider, Environment: s.env, Settings: settings, Inputs: keys.Inputs, Options: base}
}

// checkEach returns the values of a list that are good as options of a session,
// and reports the others.
func checkEach[T any](
	l *loader, s *session, key string, list []T, problem string, options func(T) core.Options,
) (good []T) {
	for i, value := range list {
		if opts := options(value); opts.Check() == nil {
			good = append(good, value)
			continue
		}
		full, where := s.locate([]string{key, strconv.Itoa(i)})
		fault := where.fault(full, problem)
		known := func(f Fault) bool { return f.Key == fault.Key } // such as another type
		if !l.isBroken(full) && !slices.ContainsFunc(l.faults, known) {
			l.faults = append(l.faults, fault)
		}
	}
	return good
}

// described reports whether the session's settings are known: not while its
// provider is unknown, or a plugin that was not started yet.
func (s *session) described() bool { return s.known && s.factory.Described() }

// filter returns the part of values that a schema knows.
func filter(values map[string]any, schema []core.Setting) map[string]any {
	out := make(map[string]any, len(values))
	for _, s := range schema {
		if v, ok := values[s.Name]; ok {
			out[s.Name] = v
		}
	}
	return out
}

// checkSections checks the sections of a session for environments, also of
// those that are not chosen: their names and keys. The settings of those that
// whole speaks of are checked with the session.
func (l *loader) checkSections(s *session, whole func(env string) bool) {
	sections := object(l.values, append(slices.Clip(s.path), "environments")...)
	for _, env := range slices.Sorted(maps.Keys(sections)) {
		path := slices.Concat(s.path, []string{"environments", env})
		if known := s.factory.Info().Environments; s.known && len(known) > 0 && !slices.Contains(known, core.Environment(env)) {
			l.fault(path, "provider "+strconv.Quote(s.factory.Info().Kind)+" has no such environment"+hint(env, names(known)))
		}
		section, ok := sections[env].(map[string]any)
		if !ok {
			if sections[env] != nil {
				l.fault(path, "want an object")
			}
			continue
		}
		l.unknownKeys(path, section, l.keys.environment)
		if s.described() && !whole(env) {
			l.unknownKeys(append(path, "settings"), object(section, "settings"), s.factory.Settings())
		}
	}
}

// unknownKeys reports the keys of values that a schema does not have.
func (l *loader) unknownKeys(path []string, values map[string]any, schema []core.Setting) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := append(slices.Clip(path), key)
		i := slices.IndexFunc(schema, func(s core.Setting) bool { return s.Name == key })
		if i < 0 {
			l.fault(at, "unknown key"+hint(key, settingNames(schema)))
			continue
		}
		if v, ok := values[key].(map[string]any); ok && schema[i].Type == "object" {
			l.unknownKeys(at, v, schema[i].Fields)
		}
	}
}

func settingNames(schema []core.Setting) []string {
	out := make([]string, len(schema))
	for i, s := range schema {
		out[i] = s.Name
	}
	return out
}

func names(envs []core.Environment) []string {
	out := make([]string, len(envs))
	for i, e := range envs {
		out[i] = string(e)
	}
	return out
}
