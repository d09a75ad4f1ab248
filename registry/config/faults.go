// Read on in place.go.

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// Fault is one thing wrong with the configuration, and where. It never quotes
// a value, because any value may be secret.
type Fault struct {
	File     string // as named in Options.Files; empty: no file
	Line     int    // counted from 1; 0: the file as a whole
	Column   int    // in characters, counted from 1; 0: the line as a whole
	Variable string // the AUTHSESSION_ variable at fault; empty: none
	// KoanfSource is the name of the [KoanfSource] at fault. Empty: none.
	KoanfSource string
	Key         string // "sessions.gs.settings.client_id"; empty: none
	Problem     string
}

// Error returns "file:line:column: key: problem", without the parts that are not
// known. In the place of the file there may be a variable or a source, as in
// "source \"etcd\": key: problem".
func (f Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d", f.Line)
			if f.Column > 0 {
				fmt.Fprintf(&b, ":%d", f.Column)
			}
		}
		b.WriteString(": ")
	}
	if f.KoanfSource != "" {
		fmt.Fprintf(&b, "source %q: ", f.KoanfSource)
	}
	if f.Variable != "" {
		b.WriteString(f.Variable + ": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	return b.String() + f.Problem
}

// Error is all that is wrong with a configuration, sorted by file (in their
// order in Options.Files), line and column, then by source, variables last. errors.Is finds
// [core.CodeBadConfig] in it.
type Error struct{ Faults []Fault }

// mostShown is how many faults the text of an Error lists.
const mostShown = 100

// Error returns one line for each fault, the first hundred of them.
func (e *Error) Error() string {
	lines := make([]string, 0, min(len(e.Faults), mostShown+1))
	for i, f := range e.Faults {
		if i == mostShown {
			lines = append(lines, fmt.Sprintf("and %d faults more", len(e.Faults)-mostShown))
			break
		}
		lines = append(lines, f.Error())
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns [core.CodeBadConfig].
func (e *Error) Unwrap() error { return core.CodeBadConfig }

// newError sorts faults, or returns nil if there are none.
func newError(faults []Fault, files []string, sources []*KoanfSource) error {
	if len(faults) == 0 {
		return nil
	}
	order := make(map[string]int, len(files))
	for i, name := range files {
		order[name] = i + 1
	}
	ofSource := make(map[string]int, len(sources))
	for i, s := range sources {
		ofSource[s.Name] = len(files) + i + 1
	}
	rank := func(f Fault) int {
		switch {
		case f.Variable != "":
			return len(files) + len(sources) + 1
		case f.KoanfSource != "":
			return ofSource[f.KoanfSource]
		}
		return order[f.File]
	}
	slices.SortStableFunc(faults, func(a, b Fault) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Variable, b.Variable),
			cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Key, b.Key), cmp.Compare(a.Problem, b.Problem))
	})
	return &Error{Faults: slices.Compact(faults)}
}

// reason returns the text of an error without the names of a session and a kind
// before it: the place of the fault says these.
func reason(err error) string {
	var e *core.Error
	if errors.As(err, &e) && e.Err != nil {
		return e.Err.Error()
	}
	return err.Error()
}

// mostHinted is the number of names up to which a fault lists them.
const mostHinted = 20

// hint names the known name that is most similar to name, or else all known
// ones if they are few.
func hint(name string, known []string) string {
	if near := core.DidYouMean(name, known); near != "" {
		return near
	}
	if len(known) == 0 || len(known) > mostHinted {
		return ""
	}
	return "; known: " + strings.Join(known, ", ")
}
