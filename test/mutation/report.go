package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
)

// result is what gremlins writes.
type result struct {
	Files []file `json:"files"`
}

type file struct {
	Name      string     `json:"file_name"`
	Mutations []mutation `json:"mutations"`
}

type mutation struct {
	Type   string `json:"type"`
	Status string `json:"status"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// tally counts the changes of one file.
type tally struct{ killed, alive, uncovered, late, invalid int }

func (t *tally) add(status string) error {
	switch status {
	case "KILLED":
		t.killed++
	case "LIVED":
		t.alive++
	case "NOT COVERED":
		t.uncovered++
	case "TIMED OUT":
		t.late++
	case "NOT VIABLE":
		t.invalid++
	default:
		return fmt.Errorf("gremlins reports the status %q", status)
	}
	return nil
}

// share is how many percent of the changes the tests notice. One that no test runs counts as alive;
// one whose tests hang, or that does not compile, does not count.
func (t tally) share() float64 {
	all := t.killed + t.alive + t.uncovered
	if all == 0 {
		return 100
	}
	return 100 * float64(t.killed) / float64(all)
}

// report prints a table and what is alive or hung, with its line in dir. The error says which limit
// is missed.
func report(w io.Writer, r *result, names []string, dir string, overall, each float64) error {
	var total tally
	var missed, notes []string
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "file\tkilled\talive\tnot covered\ttimed out\tnot valid\tshare\t")
	slices.SortFunc(r.Files, func(a, b file) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range r.Files {
		if !slices.Contains(names, f.Name) {
			return fmt.Errorf("gremlins changed %q, which was left out", f.Name)
		}
		t, alive, err := f.count(filepath.Join(dir, f.Name))
		if err != nil {
			return err
		}
		t.print(table, f.Name)
		total.sum(t)
		notes = append(notes, alive...)
		if t.share() < each {
			missed = append(missed, fmt.Sprintf("%s has less than %g %%", f.Name, each))
		}
	}
	total.print(table, "all")
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, strings.Join(notes, ""))
	if total.share() < overall {
		missed = append(missed, fmt.Sprintf("all have less than %g %%", overall))
	}
	if len(missed) > 0 {
		return fmt.Errorf("too much stays unnoticed: %s", strings.Join(missed, "; "))
	}
	return nil
}

// count returns the counts of one file, and a line for each change that was not noticed in time.
func (f file) count(path string) (t tally, notes []string, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return t, nil, err
	}
	lines := strings.Split(string(text), "\n")
	slices.SortFunc(f.Mutations, func(a, b mutation) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	for _, m := range f.Mutations {
		if err := t.add(m.Status); err != nil {
			return t, nil, err
		}
		if m.Status == "KILLED" || m.Status == "NOT VIABLE" || m.Line > len(lines) {
			continue
		}
		notes = append(notes, fmt.Sprintf("%s:%d:%d: %s, %s: %s\n", f.Name, m.Line, m.Column,
			strings.ToLower(m.Status), m.Type, strings.TrimSpace(lines[m.Line-1])))
	}
	return t, notes, nil
}

func (t tally) print(w io.Writer, name string) {
	fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\t\n",
		name, t.killed, t.alive, t.uncovered, t.late, t.invalid, t.share())
}

func (t *tally) sum(u tally) {
	t.killed += u.killed
	t.alive += u.alive
	t.uncovered += u.uncovered
	t.late += u.late
	t.invalid += u.invalid
}
