// Read on in resolve.go.

package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// environments knows the environments of the sessions of a load.
type environments struct {
	files, variables tree
	sessions         map[string]*session
	found            *report
}

// choose finds the environment for all sessions that do not name their own: the
// program's, else the variable's, else the one of the files, which is inFiles. It
// sets the sessions' environments and reports unknown ones.
func (e environments) choose(program core.Environment, inFiles string) core.Environment {
	chosen, in, ok := e.chosen(program, inFiles)
	if !ok {
		return ""
	}
	known := e.known(e.sessions)
	open := e.anyUndescribed()
	undecided := e.assign(chosen, known, open)
	e.checkOwn(known)
	path := []string{"environment"}
	switch {
	case chosen != "" && !slices.Contains(known, chosen) && !open:
		e.found.addAt(in.whereIs(path), path, unknownEnvironment(chosen, known))
	case len(undecided) > 0 && !e.found.unresolved:
		e.reportUndecided(undecided, in.whereIs(path), known)
	}
	return chosen
}

// reportUndecided reports the sessions that need an environment where none is chosen: the first of
// them, as one fault of the file, or each, if those with faults are left out.
func (e environments) reportUndecided(sessions []string, where place, known []core.Environment) {
	const problem = " needs one: set it here or in AUTHSESSION_ENVIRONMENT; known: "
	path := []string{"environment"}
	if !e.found.leavesOut {
		sessions = sessions[:1]
	}
	for _, name := range sessions {
		if e.found.leavesOut {
			path = []string{"sessions", name, "environment"}
		}
		e.found.addAt(where, path, "none is chosen, and session "+strconv.Quote(name)+
			problem+strings.Join(names(known), ", "))
	}
}

// chosen returns the environment for all sessions and the tree that has the choice: the
// zero tree if the program chooses. It reports false if the choice could not be read.
func (e environments) chosen(
	program core.Environment, inFiles string,
) (core.Environment, tree, bool) {
	chosen, in := inFiles, e.files
	if v, ok := e.variables.values["environment"].(core.Secret); ok {
		chosen, in = v.Reveal(), e.variables
	} else if e.found.unusable["environment"] {
		return "", tree{}, false
	}
	if program != "" {
		return program, tree{}, true
	}
	return core.Environment(chosen), in, true
}

// anyUndescribed reports whether a session is of a plugin that was not started:
// it may know more environments.
func (e environments) anyUndescribed() bool {
	for _, s := range e.sessions {
		if s.known && !s.factory.Described() {
			return true
		}
	}
	return false
}

// assign sets the environment of the sessions that do not name their own. If
// none is chosen, it returns the sessions that need one. open says that
// any name may be known.
func (e environments) assign(
	chosen core.Environment, known []core.Environment, open bool,
) (undecided []string) {
	for _, name := range sorted.Keys(e.sessions) {
		s := e.sessions[name]
		if s.ownEnvironment {
			continue
		}
		s.environment = chosen
		s.environmentOK = slices.Contains(known, chosen) || open ||
			chosen == "" && !e.isNeeded(s)
		if chosen == "" && !s.environmentOK {
			undecided = append(undecided, name)
		}
	}
	return undecided
}

// checkOwn reports unknown environments of sessions that name their own.
func (e environments) checkOwn(known []core.Environment) {
	for _, s := range e.sessions {
		if !s.ownEnvironment {
			continue
		}
		open := s.known && !s.factory.Described()
		s.environmentOK = slices.Contains(known, s.environment) || open
		if !s.environmentOK {
			v := variant{session: s, layers: layersOf(s, "", e.files, e.variables, nil)}
			full, where := v.locate([]string{"environment"})
			e.found.addAt(where, full, unknownEnvironment(s.environment, known))
		}
	}
}

func unknownEnvironment(env core.Environment, known []core.Environment) string {
	text := withoutName("unknown environment "+strconv.Quote(string(env))+
		core.DidYouMean(string(env), names(known)), string(env))
	switch {
	case len(known) == 0:
		return text + ": no session has a section for one, and no provider knows one"
	case len(known) > mostHinted:
		return text
	}
	return text + "; known: " + strings.Join(names(known), ", ")
}

// known returns the environments that sessions have sections for and that their
// providers know, sorted.
func (e environments) known(sessions map[string]*session) []core.Environment {
	known := map[core.Environment]bool{}
	for _, s := range sessions {
		for env := range s.sections() {
			known[env] = true
		}
		for _, env := range s.factory.Info().Environments {
			known[env] = true
		}
	}
	return slices.Sorted(maps.Keys(known))
}

// sectionsOf returns the environments that a session has sections for, sorted.
func (e environments) sectionsOf(s *session) (envs []core.Environment) {
	for env := range s.sections() {
		envs = append(envs, env)
	}
	slices.Sort(envs)
	return slices.Compact(envs)
}

// isNeeded reports whether a session needs an environment.
func (e environments) isNeeded(s *session) bool {
	return len(s.factory.Info().Environments) > 0 ||
		len(object(s.inFiles, "environments")) > 0
}

// names returns environments as text.
func names(envs []core.Environment) []string {
	out := make([]string, len(envs))
	for i, e := range envs {
		out[i] = string(e)
	}
	return out
}
