// Read on in parser.go.

package config

import (
	"errors"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// report collects the faults of one load.
type report struct {
	faults []Fault
	more   int // faults beyond mostFaults, which are not in faults
	// unusable are the joined paths, where they were written, of values that
	// could not be read and of references that could not be resolved. What else
	// is wrong with such a value is not reported.
	unusable map[string]bool
	// unresolved says that no reference is resolved, as for [Check]. Then every
	// value with a reference is unusable, and that is no fault.
	unresolved bool
	// leavesOut says that sessions with faults are left out: then a fault is of a session if it can.
	leavesOut bool
	// pipes are the files that are pipes.
	pipes pipes
	// schemes are those of Options.Resolvers, sorted.
	schemes []string
	// readings are what the load read from the sources. Nil: it has read none.
	readings []sourceReading
	// references are what the load got from Options.Resolvers.
	references map[ownReference]ownValue
	// origins say, by the joined path where a reference was written, which
	// variable or file its value comes from.
	origins map[string]string
	// compared counts the names that were compared for hints.
	compared int
}

// mostFaults is how many faults one load collects. Others are only counted.
const mostFaults = 1000

// mostCompared is how many names one load compares for hints. A file with more
// wrong names gets no further hints.
const mostCompared = 200_000

func newReport() *report { return &report{unusable: map[string]bool{}, origins: map[string]string{}} }

// add reports a fault of the value at a path.
func (r *report) add(at locator, path []string, problem string) {
	full, where := at(path)
	r.addAt(where, full, problem)
}

// addAt reports a fault at a place.
func (r *report) addAt(where place, path []string, problem string) {
	r.addFault(where.fault(path, problem))
}

func (r *report) addFault(f Fault) {
	if len(r.faults) >= mostFaults {
		r.more++
		return
	}
	r.faults = append(r.faults, f)
}

// hint is the function hint, and "" once a load has compared too many names.
func (r *report) hint(name string, known []string) string {
	if r.compared += len(known); r.compared > mostCompared {
		return ""
	}
	return hint(name, known)
}

// isUnusable reports whether the value that was written at a path, or one
// around it, could not be read.
func (r *report) isUnusable(path []string) bool {
	for n := len(path); n > 0; n-- {
		if r.unusable[join(path[:n])] {
			return true
		}
	}
	return false
}

// addDecoded reports the faults that core's decoder found in the value at
// prefix, except those of unusable values.
func (r *report) addDecoded(err error, prefix []string, at locator) {
	if err == nil {
		return
	}
	var faults core.Faults
	if !errors.As(err, &faults) {
		prefix, faults = nil, core.Faults{{Problem: reason(err)}}
	}
	for _, f := range faults {
		full, where := at(slices.Concat(prefix, f.Path))
		if !r.isUnusable(full) || r.unresolved && refusesAnyText(f.Problem) {
			r.addAt(where, full, f.Problem+r.origins[join(full)])
		}
	}
}

// refusesAnyText reports whether a problem is one of every text. Then a
// reference is wrong whatever its value.
func refusesAnyText(problem string) bool {
	return problem == "want an object" || strings.HasPrefix(problem, "want an object whose ") ||
		strings.HasPrefix(problem, "want a list of ")
}
