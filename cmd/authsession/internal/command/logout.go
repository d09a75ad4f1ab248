package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

func (a *app) logoutCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [NAME...]",
		Short: "Sign out: revoke the credential, and delete it from the store",
		Long: `logout revokes the credentials of sessions, where their servers can, and deletes them
from the store. Without a name it takes the default session of the configuration,
otherwise the only one. If one of the two fails, the other is done all the same, and
logout says which one failed. If nobody was signed in, logout succeeds.`,
		Example: `  authsession logout
  authsession logout reports
  authsession logout --all`,
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if all && len(names) > 0 {
				return wrong("--all takes no names")
			}
			return a.logout(cmd.Context(), names, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all sessions of the configuration")
	return cmd
}

// logoutJSON is the outcome for a session. Fields are only added.
type logoutJSON struct {
	Name   string `json:"name"`
	Had    bool   `json:"had_credential"`
	Revoke string `json:"revoke_error,omitempty"`
	Delete string `json:"delete_error,omitempty"`
}

func (a *app) logout(ctx context.Context, names []string, all bool) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	if all {
		names = sessionNames(cfg)
	} else if names, err = chooseNames(cfg, names); err != nil {
		return err
	}
	var outcomes []logoutJSON
	var errs []error
	for _, name := range names {
		out, err := a.logoutFrom(ctx, cfg, name)
		if err != nil {
			errs = append(errs, err)
		}
		outcomes = append(outcomes, out)
	}
	if a.json() {
		err := writeJSON(a.stdout, struct {
			Version  int          `json:"schema_version"`
			Sessions []logoutJSON `json:"sessions"`
		}{1, outcomes})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (a *app) logoutFrom(ctx context.Context, cfg *config.Config, name string) (logoutJSON, error) {
	out := logoutJSON{Name: name}
	s, err := findSession(cfg, name)
	if err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout+slack)
	defer cancel()
	waiting := a.notice(fmt.Sprintf("session %q to end", name), a.flags.timeout)
	defer waiting.stop()
	stored, _ := s.Stored(ctx) // SignOut reports the error
	out.Had = stored != nil
	err = s.SignOut(ctx)
	waiting.stop()
	out.Revoke, out.Delete = parts(err)
	if a.json() {
		return out, err
	}
	text := "signed out"
	switch {
	case out.Delete != "" && out.Revoke != "":
		text = "neither revoked nor deleted"
	case out.Delete != "":
		text = "not deleted from the store"
	case out.Revoke != "":
		text = "deleted from the store, but not revoked at the server"
	case isStatic(cfg, name):
		text = "needs no sign-in, and nothing is kept"
	case !keeps(cfg, name):
		text = "nothing is kept, as the session has no store"
	case !out.Had:
		text = "was not signed in"
	}
	if _, e := fmt.Fprintf(a.stdout, "%s: %s\n", name, text); e != nil {
		return out, e
	}
	return out, err
}

// parts returns what of an error of SignOut is of revoking and what of deleting.
func parts(err error) (revoke, remove string) {
	if err == nil {
		return "", ""
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, err := range joined.Unwrap() {
			r, d := parts(err)
			revoke, remove = join(revoke, r), join(remove, d)
		}
		return revoke, remove
	}
	var e *core.Error
	if errors.As(err, &e) && e.Op == "revoke" {
		return printable(err.Error()), ""
	}
	return "", printable(err.Error())
}

// join puts texts that are not empty together.
func join(a, b string) string {
	return strings.Trim(a+"; "+b, "; ")
}
