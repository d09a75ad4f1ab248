package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// chooseEnvironment finds the environment for all sessions without one of
// their own: the program's choice, else the variable's, else the files'.
func (l *loader) chooseEnvironment(named string, sessions map[string]*session) core.Environment {
	path := []string{"environment"}
	where := l.places[join(path)]
	if v, ok := l.variables["environment"].(core.Secret); ok {
		named, where = v.Reveal(), l.varPlaces[join(path)]
	} else if l.broken[join(path)] {
		return ""
	}
	if l.opts.Environment != "" {
		named, where = string(l.opts.Environment), place{}
	}
	known := l.knownEnvironments(sessions)
	needs, guess := "", false // guess: a plugin may know more
	for _, s := range sessions {
		guess = guess || s.known && !s.factory.Described()
	}
	for _, name := range slices.Sorted(maps.Keys(sessions)) {
		s := sessions[name]
		if !s.own {
			s.env = core.Environment(named)
			s.envOK = slices.Contains(known, named) || guess || named == "" && !l.needsEnvironment(s)
			if named == "" && needs == "" && !s.envOK {
				needs = name
			}
			continue
		}
		if s.envOK = slices.Contains(known, string(s.env)) || s.known && !s.factory.Described(); !s.envOK {
			full, where := s.locate(path)
			l.faults = append(l.faults, where.fault(full, unknownEnvironment(string(s.env), known)))
		}
	}
	switch {
	case named != "" && !slices.Contains(known, named) && !guess:
		l.faults = append(l.faults, where.fault(path, unknownEnvironment(named, known)))
	case needs != "" && !l.checking:
		l.faults = append(l.faults, where.fault(path, "none is chosen, and session "+strconv.Quote(needs)+
			" needs one: set it here or in AUTHSESSION_ENVIRONMENT; known: "+strings.Join(known, ", ")))
	}
	return core.Environment(named)
}

func unknownEnvironment(name string, known []string) string {
	text := "unknown environment " + strconv.Quote(name) + core.DidYouMean(name, known)
	if len(known) == 0 {
		return text + ": no session has a section for one, and no provider knows one"
	}
	return text + "; known: " + strings.Join(known, ", ")
}

// knownEnvironments are those of all sessions' sections and of all providers
// in use, sorted.
func (l *loader) knownEnvironments(sessions map[string]*session) []string {
	known := map[string]bool{}
	for _, s := range sessions {
		for _, tree := range []map[string]any{l.values, l.variables} {
			for name := range object(tree, append(slices.Clip(s.path), "environments")...) {
				known[name] = true
			}
		}
		for _, e := range s.factory.Info().Environments {
			known[string(e)] = true
		}
	}
	return slices.Sorted(maps.Keys(known))
}

// needsEnvironment reports whether a session means nothing without one.
func (l *loader) needsEnvironment(s *session) bool {
	return len(s.factory.Info().Environments) > 0 ||
		len(object(l.values, append(slices.Clip(s.path), "environments")...)) > 0
}
