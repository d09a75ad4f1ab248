// Read on in checksession.go.

package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
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
	if store, ok := top["store"].(map[string]any); ok {
		c.stores.checkKeys(store, c.files.locate)
		top = maps.Clone(top)
		delete(top, "store") // each session checks the values in effect
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
	path := append(slices.Clip(s.path), "environments")
	if given := c.files.object(s.path...)["environments"]; given != nil {
		if _, ok := given.(map[string]any); !ok {
			c.found.add(c.files.locate, path, "want an object whose keys are names of environments")
		}
	}
	sections := c.files.object(path...)
	for _, env := range slices.Sorted(maps.Keys(sections)) {
		path := append(slices.Clip(path), env)
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
	for _, key := range slices.Sorted(maps.Keys(values)) {
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
