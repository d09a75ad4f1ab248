package command

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/authsession/authsession/core"
)

// table shows a session a line.
func (a *app) table(sessions []sessionJSON) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "NAME\tPROVIDER\tENV\t%s\tSUBJECT\tEXPIRES\tORIGINS\n", a.paint("STATE",
		colorPlain))
	for _, s := range sessions {
		cells := s.cells()
		cells[3] = a.paint(s.State.String(), colors[s.State])
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
	return trimLines(b.String())
}

// cells are what a row of the table has.
func (s sessionJSON) cells() []string {
	cells := []string{
		s.Name, s.Provider, s.Environment, s.State.String(), s.Subject,
		s.expiry(time.Now()), strings.Join(s.Origins, " "),
	}
	for i, cell := range cells {
		if cells[i] = printable(cell); cells[i] == "" {
			cells[i] = "-"
		}
	}
	return cells
}

// details shows one key a line, for one session and for narrow terminals.
func (a *app) details(sessions []sessionJSON) string {
	var b bytes.Buffer
	for i, s := range sessions {
		if i > 0 {
			b.WriteByte('\n')
		}
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		cells := s.cells()
		cells[3] = a.paint(s.State.String(), colors[s.State])
		for i, label := range []string{"name", "provider", "environment", "state", "subject", "expires"} {
			fmt.Fprintf(w, "%s\t%s\n", label, cells[i])
		}
		for _, o := range s.Origins {
			fmt.Fprintf(w, "origin\t%s\n", printable(o))
		}
		kept := "nowhere"
		if s.Store != "" {
			kept = "store of the kind " + s.Store
		}
		fmt.Fprintf(w, "kept\t%s\nfrom\t%s\n", kept, printable(s.From))
		_ = w.Flush()
	}
	return trimLines(b.String())
}

// colors are those of the states. All have one length, for tables.
var colors = map[core.State]string{
	core.StateFresh: "32", core.StateStale: "32", core.StateExpired: "33", core.StateRefused: "31",
	core.StateNew: "36", core.StateClosing: "35", core.StateClosed: "35",
}

const colorPlain = "39"

// paint colours a word if the output is to have colours.
func (a *app) paint(word, color string) string {
	if !a.colored() {
		return word
	}
	return "\x1b[" + color + "m" + word + "\x1b[0m"
}

func (a *app) colored() bool {
	switch {
	case a.flags.color != "auto":
		return a.flags.color == "always"
	case os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb":
		return false
	}
	return isTerminal(a.stdout)
}

// width returns the width of the terminal that the answer goes to; 0: it is none.
func (a *app) width() int {
	f, ok := a.stdout.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// tooWide reports whether a line of text does not fit into a width; 0: all do.
func tooWide(text string, width int) bool {
	return width > 0 && slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		return len([]rune(line))-9*strings.Count(line, "\x1b[0m") > width
	})
}

// trimLines removes the spaces at the end of lines.
func trimLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}
