package registry

import (
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// InputFault is what is wrong with one of [Entry.Inputs].
type InputFault struct {
	Session string // whose input it is
	Role    string
	Problem string
}

// CheckInputs reports the inputs of entries that name no session of entries,
// and those by which a session would wait for itself. The result is sorted;
// nil is good.
func CheckInputs(entries []Entry) []InputFault {
	if !anyInputs(entries) {
		return nil
	}
	byName := make(map[string]Entry, len(entries))
	for _, e := range entries {
		byName[e.Name] = e
	}
	var names []string // when they are first needed
	var faults []InputFault
	for _, e := range entries {
		for role, name := range e.Inputs {
			if _, ok := byName[name]; ok {
				continue
			}
			if names == nil {
				names = slices.Sorted(maps.Keys(byName))
			}
			problem := "unknown session" + core.DidYouMean(name, names)
			if len(names) <= listed {
				problem += "; known: " + strings.Join(names, ", ")
			}
			faults = append(faults, InputFault{e.Name, role, problem})
		}
	}
	for _, circle := range circles(byName) {
		e := byName[circle[0]]
		for role, name := range e.Inputs {
			if name == circle[1] {
				faults = append(faults, InputFault{e.Name, role, "the session would wait for itself: " + strings.Join(circle, " → ")})
			}
		}
	}
	slices.SortFunc(faults, func(a, b InputFault) int {
		return strings.Compare(a.Session+"\x00"+a.Role, b.Session+"\x00"+b.Role)
	})
	return faults
}

func anyInputs(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return len(e.Inputs) > 0 })
}

// circles returns the ways from a session back to itself, one for each way in.
func circles(entries map[string]Entry) (out [][]string) {
	const onWay, done = 1, 2
	state := make(map[string]int, len(entries))
	var visit func(name string, way []string)
	visit = func(name string, way []string) {
		switch state[name] {
		case done:
			return
		case onWay:
			out = append(out, append(slices.Clone(way[slices.Index(way, name):]), name))
			return
		}
		state[name] = onWay
		inputs := entries[name].Inputs
		for _, role := range slices.Sorted(maps.Keys(inputs)) {
			visit(inputs[role], append(way, name))
		}
		state[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if len(entries[name].Inputs) > 0 {
			visit(name, nil)
		}
	}
	return out
}

// checkInputs returns what CheckInputs finds as errors.
func checkInputs(entries []Entry) (errs []error) {
	for _, f := range CheckInputs(entries) {
		i := slices.IndexFunc(entries, func(e Entry) bool { return e.Name == f.Session })
		errs = append(errs, entries[i].fault(core.Errorf(core.BadConfig, "the input %q: %s", f.Role, f.Problem)))
	}
	return errs
}

// inOrder returns entries so that each stands behind its inputs.
func inOrder(entries []Entry) []Entry {
	if !anyInputs(entries) {
		return entries
	}
	byName := make(map[string]Entry, len(entries))
	for _, e := range entries {
		byName[e.Name] = e
	}
	out := make([]Entry, 0, len(entries))
	put := make(map[string]bool, len(entries))
	var visit func(e Entry)
	visit = func(e Entry) {
		if put[e.Name] {
			return
		}
		put[e.Name] = true
		for _, name := range e.Inputs {
			visit(byName[name])
		}
		out = append(out, e)
	}
	for _, e := range entries {
		visit(e)
	}
	return out
}

// options returns those that the session gets. e is a clone, and the sessions
// of its inputs are in sessions.
func (e Entry) options(p *provider, sessions map[string]*core.Session) core.Options {
	f, opts := p.factory, e.Options
	if opts.Facade == nil && (f.Info().Facade || !f.Described()) {
		opts.Facade = p.facade
	}
	if opts.Store != nil && opts.StoreKey == "" && opts.StoreScope == "" {
		opts.StoreScope = e.storeScope(f)
		if opts.StoreFormerKey == "" { // that of versions for which all settings counted
			opts.StoreFormerKey = e.Name + "-" + e.plainScope(f)
		}
	}
	if len(e.Inputs) > 0 {
		opts.Inputs = maps.Clone(opts.Inputs)
		if opts.Inputs == nil {
			opts.Inputs = make(map[string]*core.Session, len(e.Inputs))
		}
		for role, name := range e.Inputs {
			opts.Inputs[role] = sessions[name]
		}
	}
	return opts
}
