// Read on in checksession.go.

package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// checker runs the third pass: it checks what the second one found against the
// descriptions of keys, settings and stores, and makes the registry's entries.
type checker struct {
	files   tree
	options core.Options // of every session
	keys    keySchemas
	kinds   *registry.Registry
	stores  *storeMaker
	tls     *tlsMaker
	found   *report
	// withoutStore are the kinds of Options.WithoutStore.
	withoutStore []string
}

// checkTop checks the keys of the file.
func (c *checker) checkTop(top map[string]any) {
	var keys topKeys
	top = maps.Clone(top)
	if store, ok := top["store"].(map[string]any); ok {
		c.stores.checkKeys(store, c.files.locate)
		delete(top, "store") // each session checks the values in effect
	}
	if _, ok := top["sessions"].(map[string]any); ok {
		top["sessions"] = map[string]any{} // what is in it is checked by session
	}
	err := core.DecodeSettings(top, &keys)
	if faults, ok := err.(core.Faults); ok {
		known := append(settingNames(c.keys.top), "plugins") // which parse has read
		for i, f := range faults {
			if len(f.Path) == 1 && strings.HasPrefix(f.Problem, "unknown key") {
				faults[i].Problem = "unknown key" + c.found.hint(f.Path[0], known)
			}
		}
	}
	c.found.addDecoded(err, nil, c.files.locate)
}

// checkSections checks the names and the keys of a session's sections for
// environments, also of those that are not chosen. The settings of sections for
// which isChosen is true are checked with the session.
func (c *checker) checkSections(s *session, isChosen func(env string) bool) {
	given := s.inFiles["environments"]
	sections, isObject := given.(map[string]any)
	isWrong := given != nil && !isObject
	if !isWrong && c.areGood(s, sections, isChosen) {
		return
	}
	path := append(slices.Grow(slices.Clip(s.path), 3), "environments")
	if isWrong {
		c.found.add(c.files.locate, path, "want an object whose keys are names of environments")
	}
	for _, env := range sorted.Keys(sections) {
		path := append(path, env) // nothing keeps it
		c.checkSectionName(s, path, env)
		section, ok := sections[env].(map[string]any)
		if !ok {
			if sections[env] != nil {
				c.found.add(c.files.locate, path, "want an object")
			}
			continue
		}
		c.unknownKeys(path, section, c.keys.environment)
		if s.isDescribed() && !isChosen(env) {
			settings := object(section, "settings")
			c.unknownKeys(append(path, "settings"), settings, s.factory.Settings())
		}
	}
}

// areGood reports whether checkSections has nothing to report. It allocates nothing: most are.
func (c *checker) areGood(
	s *session, sections map[string]any, isChosen func(env string) bool,
) bool {
	known := s.factory.Info().Environments
	for env, value := range sections {
		section, isObject := value.(map[string]any)
		settings := object(section, "settings")
		switch {
		case s.known && len(known) > 0 && !slices.Contains(known, core.Environment(env)),
			value != nil && !isObject,
			!isKnown(section, c.keys.environment),
			s.isDescribed() && !isChosen(env) && !isKnown(settings, s.factory.Settings()):
			return false
		}
	}
	return true
}

func (c *checker) checkSectionName(s *session, path []string, env string) {
	info := s.factory.Info()
	known := info.Environments
	if s.known && len(known) > 0 && !slices.Contains(known, core.Environment(env)) {
		c.found.add(c.files.locate, path, "provider "+strconv.Quote(info.Kind)+
			" has no such environment"+c.found.hint(env, names(known)))
	}
}

// unknownKeys reports the keys of values that a schema does not have.
func (c *checker) unknownKeys(path []string, values map[string]any, schema []core.Setting) {
	if isKnown(values, schema) {
		return
	}
	for _, key := range sorted.Keys(values) {
		at := append(slices.Clip(path), key)
		s := settingNamed(schema, key)
		if s.Name == "" {
			problem := "unknown key" + c.found.hint(key, settingNames(schema))
			c.found.add(c.files.locate, at, problem)
			continue
		}
		if v, ok := values[key].(map[string]any); ok && s.Type == "object" {
			c.unknownKeys(at, v, s.Fields)
		}
	}
}

// isKnown reports whether a schema has all keys of values.
func isKnown(values map[string]any, schema []core.Setting) bool {
	for key, value := range values {
		i := indexOfSetting(schema, key)
		if i < 0 {
			return false
		}
		below, ok := value.(map[string]any)
		if ok && schema[i].Type == "object" && !isKnown(below, schema[i].Fields) {
			return false
		}
	}
	return true
}
