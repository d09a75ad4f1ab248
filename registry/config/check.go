package config

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Check reports every fault of the files in every environment: each that a session of the files
// has a section for, and each that a provider in use knows. It resolves no reference, so that it
// needs no secret, starts no plugin, makes no store and no session. Its error is that of [Load]; a
// fault that is not there in all environments of its session names the first that has it.
//
// The value of a reference may have any type. What is wrong with it, with the settings of a plugin
// that was not started, and with what a provider finds only in settings that are complete, is for
// Load to find. Options.Environment and StartPlugins are not used. Variables overlay the files, as
// for Load: give an empty Options.Environ to check the files alone.
func Check(ctx context.Context, opts Options) error {
	builtin, err := registry.New(opts.Factories...)
	if err != nil {
		return err
	}
	kinds, err := newStoreKinds(opts.Stores)
	if err != nil {
		return err
	}
	opts.Environment = ""
	l := newLoader(opts, builtin, kinds)
	l.checking, l.reported = true, map[Fault]bool{}
	_, err = l.load(ctx, nil)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// checkVariants checks each session in each of its environments.
func (l *loader) checkVariants(ctx context.Context, sessions map[string]*session) {
	known := l.globalEnvironments(sessions)
	v := variants{}
	for _, name := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[name]
		envs := l.variantsOf(s, known)
		whole := func(env string) bool { return slices.Contains(envs, core.Environment(env)) }
		l.checkSections(s, whole)
		l.inEach(envs, func(env core.Environment) {
			if ctx.Err() != nil {
				return
			}
			variant := *s
			variant.stores = nil
			variant.env = env
			if !s.own { // else it was found to be right or wrong already
				variant.envOK = env != "" || !l.needsEnvironment(s)
			}
			l.checkSession(ctx, &variant)
			l.checkEntry(&variant)
			v.add(&variant)
		})
	}
	if ctx.Err() == nil {
		l.checkInputsOf(ctx, sessions, known, v)
	}
}

// checkEntry asks the provider about the settings of a session.
func (l *loader) checkEntry(s *session) {
	if !s.known || !s.envOK {
		return
	}
	entry := s.entry
	entry.Inputs = nil // checkInputsOf looks at them
	l.settingsFaults(l.reg.Check([]registry.Entry{entry}), map[string]*session{s.name: s})
}

// globalEnvironments are those that may be chosen for all sessions, sorted.
func (l *loader) globalEnvironments(sessions map[string]*session) []string {
	open := maps.Clone(sessions)
	maps.DeleteFunc(open, func(_ string, s *session) bool { return s.own })
	return l.knownEnvironments(open)
}

// variantsOf returns the environments that a session is checked in: its own; or those that its
// provider knows; or those of its sections, and one of the others of known for what it is without
// a section.
func (l *loader) variantsOf(s *session, known []string) (out []core.Environment) {
	if s.own {
		return []core.Environment{s.env}
	}
	if envs := s.factory.Info().Environments; len(envs) > 0 {
		return envs
	}
	for _, tree := range []map[string]any{l.values, l.variables} {
		for env := range object(tree, append(slices.Clip(s.path), "environments")...) {
			out = append(out, core.Environment(env))
		}
	}
	slices.Sort(out)
	out = slices.Compact(out)
	for _, env := range known {
		if _, found := slices.BinarySearch(out, core.Environment(env)); !found {
			return append(out, core.Environment(env))
		}
	}
	if len(out) == 0 {
		out = []core.Environment{""}
	}
	return out
}

// variants are the sessions as they are in each environment that they were checked in.
type variants map[core.Environment]map[string]*session

func (v variants) add(s *session) {
	if v[s.env] == nil {
		v[s.env] = map[string]*session{}
	}
	v[s.env][s.name] = s
}

// haveInputs reports whether any session has inputs.
func (v variants) haveInputs() bool {
	for _, sessions := range v {
		for _, s := range sessions {
			if len(s.entry.Inputs) > 0 {
				return true
			}
		}
	}
	return false
}

// checkInputsOf checks the inputs of all sessions in each environment.
func (l *loader) checkInputsOf(ctx context.Context, sessions map[string]*session, known []string, v variants) {
	if !v.haveInputs() {
		return
	}
	envs := []core.Environment{""}
	if len(known) > 0 {
		envs = nil
	}
	for _, env := range known {
		envs = append(envs, core.Environment(env))
	}
	l.inEach(envs, func(env core.Environment) {
		if ctx.Err() == nil {
			l.checkInputs(l.allIn(env, sessions, known, v))
		}
	})
}

// allIn returns all sessions as they are in an environment.
func (l *loader) allIn(env core.Environment, sessions map[string]*session, known []string, v variants) map[string]*session {
	all := make(map[string]*session, len(sessions))
	for name, s := range sessions {
		of := env
		if s.own {
			of = s.env
		}
		if v[of][name] == nil { // it has no section for env; the last variant is that without one
			list := l.variantsOf(s, known)
			of = list[len(list)-1]
		}
		all[name] = v[of][name]
	}
	return all
}

// inEach calls check for each environment. A fault that is not there in all of them names the
// first that has it, unless its key does.
func (l *loader) inEach(envs []core.Environment, check func(core.Environment)) {
	before := l.faults
	for ; l.marked < len(before); l.marked++ {
		l.reported[before[l.marked]] = true
	}
	times := map[Fault]int{}
	first := map[Fault]core.Environment{}
	var order []Fault
	for _, env := range envs {
		l.faults = nil
		check(env)
		for _, f := range compact(l.faults) {
			if times[f]++; times[f] == 1 {
				first[f] = env
				order = append(order, f)
			}
		}
	}
	for _, f := range order {
		env := string(first[f])
		switch section := ".environments." + env + "."; {
		case l.reported[f]:
			continue
		case times[f] < len(envs) && !strings.Contains(f.Key, section):
			f.Problem += " (in the environment " + strconv.Quote(env) + ")"
		}
		before = append(before, f)
	}
	l.faults = before
}

// compact returns each fault once.
func compact(faults []Fault) (out []Fault) {
	seen := make(map[Fault]bool, len(faults))
	for _, f := range faults {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}
