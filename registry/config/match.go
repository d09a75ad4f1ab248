// Read on in session.go.

package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// matcher finds the key that the name of one variable stands for. Each method
// goes down one level and takes one part of the name; it returns the description
// of the key at the end, or reports false and sets problem.
type matcher struct {
	*variableReader
	rest    []string // parts of the name that are not matched yet
	path    []string // of the key so far
	problem string
	// openSettings says that the session's provider or its settings are not
	// known. Then any name is right.
	openSettings bool
}

func (m *matcher) top() (core.Setting, bool) {
	key, ok := m.pick(settingNames(m.keys.top))
	if !ok {
		return core.Setting{}, false
	}
	if key != "sessions" {
		return m.below(settingNamed(m.keys.top, key), m.files.object(key))
	}
	sessions := m.files.object("sessions")
	if m.sessionNames == nil {
		m.sessionNames = map[string][]string{}
		for _, name := range sorted.Keys(sessions) {
			m.sessionNames[fold(name)] = append(m.sessionNames[fold(name)], name)
		}
	}
	var known []string // those that the name can stand for, or all for a hint
	if len(m.rest) > 0 {
		known = m.sessionNames[fold(m.rest[0])]
	}
	if len(known) == 0 {
		if m.found.compared += len(sessions); m.found.compared <= mostCompared {
			known = sorted.Keys(sessions)
		}
	}
	name, ok := m.pick(known)
	if !ok {
		return core.Setting{}, false
	}
	return m.session(name, object(sessions, name))
}

func (m *matcher) session(name string, values map[string]any) (core.Setting, bool) {
	key, ok := m.pick(settingNames(m.keys.session))
	if !ok {
		return core.Setting{}, false
	}
	factory := m.factoryOf(name)
	m.openSettings = factory.Info().Kind == "" || !factory.Described()
	switch key {
	case "settings":
		return m.setting(factory.Settings(), object(values, "settings"))
	case "environments":
		return m.environment(factory, object(values, "environments"))
	}
	return m.below(settingNamed(m.keys.session, key), object(values, key))
}

// environment goes down into the section of a session for an environment.
func (m *matcher) environment(
	factory core.Factory, sections map[string]any,
) (core.Setting, bool) {
	known := map[string]bool{}
	for env := range sections {
		known[env] = true
	}
	for _, env := range factory.Info().Environments {
		known[string(env)] = true
	}
	env, ok := m.pick(slices.Sorted(maps.Keys(known)))
	if !ok {
		return core.Setting{}, false
	}
	key, ok := m.pick(settingNames(m.keys.environment))
	if !ok {
		return core.Setting{}, false
	}
	values := object(sections, env, key)
	if key == "settings" {
		return m.setting(factory.Settings(), values)
	}
	return m.below(settingNamed(m.keys.session, key), values)
}

// factoryOf returns the factory of a session, or the zero one if its provider is
// not known.
func (m *matcher) factoryOf(name string) core.Factory {
	kind, _ := m.files.object("sessions", name)["provider"].(string)
	if v, ok := m.variables.object("sessions", name)["provider"].(core.Secret); ok {
		kind = v.Reveal()
	} else if v, err := m.refs.expand(kind, ""); err == nil {
		if s, ok := v.(core.Secret); ok {
			kind = s.Reveal()
		}
	}
	f, _ := m.kinds.Factory(kind)
	return f
}

// setting goes down into settings, or into an object of them.
func (m *matcher) setting(
	schema []core.Setting, values map[string]any,
) (core.Setting, bool) {
	if len(schema) == 0 && m.openSettings {
		m.path, m.rest = append(m.path, m.rest...), nil
		return core.Setting{Type: "any"}, true
	}
	key, ok := m.pick(settingNames(schema))
	if !ok {
		return core.Setting{}, false
	}
	return m.below(settingNamed(schema, key), object(values, key))
}

// below goes down into the value of a setting.
func (m *matcher) below(s core.Setting, values map[string]any) (core.Setting, bool) {
	if len(m.rest) == 0 {
		return m.end(s)
	}
	if s.Type == "object" {
		return m.setting(s.Fields, values)
	}
	elem, isMap := strings.CutPrefix(s.Type, "map of ")
	if !isMap {
		return m.end(s)
	}
	known := sorted.Keys(values)
	name := strings.ToLower(m.rest[0]) // of a key that the variable adds
	isKnown := func(key string) bool { return fold(key) == fold(name) }
	if name != "" && !slices.ContainsFunc(known, isKnown) {
		known = append(known, name)
	}
	name, ok := m.pick(known)
	if !ok {
		return core.Setting{}, false
	}
	if s.Type = elem; elem == "object" {
		return m.setting(s.Fields, object(values, name))
	}
	return m.end(s)
}

// end checks that the whole name is matched, and to a setting with a value.
func (m *matcher) end(s core.Setting) (core.Setting, bool) {
	key := strings.Join(m.path, ".")
	switch {
	case len(m.rest) > 0:
		m.problem = "the name goes on after " + key + ", which has no keys"
		return s, false
	case s.Type == "object" || strings.HasPrefix(s.Type, "map of "):
		m.problem = key + " has keys: a variable sets one of them"
		return s, false
	}
	return s, true
}

// pick takes the next part of the name, which must stand for one of known.
func (m *matcher) pick(known []string) (string, bool) {
	var found []string
	if len(m.rest) > 0 {
		next := fold(m.rest[0])
		for _, k := range known {
			if fold(k) == next {
				found = append(found, k)
			}
		}
	}
	switch {
	case len(found) == 1:
		m.path, m.rest = append(m.path, found[0]), m.rest[1:]
		return found[0], true
	case len(found) > 1:
		m.problem = "the name stands for several keys: " + strings.Join(found, ", ")
	default:
		m.problem = m.unknown(known)
	}
	return "", false
}

// unknown returns the problem of a name whose next part is not one of known. It
// names the variable that was probably meant.
func (m *matcher) unknown(known []string) string {
	if len(m.rest) == 0 {
		return "the name ends too early" + hint("", m.variablesFor(known))
	}
	folded := make([]string, len(known))
	for i, k := range known {
		folded[i] = fold(k)
	}
	near := core.DidYouMean(fold(m.rest[0]), folded)
	best := ""
	for i, k := range known {
		if near != "" && core.DidYouMean(fold(m.rest[0]), folded[i:i+1]) == near {
			best = k
		}
	}
	if best == "" {
		return "no key goes by this name" + hint("", m.variablesFor(known))
	}
	meant := m.variableFor(best, m.rest[1:])
	return "no key goes by this name" + strings.Replace(near, `"`+fold(best)+`"`, meant, 1)
}

// variableFor returns the name of the variable for a key below path, with
// further parts of a name.
func (m *matcher) variableFor(key string, rest []string) string {
	parts := append(slices.Clone(m.path), key)
	for i := range parts {
		parts[i] = strings.ToUpper(fold(parts[i]))
	}
	return prefix + strings.Join(append(parts, rest...), "__")
}

// variablesFor returns the names of the variables for keys below path.
func (m *matcher) variablesFor(keys []string) []string {
	out := make([]string, len(keys))
	for i, key := range keys {
		out[i] = m.variableFor(key, nil)
	}
	return out
}

// read reads all variables.
func (r *variableReader) read() {
	environ := r.refs.environ
	for _, name := range variableNames(environ) {
		m := matcher{variableReader: r, rest: strings.Split(name[len(prefix):], "__")}
		setting, ok := m.top()
		before, twice := r.variables.places.at(nil, m.path)
		where := place{source: &source{name: name, variable: true}}
		switch {
		case !ok:
			r.found.addAt(where, nil, m.problem)
		case twice:
			r.found.addAt(where, nil, "another variable means the same: "+before.source.name)
		default:
			r.set(m.path, environ[name], setting, where)
		}
	}
}
