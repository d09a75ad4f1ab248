// Read on in checkinputs.go.

package config

import (
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

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

// contains returns a function that reports whether an environment is in a list.
func contains(envs []core.Environment) func(env string) bool {
	known := make(map[core.Environment]bool, len(envs))
	for _, env := range envs {
		known[env] = true
	}
	return func(env string) bool { return known[core.Environment(env)] }
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

// faultsByEnvironment finds out in which environments a fault is there.
type faultsByEnvironment struct {
	found    *report
	reported map[Fault]bool // the first marked of the faults in found
	marked   int
	// Of the faults that were counted since the last call of report:
	times map[Fault]int // in how many environments each is there
	first map[Fault]core.Environment
	order []Fault
}

func newFaultsByEnvironment(found *report) *faultsByEnvironment {
	return &faultsByEnvironment{
		found: found, reported: map[Fault]bool{}, times: map[Fault]int{},
		first: map[Fault]core.Environment{},
	}
}

// count counts a fault that is there in a number of environments, of which it names the first.
func (e *faultsByEnvironment) count(f Fault, times int, first core.Environment) {
	if e.times[f] == 0 {
		e.first[f] = first
		e.order = append(e.order, f)
	}
	e.times[f] += times
}

// inEach calls check, which reports to found, for each environment. So that found
// gets each fault once, check writes to an empty list.
func (e *faultsByEnvironment) inEach(envs []core.Environment, check func(core.Environment)) {
	before := e.found.faults
	for _, env := range envs {
		e.found.faults = nil
		check(env)
		for _, f := range unique(e.found.faults) {
			e.count(f, 1, env)
		}
	}
	e.found.faults = before
	e.report(len(envs))
}

// report reports what was counted. A fault that is not there in all of a number of environments
// names the first that has it, unless its key does. A fault that found had before, such as one of
// the file's form, is left as it is.
func (e *faultsByEnvironment) report(environments int) {
	for before := e.found.faults; e.marked < len(before); e.marked++ {
		e.reported[before[e.marked]] = true
	}
	for _, f := range e.order {
		env := string(e.first[f])
		inSection := strings.Contains(f.Key, ".environments."+env+".")
		if e.reported[f] {
			continue
		}
		if e.times[f] < environments && !inSection {
			f.Problem += " (in the environment " + strconv.Quote(env) + ")"
		}
		e.found.addFault(f)
	}
	clear(e.times)
	clear(e.first)
	e.order = e.order[:0]
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
