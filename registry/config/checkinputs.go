// Read on in check.go.

package config

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// checkAllInputs checks the inputs of all sessions in every environment of common. It looks at each
// input once, whatever the number of environments, unless sessions wait for each other: whether
// they do in one environment depends on all of them.
func (w *work) checkAllInputs(
	ctx context.Context, faults *faultsByEnvironment, all variants, envs environments,
	common []core.Environment,
) {
	of := []core.Environment{""}
	if len(common) > 0 {
		of = common
	}
	uses := envs.usesOf(ctx, all, of, common)
	if ctx.Err() != nil {
		return
	}
	if w.checkInputsTogether(ctx, faults, uses) {
		faults.report(len(of))
		return
	}
	faults.inEach(of, func(env core.Environment) {
		if ctx.Err() == nil {
			w.checker.checkInputs(ctx, all.in(env, envs, common))
		}
	})
}

// checkInputsTogether counts the inputs that name no session. It reports false, and has counted
// nothing, if inputs may lead from a session back to itself. It ends early with ctx.
func (w *work) checkInputsTogether(
	ctx context.Context, faults *faultsByEnvironment, uses map[string][]use,
) bool {
	unknown, circular := checkTogether(ctx, uses)
	if circular {
		return false
	}
	problems := make(map[[2]string]string, len(unknown)) // by session, and role with target
	for _, f := range unknown {
		problems[[2]string{f.Session, f.Role}] = f.Problem
	}
	if len(problems) == 0 {
		return true
	}
	for _, name := range sorted.Keys(uses) {
		for _, u := range uses[name] {
			if ctx.Err() != nil {
				return true
			}
			w.countUnknown(faults, u, problems)
		}
	}
	return true
}

// countUnknown counts the inputs of a use that have a problem.
func (w *work) countUnknown(
	faults *faultsByEnvironment, u use, problems map[[2]string]string,
) {
	for _, role := range sorted.Keys(u.inputs) {
		problem := problems[[2]string{u.name, role + delimiter + u.inputs[role]}]
		if problem == "" {
			continue
		}
		full, where := u.locate([]string{"inputs", role})
		if !w.checker.found.isUnusable(full) {
			faults.count(where.fault(full, problem), u.times, u.first)
		}
	}
}

// use is a session as it is in some environments.
type use struct {
	*checked
	inputs map[string]string // that are texts
	times  int               // the number of the environments
	first  core.Environment  // of them
}

// usesOf returns how each session is in the environments of a list. It ends early with ctx.
func (e environments) usesOf(
	ctx context.Context, all variants, of, common []core.Environment,
) map[string][]use {
	inList := contains(of)
	out := make(map[string][]use, len(e.sessions))
	for name, s := range e.sessions {
		if ctx.Err() != nil {
			return out
		}
		out[name] = all.usesOf(ctx, s, of, e.toCheck(s, common), inList)
	}
	return out
}

// usesOf returns how a session is in the environments of a list: as it was checked in that
// environment, or else as in the last one that it was checked in, for which it has no section.
// The uses are sorted by their first environment. It ends early with ctx.
func (v variants) usesOf(
	ctx context.Context, s *session, of, checkedIn []core.Environment, inList func(string) bool,
) (uses []use) {
	rest, first := len(of), of[0]
	if !s.ownEnvironment {
		for _, env := range checkedIn {
			if ctx.Err() != nil {
				return uses
			}
			if inList(string(env)) {
				rest--
				uses = append(uses, newUse(v[env][s.name], 1, env))
			}
		}
		own := contains(checkedIn)
		i := slices.IndexFunc(of, func(env core.Environment) bool { return !own(string(env)) })
		first = of[max(i, 0)]
	}
	if rest > 0 {
		last := checkedIn[len(checkedIn)-1]
		uses = append(uses, newUse(v[last][s.name], rest, first))
	}
	slices.SortFunc(uses, func(a, b use) int { return cmp.Compare(a.first, b.first) })
	return uses
}

func newUse(s *checked, times int, first core.Environment) use {
	return use{checked: s, inputs: s.textInputs(), times: times, first: first}
}

// checkTogether checks all uses of all sessions as if they were there at the same time. It returns
// the inputs that name no session, with what they name after the role, and whether the others
// lead from a session back to itself.
func checkTogether(
	ctx context.Context, uses map[string][]use,
) (unknown []registry.InputFault, circular bool) {
	entries := make([]registry.Entry, 0, len(uses))
	for _, name := range sorted.Keys(uses) {
		if ctx.Err() != nil {
			return nil, false
		}
		inputs := map[string]string{}
		for _, u := range uses[name] {
			for role, target := range u.inputs {
				inputs[role+delimiter+target] = target
			}
		}
		entries = append(entries, registry.Entry{Name: name, Inputs: inputs})
	}
	unknown = registry.CheckInputs(entries)
	circular = slices.ContainsFunc(unknown, func(f registry.InputFault) bool {
		_, target, _ := strings.Cut(f.Role, delimiter)
		return uses[target] != nil
	})
	return unknown, circular
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
