package command

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

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
  stale    the same, and the next use renews it
  expired  the credential has expired
  refused  the API refused the credential
  new      nothing is stored, and the first use obtains a credential
  failed   its configuration has faults (new, with an error, in JSON)

Without names it exits with status 0 unless a session is failed or its store cannot be
read. With names, it judges those alone: the status is 69 if one of them has no
credential that can be used, or renewed without a person. A token, key, password or
certificate that the configuration has or names is read, and fresh if it can be used.
--check renews what is not fresh, without asking a person, and reports why that fails.`,
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
	cmd.Flags().BoolVar(&check, "check", false,
		"renew what is not fresh first, without asking a person")
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
	if err != nil && slices.Contains(cfg.Faulty(), name) {
		return a.faulty(cfg, name, err), nil
	}
	if err != nil {
		return sessionJSON{}, err
	}
	if !check {
		if isStatic(cfg, name) {
			err = s.Init(ctx) // reads what the configuration names
		} else {
			_, err = s.Restore(ctx)
		}
		out := a.look(cfg, s, err)
		return out.withStored(ctx, s), ctx.Err()
	}
	_, err = a.obtain(ctx, s, need{minimum: defaultMinimum})
	out := a.look(cfg, s, err)
	// One that no store keeps is revoked by Close, as nobody has it.
	a.end(ctx, s)
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
		case named && !s.usable():
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
	a.sayOrigin()
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
		out = append(out, s.Name, s.stateText(), s.Subject, expires)
	}
	return out
}
