// Read on in stores.go.

package config

import (
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// resolver runs the second pass: it finds the provider and the environment of
// each session, merges the session's layers and resolves the references in them.
type resolver struct {
	files, variables tree
	keys             keySchemas
	kinds            *registry.Registry
	refs             *references
	found            *report
	untyped          bool // a source has texts that are read as the types of their keys
}

// resolved is the outcome for the file as a whole.
type resolved struct {
	top            map[string]any // its keys without plugins; references only in sessions
	environment    core.Environment
	defaultSession string
	sessions       map[string]*session
}

// resolve finds the sessions, their providers and environments.
func (r *resolver) resolve(environment core.Environment) resolved {
	out := resolved{top: r.top()}
	given := object(out.top, "sessions")
	out.sessions = make(map[string]*session, len(given))
	paths := make([]string, 0, 2*len(given)) // one slice for the paths of all
	for name, value := range given {
		if r.refs.ctx.Err() != nil {
			break // the caller looks at it, too
		}
		paths = append(paths, "sessions", name)
		path := paths[len(paths)-2 : len(paths) : len(paths)]
		if _, ok := value.(map[string]any); !ok {
			r.found.add(r.files.locate, path, "want an object with the key provider")
			continue
		}
		out.sessions[name] = r.session(name, path)
	}
	inFile := textOf(out.top["environment"])
	out.environment = r.environments(out.sessions).choose(environment, inFile)
	out.defaultSession = r.defaultSession(textOf(out.top["default"]), out.sessions)
	return out
}

func (r *resolver) environments(sessions map[string]*session) environments {
	return environments{r.files, r.variables, sessions, r.found}
}

// top returns the keys of the files, without references in those whose values
// this pass needs.
func (r *resolver) top() map[string]any {
	needed := map[string]any{}
	for _, key := range []string{"environment", "default", "store"} {
		needed[key] = r.files.values[key]
	}
	top := make(map[string]any, len(r.files.values))
	merge(top, needed, "") // resolve writes to the copy
	r.refs.resolve(newPath(), top, r.files.locate)
	for key, value := range r.files.values {
		if _, ok := needed[key]; !ok && key != "plugins" {
			top[key] = value
		}
	}
	return top
}

// session finds out a session's provider and its own environment.
func (r *resolver) session(name string, path []string) *session {
	s := &session{
		name: name, path: path,
		inFiles: r.files.object(path...), inVariables: r.variables.object(path...),
	}
	kind, isText := r.text(s, "provider")
	f, err := r.kinds.Factory(kind)
	if s.known = err == nil; s.known {
		s.factory = f
	} else if at := append(slices.Clip(path), "provider"); kind != "" && !r.found.unusable[join(at)] {
		_, where := r.withoutSection(s).locate([]string{"provider"})
		r.found.addAt(where, at, withoutName(reason(err), kind))
	} else if kind == "" && isText {
		r.found.add(r.withoutSection(s).locate, []string{"provider"}, "missing")
	}
	environment, _ := r.text(s, "environment")
	s.environment = core.Environment(environment)
	s.ownEnvironment = s.environment != ""
	return s
}

// withoutSection returns a session without a section for an environment, to find places.
func (r *resolver) withoutSection(s *session) *variant {
	return &variant{session: s, layers: layersOf(s, "", r.files, r.variables, nil)}
}

// text returns the value of a key of a session, and whether it is a text that can be used.
func (r *resolver) text(s *session, key string) (text string, ok bool) {
	value, given := s.inVariables[key]
	if !given {
		value = s.inFiles[key]
	}
	if text, ok := value.(string); ok && hasReference(text) {
		value = r.refs.resolveText([]string{key}, text, r.withoutSection(s).locate)
	}
	_, secret := value.(core.Secret)
	if secret && r.found.isUnusable(append(slices.Clip(s.path), key)) {
		return "", false
	}
	_, plain := value.(string)
	return textOf(value), plain || secret
}

// textOf returns the text of a value of the files or variables; "": it is none.
func textOf(value any) string {
	if s, ok := value.(core.Secret); ok {
		return s.Reveal()
	}
	s, _ := value.(string)
	return s
}

// defaultSession returns the name of the default session, which is inFiles
// unless a variable names another one. It reports a session that there is not.
func (r *resolver) defaultSession(inFiles string, sessions map[string]*session) string {
	path := []string{"default"}
	name, in := inFiles, r.files
	if v, ok := r.variables.values["default"].(core.Secret); ok {
		name, in = v.Reveal(), r.variables
	}
	if name == "" || r.found.unusable[join(path)] || r.files.values["sessions"] == nil {
		return ""
	}
	if _, ok := r.files.object("sessions")[name]; !ok {
		known := sorted.Keys(sessions)
		r.found.addAt(in.whereIs(path), path, "unknown session"+r.found.hint(name, known))
	}
	return name
}

// variant merges the layers of a session in its environment and resolves the
// references. It copies what it merges: the trees stay as they were parsed,
// because several variants use them.
func (r *resolver) variant(s *session) *variant {
	env := s.environment
	if !s.environmentOK {
		env = ""
	}
	v := &variant{session: s, values: map[string]any{}}
	v.layers = layersOf(s, env, r.files, r.variables, r.keys.environment)
	for _, l := range v.layers {
		if l.only != nil {
			merge(v.values, filter(l.values, l.only), "")
			continue
		}
		merge(v.values, l.values, "environments")
	}
	r.mergeStore(v)
	if r.untyped {
		t := typer{v.locate, r.found}
		t.object(nil, v.values, r.keys.session)
		t.object([]string{"settings"}, object(v.values, "settings"), s.factory.Settings())
	}
	if !r.refs.none {
		r.refs.resolve(newPath(), v.values, v.locate)
	}
	return v
}

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

// mergeStore merges a session's key store: that of all sessions, of this one,
// and of its environment. A layer that names another kind than the layers before
// it replaces them.
func (r *resolver) mergeStore(v *variant) {
	if r.files.values["store"] == nil && r.variables.values["store"] == nil && !v.hasStore() {
		delete(v.values, "store")
		return
	}
	delete(v.values, "store")
	layers := []layer{
		{places: r.files.places, values: r.files.values},
		{places: r.variables.places, values: r.variables.values},
	}
	var out map[string]any
	for _, l := range append(layers, v.layers...) {
		given, ok := l.values["store"].(map[string]any)
		if !ok {
			if wrong := l.values["store"]; wrong != nil && len(l.path) > 0 {
				v.values["store"], v.storeLayers = wrong, append(v.storeLayers, l)
				return // the decoder reports it
			}
			continue
		}
		if namesAnotherKind(given, out) {
			out, v.storeLayers = nil, nil
		}
		if out == nil {
			out = map[string]any{}
		}
		merge(out, given, "")
		v.storeLayers = append(v.storeLayers, l)
	}
	if out != nil {
		v.values["store"] = out
	}
}

// hasStore reports whether a layer has a key store.
func (v *variant) hasStore() bool {
	return slices.ContainsFunc(v.layers, func(l layer) bool { return l.values["store"] != nil })
}

// namesAnotherKind reports whether a store's values name another kind than those
// before.
func namesAnotherKind(given, before map[string]any) bool {
	kind, kindBefore := given["kind"], before["kind"]
	return kind != nil && kindBefore != nil && textOf(kind) != textOf(kindBefore)
}
