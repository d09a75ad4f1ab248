package command

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/authsession/authsession/registry/config"
)

func (a *app) statusCommand() *cobra.Command {
	var check, watch bool
	cmd := &cobra.Command{
		Use:   "status [NAME...]",
		Short: "Show the sessions, and which of them have a credential",
		Long: `status shows the sessions of the configuration and what is stored for them. It sends
nothing. The states are:
  fresh    there is a credential that has not expired
  expired  the credential has expired; the next use renews it
  refused  the API refused the credential
  new      nothing is stored that can be used

Without names it exits with status 0 unless the store cannot be read. With names, it
judges those alone: the status is 69 if one of them has no credential that can be
used. --check renews what is not fresh, without asking a person, and reports why that
fails.`,
		Example: `  authsession status
  authsession status reports --check
  authsession status -o json`,
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if watch {
				return a.watch(cmd.Context(), names, check)
			}
			return a.status(cmd.Context(), names, check)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "renew what is not fresh first, without asking a person")
	cmd.Flags().BoolVar(&watch, "watch", false, "show the states again when they change, until Ctrl-C")
	return cmd
}

func (a *app) status(ctx context.Context, names []string, check bool) error {
	sessions, err := a.lookAll(ctx, names, check)
	if err != nil {
		return err
	}
	if err := a.printStatus(sessions, len(names) > 0); err != nil {
		return err
	}
	return a.verdict(ctx, sessions, len(names) > 0)
}

// lookAll loads the configuration and looks at the sessions, at all of them if
// none is named.
func (a *app) lookAll(ctx context.Context, names []string, check bool) ([]sessionJSON, error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	// The sessions are left to the end of the process: Close would revoke what has
	// no store. With --check, those that have one are closed.
	if len(names) == 0 {
		names = sessionNames(cfg)
	}
	out := make([]sessionJSON, len(names))
	for i, name := range names {
		if out[i], err = a.lookAt(ctx, cfg, name, check); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *app) lookAt(
	ctx context.Context, cfg *config.Config, name string, check bool,
) (sessionJSON, error) {
	s, err := findSession(cfg, name)
	if err != nil {
		return sessionJSON{}, err
	}
	if !check {
		_, err = s.Restore(ctx)
		return a.look(cfg, s, err), ctx.Err()
	}
	_, err = a.obtain(ctx, s, need{minimum: defaultMinimum})
	out := a.look(cfg, s, err)
	// One that no store keeps is revoked by Close, as nobody has it.
	_ = s.Close(context.WithoutCancel(ctx))
	return out, context.Cause(ctx)
}

// verdict returns the exit status that the sessions deserve.
func (a *app) verdict(ctx context.Context, sessions []sessionJSON, named bool) error {
	worst := 0
	for _, s := range sessions {
		code := 0
		switch {
		case s.err != nil:
			code = a.kindOf(ctx, s.err).status
		case named && s.State != stateFresh:
			code = exitNotReady
		}
		if worst == 0 {
			worst = code
		}
	}
	if worst != 0 {
		return status(worst)
	}
	return nil
}

func (a *app) printStatus(sessions []sessionJSON, named bool) error {
	if a.json() {
		return writeJSON(a.stdout, struct {
			Version  int           `json:"schema_version"`
			Config   origin        `json:"config"`
			Sessions []sessionJSON `json:"sessions"`
		}{1, a.origin, sessions})
	}
	if !a.flags.quiet {
		fmt.Fprintf(a.stderr, "configuration: %s (%s)\n", strings.Join(a.origin.Files, ", "), a.origin.From)
	}
	text := a.table(sessions)
	if named && len(sessions) == 1 || tooWide(text, a.width()) {
		text = a.details(sessions)
	}
	if _, err := io.WriteString(a.stdout, text); err != nil {
		return err
	}
	for _, s := range sessions {
		if s.err != nil {
			a.report(context.Background(), s.err)
		}
	}
	return nil
}

// watch shows the sessions whenever something has changed.
func (a *app) watch(ctx context.Context, names []string, check bool) error {
	last := ""
	for {
		sessions, err := a.lookAll(ctx, names, check)
		if err != nil {
			return err
		}
		shown := fmt.Sprint(statesOf(sessions))
		if shown != last {
			last = shown
			if err := a.printStatus(sessions, false); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(2 * time.Second):
		}
	}
}

// statesOf returns what a person wants to see again when it changes.
func statesOf(sessions []sessionJSON) (out []string) {
	for _, s := range sessions {
		expires := ""
		if s.Expires != nil {
			expires = s.Expires.String()
		}
		out = append(out, s.Name, s.State, s.Subject, expires)
	}
	return out
}

func (a *app) table(sessions []sessionJSON) string {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "NAME\tPROVIDER\tENV\t%s\tSUBJECT\tEXPIRES\tORIGINS\n", a.paint("STATE", ""))
	for _, s := range sessions {
		cells := s.cells()
		cells[3] = a.paint(s.State, s.State)
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	_ = w.Flush()
	return trimLines(b.String())
}

// cells are what a row of the table has.
func (s sessionJSON) cells() []string {
	cells := []string{
		s.Name, s.Provider, s.Environment, s.State, s.Subject,
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
		cells[3] = a.paint(s.State, s.State)
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
var colors = map[string]string{
	stateFresh: "32", stateExpired: "33", stateRefused: "31", stateNew: "36", stateClosed: "35", "": "39",
}

// paint colours a word if the output is to have colours.
func (a *app) paint(word, state string) string {
	if !a.colored() {
		return word
	}
	return "\x1b[" + colors[state] + "m" + word + "\x1b[0m"
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
