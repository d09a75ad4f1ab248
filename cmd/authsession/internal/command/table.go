package command

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/authsession/authsession/core"
)

// list is a table: a row a line, or where the terminal is too narrow for that, a cell
// a line.
type list struct {
	head []string
	rows [][]string
}

// add adds a row. A cell that is empty is shown as "-".
func (l *list) add(cells ...string) {
	for i, cell := range cells {
		if cells[i] = printable(cell); cells[i] == "" {
			cells[i] = "-"
		}
	}
	l.rows = append(l.rows, cells)
}

// table returns the list with a row a line.
func (l *list) table() string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(l.head, "\t"))
	for _, row := range l.rows {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush() // a buffer takes everything
	return trimLines(b.String())
}

// blocks returns the list with a cell a line.
func (l *list) blocks() string {
	var b bytes.Buffer
	for _, row := range l.rows {
		fmt.Fprintln(&b, row[0])
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for i, cell := range row[1:] {
			if cell != "-" {
				fmt.Fprintf(w, "  %s\t%s\n", strings.ToLower(l.head[i+1]), cell)
			}
		}
		_ = w.Flush()
	}
	return trimLines(b.String())
}

// printList prints a list as the terminal has room for it.
func (a *app) printList(l list) error {
	text := l.table()
	if tooWide(text, a.width()) {
		text = l.blocks()
	}
	_, err := io.WriteString(a.stdout, text)
	return err
}

// table shows a session a line.
func (a *app) table(sessions []sessionJSON) string {
	l := list{head: []string{
		"NAME", "PROVIDER", "ENV", a.paint("STATE", colorPlain), "SUBJECT", "EXPIRES", "ORIGINS",
	}}
	for _, s := range sessions {
		cells := s.cells()
		cells[3] = a.paint(cells[3], s.color())
		l.rows = append(l.rows, cells)
	}
	return l.table()
}

// cells are what a row of the table has.
func (s sessionJSON) cells() []string {
	cells := []string{
		s.Name, s.Provider, s.Environment, s.stateText(), s.Subject,
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
		cells[3] = a.paint(cells[3], s.color())
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

// width returns the width of the terminal that the answer goes to. 0: it goes elsewhere.
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
