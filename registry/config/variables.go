package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// prefix begins the names of the variables that overlay the files.
const prefix = "AUTHSESSION_"

// filesVariable is no key: it names the files of a program that does not.
const filesVariable = prefix + "CONFIG"

// readVariables puts the variables into the shape of the files. They are
// matched to keys that are known, so that a misspelt one is found.
func (l *loader) readVariables() {
	var list []string
	for name, value := range l.environ {
		if strings.HasPrefix(name, prefix) && value != "" && name != filesVariable {
			list = append(list, name)
		}
	}
	first := func(name string) bool { return strings.HasSuffix(fold(name), "__provider") } // settings go by it
	slices.SortFunc(list, func(a, b string) int {
		if first(a) != first(b) {
			if first(a) {
				return -1
			}
			return 1
		}
		return cmp.Compare(a, b)
	})
	for _, name := range list {
		m := matcher{loader: l, rest: strings.Split(name[len(prefix):], "__")}
		setting, ok := m.top()
		from := &source{name: name, variable: true}
		switch _, twice := l.varPlaces[join(m.path)]; {
		case !ok:
			l.faults = append(l.faults, Fault{Variable: name, Problem: m.problem})
		case twice:
			l.faults = append(l.faults, Fault{Variable: name, Problem: "another variable means the same: " + l.varPlaces[join(m.path)].source.name})
		default:
			l.set(m.path, l.environ[name], setting, place{source: from})
		}
	}
}

// set stores a variable's value: a list where one is wanted, else the text,
// which core reads as the setting's type. It may be secret.
func (l *loader) set(path []string, text string, setting core.Setting, where place) {
	at := l.variables
	for _, key := range path[:len(path)-1] {
		next, ok := at[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	var value any = core.NewSecret(text)
	if strings.HasPrefix(setting.Type, "list of ") {
		var list []any
		for i, item := range strings.Split(text, ",") {
			list = append(list, core.NewSecret(strings.TrimSpace(item)))
			l.varPlaces[join(append(slices.Clip(path), strconv.Itoa(i)))] = where
		}
		value = list
	}
	at[path[len(path)-1]] = value
	l.varPlaces[join(path)] = where
}

// fold makes names comparable: without case, and with "_" for all that a
// variable's name cannot have.
func fold(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		case 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			return r
		}
		return '_'
	}, name)
}

// matcher follows the parts of a variable's name.
type matcher struct {
	*loader
	rest    []string
	path    []string
	problem string
	unsure  bool // the session's provider is not known: another fault says so
}

// pick takes the next part of the name, which must be one of known.
func (m *matcher) pick(known []string) (string, bool) {
	var found []string
	if len(m.rest) > 0 {
		for _, k := range known {
			if fold(k) == fold(m.rest[0]) {
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

// unknown says which variable was probably meant.
func (m *matcher) unknown(known []string) string {
	full := func(key string, rest []string) string {
		parts := append(slices.Clone(m.path), key)
		for i := range parts {
			parts[i] = strings.ToUpper(fold(parts[i]))
		}
		return prefix + strings.Join(append(parts, rest...), "__")
	}
	if len(m.rest) == 0 {
		return "the name ends too early" + hint("", fulls(known, full))
	}
	best, folded := "", make([]string, len(known))
	for i, k := range known {
		folded[i] = fold(k)
	}
	near := core.DidYouMean(fold(m.rest[0]), folded)
	for i, k := range known {
		if near != "" && core.DidYouMean(fold(m.rest[0]), folded[i:i+1]) == near {
			best = k
		}
	}
	if best != "" {
		return "no key goes by this name" + strings.Replace(near, `"`+fold(best)+`"`, full(best, m.rest[1:]), 1)
	}
	return "no key goes by this name" + hint("", fulls(known, full))
}

func fulls(known []string, full func(string, []string) string) []string {
	out := make([]string, len(known))
	for i, k := range known {
		out[i] = full(k, nil)
	}
	return out
}

func (m *matcher) top() (core.Setting, bool) {
	key, ok := m.pick(settingNames(m.keys.top))
	if !ok {
		return core.Setting{}, false
	}
	if key != "sessions" {
		return m.below(schemaFor(m.keys.top, key), object(m.values, key))
	}
	sessions := object(m.values, "sessions")
	name, ok := m.pick(slices.Sorted(maps.Keys(sessions)))
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
	m.unsure = factory.Info().Kind == "" || !factory.Described()
	switch key {
	case "settings":
		return m.setting(factory.Settings(), object(values, "settings"))
	case "environments":
		known := map[string]bool{}
		for env := range object(values, "environments") {
			known[env] = true
		}
		for _, env := range factory.Info().Environments {
			known[string(env)] = true
		}
		env, ok := m.pick(slices.Sorted(maps.Keys(known)))
		if !ok {
			return core.Setting{}, false
		}
		if key, ok = m.pick(settingNames(m.keys.environment)); !ok {
			return core.Setting{}, false
		}
		values = object(values, "environments", env)
		if key == "settings" {
			return m.setting(factory.Settings(), object(values, "settings"))
		}
	}
	return m.below(schemaFor(m.keys.session, key), object(values, key))
}

// factoryOf returns the factory of a session, the zero one if it is not known.
func (m *matcher) factoryOf(name string) core.Factory {
	kind, _ := object(m.values, "sessions", name)["provider"].(string)
	if v, ok := object(m.variables, "sessions", name)["provider"].(core.Secret); ok {
		kind = v.Reveal()
	} else if v, err := m.resolve(kind, ""); err == nil {
		if s, ok := v.(core.Secret); ok {
			kind = s.Reveal()
		}
	}
	f, _ := m.reg.Factory(kind)
	return f
}

// setting goes down into the settings of a provider.
func (m *matcher) setting(schema []core.Setting, values map[string]any) (core.Setting, bool) {
	if len(schema) == 0 && m.unsure {
		m.path, m.rest = append(m.path, m.rest...), nil
		return core.Setting{Type: "any"}, true
	}
	key, ok := m.pick(settingNames(schema))
	if !ok {
		return core.Setting{}, false
	}
	return m.below(schemaFor(schema, key), object(values, key))
}

// below goes down into what a key holds.
func (m *matcher) below(s core.Setting, values map[string]any) (core.Setting, bool) {
	switch {
	case len(m.rest) == 0:
		return m.end(s)
	case s.Type == "object":
		return m.setting(s.Fields, values)
	case strings.HasPrefix(s.Type, "map of ") && len(m.rest) > 0:
		existing := slices.Sorted(maps.Keys(values))
		if name := strings.ToLower(m.rest[0]); !slices.ContainsFunc(existing, func(k string) bool { return fold(k) == fold(name) }) {
			existing = append(existing, name)
		}
		name, ok := m.pick(existing)
		if !ok {
			return core.Setting{}, false
		}
		if s.Type = strings.TrimPrefix(s.Type, "map of "); s.Type == "object" {
			return m.setting(s.Fields, object(values, name))
		}
	}
	return m.end(s)
}

// end checks that the name is used up at something that has a value.
func (m *matcher) end(s core.Setting) (core.Setting, bool) {
	switch {
	case len(m.rest) > 0:
		m.problem = "the name goes on after " + strings.Join(m.path, ".") + ", which has no keys"
		return s, false
	case s.Type == "object" || strings.HasPrefix(s.Type, "map of "):
		m.problem = strings.Join(m.path, ".") + " has keys: a variable sets one of them"
		return s, false
	}
	return s, true
}

func schemaFor(schema []core.Setting, name string) core.Setting {
	i := slices.IndexFunc(schema, func(s core.Setting) bool { return s.Name == name })
	if i < 0 {
		return core.Setting{}
	}
	return schema[i]
}
