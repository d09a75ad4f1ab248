// Read on in provider.go.

package registry

import (
	"maps"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
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
	byName := entriesByName(entries)
	faults := append(unknownInputs(entries, byName), circularInputs(byName)...)
	slices.SortFunc(faults, func(a, b InputFault) int {
		return strings.Compare(a.Session+"\x00"+a.Role, b.Session+"\x00"+b.Role)
	})
	return faults
}

func anyInputs(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return len(e.Inputs) > 0 })
}

func entriesByName(entries []Entry) map[string]*Entry {
	out := make(map[string]*Entry, len(entries))
	for i := range entries {
		out[entries[i].Name] = &entries[i]
	}
	return out
}

const (
	mostListed   = 10      // names up to which an error lists them
	mostCompared = 200_000 // names that are compared for the hints of one check
	mostCircles  = 100     // circles that one check reports
)

// unknownInputs reports the inputs that name no session.
func unknownInputs(entries []Entry, byName map[string]*Entry) (faults []InputFault) {
	var names []string // sorted when they are first needed
	compared := 0
	for _, e := range entries {
		for role, name := range e.Inputs {
			if _, ok := byName[name]; ok {
				continue
			}
			if names == nil {
				names = slices.Sorted(maps.Keys(byName))
			}
			problem := "unknown session"
			if compared += len(names); compared <= mostCompared {
				problem += core.DidYouMean(name, names)
			}
			if len(names) <= mostListed {
				problem += "; known: " + strings.Join(names, ", ")
			}
			faults = append(faults, InputFault{e.Name, role, problem})
		}
	}
	return faults
}

// circularInputs reports the inputs by which a session would wait for itself,
// each at the session where the circle was entered.
func circularInputs(byName map[string]*Entry) (faults []InputFault) {
	for _, circle := range circles(byName) {
		first, next := byName[circle[0]], circle[1]
		for role, name := range first.Inputs {
			if name == next {
				problem := "the session would wait for itself: " + circleText(circle)
				faults = append(faults, InputFault{first.Name, role, problem})
			}
		}
	}
	return faults
}

// circleText names the sessions of a circle, or the first of them and the last.
func circleText(circle []string) string {
	const arrow = " → "
	if len(circle) <= mostListed {
		return strings.Join(circle, arrow)
	}
	return strings.Join(circle[:mostListed-1], arrow) + arrow + "…" + arrow + circle[len(circle)-1]
}

// circles returns the ways from a session through its inputs back to itself,
// each with that session at both ends. It is a depth-first search: a session on
// the way from the start to the current one closes a circle, and one that was
// left is not searched again.
func circles(entries map[string]*Entry) (out [][]string) {
	const onWay, done = 1, 2
	state := make(map[string]int, len(entries))
	var way []string // from the start to the current session
	var visit func(name string)
	visit = func(name string) {
		switch state[name] {
		case done:
			return
		case onWay:
			if len(out) >= mostCircles {
				return
			}
			out = append(out, append(slices.Clone(way[slices.Index(way, name):]), name))
			return
		}
		state[name] = onWay
		way = append(way, name)
		for _, input := range entries[name].inputNames() {
			visit(input)
		}
		way = way[:len(way)-1]
		state[name] = done
	}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if len(entries[name].Inputs) > 0 {
			visit(name)
		}
	}
	return out
}

// inputNames returns the inputs, sorted by their roles. Of no entry there are none.
func (e *Entry) inputNames() []string {
	if e == nil {
		return nil
	}
	names := sorted.Keys(e.Inputs)
	for i, role := range names {
		names[i] = e.Inputs[role]
	}
	return names
}

// inputErrors returns what CheckInputs finds as errors.
func inputErrors(entries []Entry) (errs []error) {
	faults := CheckInputs(entries)
	if len(faults) == 0 {
		return nil
	}
	byName := entriesByName(entries)
	for _, f := range faults {
		errs = append(errs, byName[f.Session].annotate(
			core.Errorf(core.CodeBadConfig, "the input %q: %s", f.Role, f.Problem)))
	}
	return errs
}

// inOrder returns entries in an order in which each comes after its inputs.
func inOrder(entries []Entry) []Entry {
	if !anyInputs(entries) {
		return entries
	}
	byName := entriesByName(entries)
	out := make([]Entry, 0, len(entries))
	visited := make(map[string]bool, len(entries))
	var visit func(e Entry)
	visit = func(e Entry) {
		if visited[e.Name] {
			return
		}
		visited[e.Name] = true
		for _, name := range e.Inputs {
			visit(*byName[name])
		}
		out = append(out, e)
	}
	for _, e := range entries {
		visit(e)
	}
	return out
}
