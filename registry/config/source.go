package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// Source says where the value of a key came from.
type Source struct {
	Key      string // in full, as "sessions.gs.environments.qa.settings.scopes"
	File     string // as named in Options.Files; empty: no file
	Line     int    // counted from 1
	Column   int    // in characters, counted from 1
	Variable string // the AUTHSESSION_ variable; empty: none
	Default  bool   // nobody gave it: it is the provider's default, or the zero value
	// Value is the value as text: REDACTED if the setting is secret or a
	// variable or reference takes part in it.
	Value string
	Doc   string // what the key is for, as its provider or docs/configuration.md says; empty: nobody says
}

// String returns "file:line:column", the variable's name or "default".
func (s Source) String() string {
	switch {
	case s.Variable != "":
		return s.Variable
	case s.File != "":
		return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
	}
	return "default"
}

// Source returns where the value in effect of a session's key came from, such
// as "settings.client_id" or "early". An unknown session or key is
// [core.BadConfig].
func (c *Config) Source(name, key string) (Source, error) {
	state := c.state.Load()
	s := state.sessions[name]
	if s == nil {
		_, err := c.reg.Session(name)
		if err == nil {
			err = core.Errorf(core.BadConfig, "session %q is not of this configuration", name)
		}
		return Source{}, err
	}
	path := strings.Split(key, ".")
	setting, err := s.describe(state.keys.session, path)
	if err != nil {
		return Source{}, err
	}
	return s.source(path, setting), nil
}

// describe returns the description of a key of the session.
func (s *session) describe(schema []core.Setting, path []string) (core.Setting, error) {
	setting := core.Setting{}
	for i, key := range path {
		switch {
		case i == 1 && path[0] == "settings" && !s.factory.Described():
			return core.Setting{Name: key, Type: "any", Secret: true}, nil // nobody knows yet
		case i == 1 && path[0] == "settings":
			schema = s.factory.Settings()
		case i > 0 && setting.Type != "object":
			if strings.HasPrefix(setting.Type, "list of ") || strings.HasPrefix(setting.Type, "map of ") {
				_, setting.Type, _ = strings.Cut(setting.Type, " of ")
				continue
			}
			if setting.Type == "any" {
				return setting, nil
			}
			schema = nil
		case i > 0:
			schema = setting.Fields
		}
		if setting = schemaFor(schema, key); setting.Name == "" || i == 0 && key == "environments" {
			return setting, core.Errorf(core.BadConfig, "session %q: unknown key %q%s", s.name, strings.Join(path[:i+1], "."), hint(key, settingNames(schema)))
		}
	}
	return setting, nil
}

// find goes down into values.
func find(value any, path []string) (any, bool) {
	for _, key := range path {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			value = v[i]
		default:
			return nil, false
		}
	}
	return value, value != nil
}

// text shows a value. Objects show their keys alone, because what is in them
// may be secret.
func text(value any, setting core.Setting) string {
	switch v := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(v))
		for key := range v {
			keys = append(keys, key)
		}
		slices.Sort(keys)
		return "{" + strings.Join(keys, ", ") + "}"
	case []any:
		if setting.Type == "list of object" || setting.Type == "list of any" {
			return fmt.Sprintf("[%d elements]", len(v))
		}
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = text(item, setting)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(value) // a Secret shows itself as REDACTED
}

// Sources returns all keys of a session with their value in effect, where each came from, and what
// it is for: first the session's own, then the provider's settings, each in the order of their
// description. Keys that nobody gave are there with their defaults, but for what is inside an
// object or a map that nobody gave. Of a provider that is not described yet, such as a plugin that
// was not started, there are the settings that somebody gave, redacted. An unknown session is
// [core.BadConfig].
func (c *Config) Sources(name string) ([]Source, error) {
	state := c.state.Load()
	s := state.sessions[name]
	if s == nil {
		_, err := c.Source(name, "provider")
		return nil, err
	}
	var out []Source
	for _, setting := range state.keys.session {
		path := []string{setting.Name}
		switch setting.Name {
		case "settings", "environments":
		case "store":
			out = append(out, s.sources(path, setting, s.effective["store"], true)...)
		default:
			out = append(out, s.source(path, setting))
		}
	}
	given := object(s.effective, "settings")
	path := []string{"settings"}
	for _, setting := range s.factory.Settings() {
		out = append(out, s.sources(append(path, setting.Name), setting, given[setting.Name], false)...)
	}
	if !s.factory.Described() {
		for _, key := range slices.Sorted(maps.Keys(given)) {
			out = append(out, s.source(append(path, key), core.Setting{Name: key, Type: "any", Secret: true}))
		}
	}
	return out, nil
}

// sources describes the value at a path: an object or a map by what is in it. With sparse, keys of
// an object that nobody gave are left out, as they are those of another kind.
func (s *session) sources(path []string, setting core.Setting, value any, sparse bool) []Source {
	values, ok := value.(map[string]any)
	of, isMap := strings.CutPrefix(setting.Type, "map of ")
	if !ok || setting.Type != "object" && !isMap {
		return []Source{s.source(path, setting)}
	}
	var out []Source
	for _, field := range setting.Fields {
		if v := values[field.Name]; !isMap && (v != nil || !sparse || field.Name == "kind") {
			out = append(out, s.sources(append(slices.Clip(path), field.Name), field, v, sparse)...)
		}
	}
	if !isMap {
		return out
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		elem := setting
		elem.Name, elem.Type, elem.Default = key, of, ""
		out = append(out, s.sources(append(slices.Clip(path), key), elem, values[key], sparse)...)
	}
	return out
}

// source describes the value in effect at a path, which may be the default.
func (s *session) source(path []string, setting core.Setting) Source {
	value, ok := find(s.effective, path)
	if !ok {
		full := strings.Join(slices.Concat(s.path, path), ".")
		return Source{Key: full, Default: true, Value: setting.Default, Doc: setting.Doc}
	}
	full, where := s.locate(path)
	f := where.fault(full, "")
	out := Source{Key: f.Key, File: f.File, Line: f.Line, Column: f.Column, Variable: f.Variable, Doc: setting.Doc}
	if out.Value = core.NewSecret("x").String(); !setting.Secret {
		out.Value = text(value, setting)
	}
	return out
}
