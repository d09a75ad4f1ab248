// Read on in schema.go.

package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// Source says where the value of a key came from.
type Source struct {
	Key      string // in full, as "sessions.gs.environments.qa.settings.scopes"
	File     string // as named in Options.Files; empty: no file
	Line     int    // counted from 1
	Column   int    // in characters, counted from 1
	Variable string // the AUTHSESSION_ variable; empty: none
	// KoanfSource is the name of the [KoanfSource]. Empty: none.
	KoanfSource string
	Default     bool // it was not given: it is the provider's default, or the zero value
	// Value is the value as text: REDACTED if the setting is secret or a
	// variable or reference takes part in it.
	Value string
	// Doc says what the key is for, as its provider or docs/configuration.md
	// does. Empty: neither says it.
	Doc string
}

// String returns "file:line:column", the variable's name, the source as in
// "source \"etcd\"", or "default".
func (s Source) String() string {
	switch {
	case s.Variable != "":
		return s.Variable
	case s.KoanfSource != "":
		return fmt.Sprintf("source %q", s.KoanfSource)
	case s.File != "":
		return fmt.Sprintf("%s:%d:%d", s.File, s.Line, s.Column)
	}
	return "default"
}

// Source returns where the value in effect of a session's key came from, such
// as "settings.client_id" or "early". An unknown session or key is
// [core.CodeBadConfig].
func (c *Config) Source(name, key string) (Source, error) {
	s := c.state.Load().sessions[name]
	if s == nil {
		_, err := c.Session(name)
		if err == nil {
			err = core.Errorf(core.CodeBadConfig, "session %q is not of this configuration", name)
		}
		return Source{}, err
	}
	path := strings.Split(key, ".")
	setting, err := s.describe(c.setup.keys.session, path)
	if err != nil {
		return Source{}, err
	}
	return s.source(path, setting), nil
}

// describe returns the description of a key of the session.
func (s *session) describe(keys []core.Setting, path []string) (core.Setting, error) {
	unknown := func(depth int, known []core.Setting) error {
		return core.Errorf(core.CodeBadConfig, "session %q: unknown key %q%s", s.name,
			strings.Join(path[:depth], "."), hint(path[depth-1], settingNames(known)))
	}
	setting := settingNamed(keys, path[0])
	if setting.Name == "" || setting.Name == "environments" {
		return setting, unknown(1, keys)
	}
	if setting.Name == "settings" && len(path) > 1 {
		if !s.factory.Described() {
			return core.Setting{Name: path[1], Type: "any", Secret: true}, nil // perhaps
		}
		setting = core.Setting{Name: "settings", Type: "object", Fields: s.factory.Settings()}
	}
	for i, key := range path[1:] {
		switch {
		case setting.Type == "any":
			return setting, nil
		case isCollection(setting.Type):
			_, setting.Type, _ = strings.Cut(setting.Type, " of ")
			continue
		}
		fields := setting.Fields
		if setting.Type != "object" {
			fields = nil
		}
		if setting = settingNamed(fields, key); setting.Name == "" {
			return setting, unknown(i+2, fields)
		}
	}
	return setting, nil
}

// isCollection reports whether a type is that of lists or maps.
func isCollection(t string) bool {
	return strings.HasPrefix(t, "list of ") || strings.HasPrefix(t, "map of ")
}

// valueText returns a value as text. Of objects it has only the keys, because
// their values may be secret.
func valueText(value any, setting core.Setting) string {
	switch v := value.(type) {
	case map[string]any:
		return "{" + strings.Join(sorted.Keys(v), ", ") + "}"
	case []any:
		if setting.Type == "list of object" || setting.Type == "list of any" {
			return fmt.Sprintf("[%d elements]", len(v))
		}
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = valueText(item, setting)
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	return fmt.Sprint(value) // a Secret prints as REDACTED
}

// Sources returns all keys of a session with their value in effect, where each came from, and what
// it is for: first the session's own, then the provider's settings, each in the order of their
// description. Keys that were not given are there with their defaults, except those inside of an
// object or a map that was not given. Of a provider that is not described yet, such as a plugin
// that was not started, there are the settings that were given, redacted. An unknown session is
// [core.CodeBadConfig].
func (c *Config) Sources(name string) ([]Source, error) {
	s := c.state.Load().sessions[name]
	if s == nil {
		_, err := c.Source(name, "provider")
		return nil, err
	}
	var out []Source
	for _, setting := range c.setup.keys.session {
		path := []string{setting.Name}
		switch setting.Name {
		case "settings", "environments":
		case "tls":
			out = append(out, s.sources(path, setting, s.values["tls"], false)...)
		case "store":
			out = append(out, s.sources(path, setting, s.values["store"], true)...)
		default:
			out = append(out, s.source(path, setting))
		}
	}
	given := object(s.values, "settings")
	for _, setting := range s.factory.Settings() {
		path := []string{"settings", setting.Name}
		out = append(out, s.sources(path, setting, given[setting.Name], false)...)
	}
	if !s.factory.Described() {
		for _, key := range sorted.Keys(given) {
			setting := core.Setting{Name: key, Type: "any", Secret: true}
			out = append(out, s.source([]string{"settings", key}, setting))
		}
	}
	return out, nil
}

// sources describes the value at a path: an object or a map by what is in it.
// With sparse, keys of an object that were not given are left out, because they
// are of another kind.
func (v *variant) sources(
	path []string, setting core.Setting, value any, sparse bool,
) (out []Source) {
	values, ok := value.(map[string]any)
	elemType, isMap := strings.CutPrefix(setting.Type, "map of ")
	if !ok || setting.Type != "object" && !isMap {
		return []Source{v.source(path, setting)}
	}
	below := func(s core.Setting) {
		full := append(slices.Clip(path), s.Name)
		out = append(out, v.sources(full, s, values[s.Name], sparse)...)
	}
	if isMap {
		for _, key := range sorted.Keys(values) {
			elem := setting
			elem.Name, elem.Type, elem.Default = key, elemType, ""
			below(elem)
		}
		return out
	}
	for _, field := range setting.Fields {
		if values[field.Name] != nil || !sparse || field.Name == "kind" {
			below(field)
		}
	}
	return out
}

// source describes the value in effect at a path, which may be the default.
func (v *variant) source(path []string, setting core.Setting) Source {
	value, ok := find(v.values, path)
	if !ok {
		full := strings.Join(slices.Concat(v.path, path), ".")
		return Source{Key: full, Default: true, Value: setting.Default, Doc: setting.Doc}
	}
	full, where := v.locate(path)
	f := where.fault(full, "")
	out := Source{
		Key: f.Key, File: f.File, Line: f.Line, Column: f.Column, Variable: f.Variable,
		KoanfSource: f.KoanfSource, Doc: setting.Doc,
	}
	if out.Value = core.NewSecret("x").String(); !setting.Secret {
		out.Value = valueText(value, setting)
	}
	return out
}
