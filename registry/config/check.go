// Read on in source.go.

package config

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// Check reports every fault of the files in every environment: each that a session of the files
// has a section for, and each that a provider in use knows. It resolves no reference, so that it
// needs no secret, starts no plugin, makes no store and no session. Its error is that of [Load]; a
// fault that is not there in all environments of its session names the first that has it.
//
// The value of a reference may have any type. Only Load finds faults of that value, of the settings
// of a plugin that was not started, and those that a provider finds only in settings that are
// complete. Options.Environment and StartPlugins are not used. Variables overlay the files, as
// for Load: give an empty Options.Environ to check the files alone.
func Check(ctx context.Context, opts Options) error {
	s, err := newSetup(opts)
	if err != nil {
		return err
	}
	found := newReport()
	found.unresolved = true
	w, err := s.parse(ctx, nil, watchedFiles{}, found)
	if err != nil {
		return err
	}
	file := w.resolver.resolve("")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.checker.checkTop(file.top)
	w.checkAll(ctx, file.sessions)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.failure(found)
}

// variants are the sessions as they are in each environment that they were
// checked in.
type variants map[core.Environment]map[string]*checked

func (v variants) add(s *checked) {
	if v[s.environment] == nil {
		v[s.environment] = map[string]*checked{}
	}
	v[s.environment][s.name] = s
}

// haveInputs reports whether any session has inputs.
func (v variants) haveInputs() bool {
	for _, sessions := range v {
		if anyInputs(sessions) {
			return true
		}
	}
	return false
}

// checkAll runs the second and the third pass for each session in each of its
// environments, and then checks the inputs of all sessions.
func (w *work) checkAll(ctx context.Context, sessions map[string]*session) {
	envs := w.resolver.environments(sessions)
	common := envs.known(withoutOwn(sessions))
	faults := newFaultsByEnvironment(w.checker.found)
	all := variants{}
	for _, name := range sortedKeys(sessions) {
		s := sessions[name]
		of := envs.toCheck(s, common)
		w.checker.checkSections(s, func(env string) bool {
			return slices.Contains(of, core.Environment(env))
		})
		faults.inEach(of, func(env core.Environment) {
			if ctx.Err() != nil {
				return
			}
			one := *s
			one.environment = env
			if !s.ownEnvironment { // else environments.choose has checked it
				one.environmentOK = env != "" || !envs.isNeeded(s)
			}
			v := w.checker.check(ctx, w.resolver.variant(&one))
			w.checker.checkSettings(map[string]*checked{name: v})
			all.add(v)
		})
	}
	if !all.haveInputs() {
		return
	}
	of := []core.Environment{""}
	if len(common) > 0 {
		of = common
	}
	faults.inEach(of, func(env core.Environment) {
		if ctx.Err() == nil {
			w.checker.checkInputs(all.in(env, envs, common))
		}
	})
}

// withoutOwn returns the sessions that do not name their environment themselves.
func withoutOwn(sessions map[string]*session) map[string]*session {
	out := maps.Clone(sessions)
	maps.DeleteFunc(out, func(_ string, s *session) bool { return s.ownEnvironment })
	return out
}

// toCheck returns the environments that a session is checked in: its own; or
// those that its provider knows; or those of its sections, and then one of the
// others of common, for what the session is without a section.
func (e environments) toCheck(s *session, common []core.Environment) []core.Environment {
	if s.ownEnvironment {
		return []core.Environment{s.environment}
	}
	if envs := s.factory.Info().Environments; len(envs) > 0 {
		return envs
	}
	sections := e.sectionsOf(s)
	for _, env := range common {
		if _, found := slices.BinarySearch(sections, env); !found {
			return append(sections, env)
		}
	}
	if len(sections) == 0 {
		return []core.Environment{""}
	}
	return sections
}

// in returns all sessions as they are in an environment of common.
func (v variants) in(
	env core.Environment, envs environments, common []core.Environment,
) map[string]*checked {
	out := make(map[string]*checked, len(envs.sessions))
	for name, s := range envs.sessions {
		of := env
		if s.ownEnvironment {
			of = s.environment
		}
		if v[of][name] == nil { // then it is as in the last, for which it has no section
			list := envs.toCheck(s, common)
			of = list[len(list)-1]
		}
		out[name] = v[of][name]
	}
	return out
}

// faultsByEnvironment finds out in which environments a fault is there.
type faultsByEnvironment struct {
	found    *report
	reported map[Fault]bool // the first marked of the faults in found
	marked   int
}

func newFaultsByEnvironment(found *report) *faultsByEnvironment {
	return &faultsByEnvironment{found: found, reported: map[Fault]bool{}}
}

// inEach calls check, which reports to found, for each environment. A fault that
// is not there in all of them names the first that has it, unless its key does.
// A fault that found had before, such as one of the file's form, is left as it
// is. So that found gets each fault once, check writes to an empty list.
func (e *faultsByEnvironment) inEach(envs []core.Environment, check func(core.Environment)) {
	before := e.found.faults
	for ; e.marked < len(before); e.marked++ {
		e.reported[before[e.marked]] = true
	}
	times := map[Fault]int{}
	first := map[Fault]core.Environment{}
	var order []Fault
	for _, env := range envs {
		e.found.faults = nil
		check(env)
		for _, f := range unique(e.found.faults) {
			if times[f]++; times[f] == 1 {
				first[f] = env
				order = append(order, f)
			}
		}
	}
	for _, f := range order {
		env := string(first[f])
		inSection := strings.Contains(f.Key, ".environments."+env+".")
		if e.reported[f] {
			continue
		}
		if times[f] < len(envs) && !inSection {
			f.Problem += " (in the environment " + strconv.Quote(env) + ")"
		}
		before = append(before, f)
	}
	e.found.faults = before
}

// unique returns each fault once.
func unique(faults []Fault) (out []Fault) {
	seen := make(map[Fault]bool, len(faults))
	for _, f := range faults {
		if !seen[f] {
			seen[f] = true
			out = append(out, f)
		}
	}
	return out
}
