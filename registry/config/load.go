package config

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// loader is one reading of the files and variables.
type loader struct {
	opts      Options
	reg       *registry.Registry // the kinds that may be named; it has no sessions
	environ   map[string]string
	values    map[string]any // the files, overlaid
	variables map[string]any // AUTHSESSION_ variables, in the shape of values
	places    map[string]place
	varPlaces map[string]place
	faults    []Fault
	broken    map[string]bool    // paths whose value or reference could not be read
	files     map[string]refFile // that references named
	seen      map[string]watched // all files, for Watch
	keys      keySchemas
	kinds     storeKinds
	stores    map[storeID]core.Store
	before    map[storeID]core.Store // those of the last good load
	checking  bool                   // for Check: no reference is resolved, and no store made
	reported  map[Fault]bool         // of checking: the first marked of faults
	marked    int
}

// loaded is what a good load leaves.
type loaded struct {
	environment core.Environment
	fallback    string // the default session
	sessions    map[string]*session
	plugins     map[string]plugin
	stores      map[storeID]core.Store
	keys        keySchemas
}

func newLoader(opts Options, reg *registry.Registry, kinds storeKinds) *loader {
	return &loader{
		kinds: kinds, keys: kinds.schemas(),
		opts: opts, reg: reg, environ: environ(opts.Environ),
		variables: map[string]any{}, places: map[string]place{}, varPlaces: map[string]place{},
		broken: map[string]bool{}, files: map[string]refFile{}, seen: map[string]watched{}, stores: map[storeID]core.Store{},
	}
}

// load reads and checks everything. Faults of syntax come alone: what a file
// that cannot be parsed would have said, nobody can check.
func (l *loader) load(ctx context.Context, before *loaded) (*loaded, error) {
	documents, ok := l.read(ctx)
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if !ok {
		return nil, newError(l.faults, l.opts.Files)
	}
	l.values = overlay(documents)
	l.checkReferences(nil, l.values)
	plugins := l.loadPlugins(ctx, before)
	if before != nil {
		l.before = before.stores
	}
	out := l.check(ctx)
	out.plugins = plugins
	if l.checking {
		return nil, newError(l.faults, l.opts.Files)
	}
	if len(l.faults) > 0 {
		entries := out.entries()
		for i := range entries {
			entries[i].Inputs = nil // checkInputs has looked at them
		}
		l.settingsFaults(l.reg.Check(entries), out.sessions)
		return nil, newError(l.faults, l.opts.Files)
	}
	return out, nil
}

// settingsFaults adds what the registry says about sessions, and reports
// whether it said anything about them.
func (l *loader) settingsFaults(err error, sessions map[string]*session) bool {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		any := false
		for _, err := range joined.Unwrap() {
			any = l.settingsFaults(err, sessions) || any
		}
		return any
	}
	e, ok := err.(*core.Error)
	if !ok || sessions[e.Session] == nil {
		return false
	}
	l.decodeFaults(e, []string{"settings"}, sessions[e.Session].locate)
	return true
}

// check goes from the top down to each session.
func (l *loader) check(ctx context.Context) *loaded {
	top := make(map[string]any, len(l.values))
	merge(top, map[string]any{"environment": l.values["environment"], "default": l.values["default"], "store": l.values["store"]}, "")
	top = l.resolveAll(nil, top, l.at).(map[string]any)
	for key, value := range l.values {
		if key != "plugins" && key != "environment" && key != "default" && key != "store" {
			top[key] = value
		}
	}
	var keys topKeys
	if store, ok := top["store"].(map[string]any); ok {
		l.checkStoreKeys(store, l.at)
		delete(top, "store") // each session checks the values in effect
	}
	l.decodeFaults(core.DecodeSettings(top, &keys), nil, l.at)

	sessions := make(map[string]*session, len(keys.Sessions))
	for _, name := range slices.Sorted(maps.Keys(keys.Sessions)) {
		path := []string{"sessions", name}
		if _, ok := keys.Sessions[name].(map[string]any); !ok {
			l.fault(path, "want an object with the key provider")
			continue
		}
		sessions[name] = &session{name: name, path: path}
	}
	l.readVariables()
	for _, s := range sessions {
		l.identify(s)
	}
	out := &loaded{sessions: sessions, keys: l.keys}
	out.environment = l.chooseEnvironment(keys.Environment, sessions)
	out.fallback = l.chooseDefault(keys.Default, sessions)
	if l.checking {
		l.checkVariants(ctx, sessions)
		return out
	}
	for _, s := range sessions {
		l.checkSections(s, func(env string) bool { return s.envOK && string(s.env) == env })
		l.checkSession(ctx, s)
	}
	l.checkInputs(sessions)
	out.stores = l.stores
	return out
}

func (l *loader) chooseDefault(name string, sessions map[string]*session) string {
	path := []string{"default"}
	where := l.places[join(path)]
	if v, ok := l.variables["default"].(core.Secret); ok {
		name, where = v.Reveal(), l.varPlaces[join(path)]
	}
	if name == "" || l.broken[join(path)] || l.values["sessions"] == nil {
		return ""
	}
	if _, ok := object(l.values, "sessions")[name]; !ok {
		names := slices.Sorted(maps.Keys(sessions))
		l.faults = append(l.faults, where.fault(path, "unknown session"+hint(name, names)))
	}
	return name
}

// at is the place of a path of the files, or of what is around it.
func (l *loader) at(path []string) ([]string, place) {
	for n := len(path); n > 0; n-- {
		if p, ok := l.places[join(path[:n])]; ok {
			return path, p
		}
	}
	return path, place{}
}

// fault reports a problem with a path of the files.
func (l *loader) fault(path []string, problem string) {
	_, where := l.at(path)
	l.faults = append(l.faults, where.fault(path, problem))
}

// decodeFaults adds the faults of core's decoder, below a prefix, except of
// values whose reference was at fault already.
func (l *loader) decodeFaults(err error, prefix []string, at func([]string) ([]string, place)) {
	if err == nil {
		return
	}
	var faults core.Faults
	if !errors.As(err, &faults) {
		prefix, faults = nil, core.Faults{{Problem: reason(err)}}
	}
	for _, f := range faults {
		full, where := at(slices.Concat(prefix, f.Path))
		if !l.isBroken(full) || l.checking && noText(f.Problem) {
			l.faults = append(l.faults, where.fault(full, f.Problem))
		}
	}
}

// noText reports whether a problem is that of every text, so that a reference whose value is not
// known cannot be right.
func noText(problem string) bool {
	return problem == "want object" || strings.HasPrefix(problem, "want list of ") || strings.HasPrefix(problem, "want map of ")
}

func (l *loader) isBroken(path []string) bool {
	for n := len(path); n > 0; n-- {
		if l.broken[join(path[:n])] {
			return true
		}
	}
	return false
}

// reason is an error without what stands before it: its place says that.
func reason(err error) string {
	var e *core.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// hint names the nearest name, or some of those known.
func hint(name string, known []string) string {
	if near := core.DidYouMean(name, known); near != "" {
		return near
	}
	if len(known) == 0 || len(known) > 20 {
		return ""
	}
	return "; known: " + strings.Join(known, ", ")
}

// entries are the sessions as the registry takes them, without those that it
// cannot judge.
func (l *loaded) entries() []registry.Entry {
	out := make([]registry.Entry, 0, len(l.sessions))
	for _, name := range slices.Sorted(maps.Keys(l.sessions)) {
		if s := l.sessions[name]; s.known && s.envOK {
			out = append(out, s.entry)
		}
	}
	return out
}
