// Read on in environment.go.

package config

import (
	"iter"
	"slices"

	"github.com/authsession/authsession/core"
)

// session is one named session of the files, with its provider and environment.
type session struct {
	name string
	path []string // of its object: "sessions" and the name
	// inFiles and inVariables are its objects in the trees; nil: there is none.
	inFiles, inVariables map[string]any
	factory              core.Factory // of the provider; the zero one unless known
	known                bool         // the provider is one of the kinds
	// environment is the session's own, or the one that is chosen for all.
	environment    core.Environment
	ownEnvironment bool // the session names its environment itself
	// environmentOK says that the environment is a known one, or that the
	// session needs none. Else a fault of the environment is reported, and
	// settings that may depend on it are checked only for unknown keys.
	environmentOK bool
}

// isDescribed reports whether the settings of the session's provider are known.
// A plugin's are not before it was started.
func (s *session) isDescribed() bool { return s.known && s.factory.Described() }

// layer is one object that gives a session keys: the session itself or its
// section for the environment, of the files or of the variables.
type layer struct {
	path   []string
	places *places
	values map[string]any
	only   []core.Setting // keys that count; nil: all
}

// layersOf returns the layers of a session in an environment. Variables are
// stronger than files, and a section for the environment is stronger than the
// session around it: a variable for the session is stronger than the section of
// the files. sectionKeys are the keys that such a section may have.
func layersOf(
	s *session, env core.Environment, files, variables tree, sectionKeys []core.Setting,
) []layer {
	inFiles := object(s.inFiles, "environments", string(env))
	inVariables := object(s.inVariables, "environments", string(env))
	var section []string
	if inFiles != nil || inVariables != nil {
		section = slices.Concat(s.path, []string{"environments", string(env)})
	}
	layers := make([]layer, 1, 2)
	layers[0] = layer{path: s.path, places: files.places, values: s.inFiles}
	if inFiles != nil {
		layers = append(layers, layer{section, files.places, inFiles, sectionKeys})
	}
	if s.inVariables != nil {
		layers = append(layers, layer{path: s.path, places: variables.places, values: s.inVariables})
	}
	if inVariables != nil {
		layers = append(layers, layer{section, variables.places, inVariables, sectionKeys})
	}
	return layers
}

// sections yields the sections of the session for environments, those of the files first.
func (s *session) sections() iter.Seq2[core.Environment, any] {
	return func(yield func(core.Environment, any) bool) {
		for _, values := range [2]map[string]any{s.inFiles, s.inVariables} {
			for env, section := range object(values, "environments") {
				if !yield(core.Environment(env), section) {
					return
				}
			}
		}
	}
}

// at returns the place of a path below the layer, and that path in full.
func (l layer) at(path []string) ([]string, place, bool) {
	where, ok := l.places.at(l.path, path)
	if !ok {
		return nil, place{}, false
	}
	return slices.Concat(l.path, path), where, true
}

// variant is a session in one environment, with its layers merged.
type variant struct {
	*session
	layers []layer // the weakest first
	// storeLayers give the key store, which also has layers outside of the
	// session; the weakest first.
	storeLayers []layer
	values      map[string]any // merged from the layers; references are resolved
}

// locate finds where the value in effect at a path below the session was
// written. It is a [locator] whose places around a path are those of the weakest
// layer that has the nearest object.
func (v *variant) locate(path []string) ([]string, place) {
	layers := v.layers
	if len(path) > 0 && path[0] == "store" {
		layers = v.storeLayers
	}
	for _, l := range slices.Backward(layers) {
		if full, where, ok := l.at(path); ok {
			return full, where
		}
	}
	for n := len(path) - 1; n >= 0; n-- {
		for _, l := range layers {
			if _, where, ok := l.at(path[:n]); ok {
				return slices.Concat(l.path, path), where
			}
		}
	}
	return slices.Concat(v.path, path), place{}
}
