package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/terminal"
)

func (a *app) loginCommand() *cobra.Command {
	var how loginOptions
	cmd := &cobra.Command{
		Use:   "login [NAME...]",
		Short: "Sign in, and keep the credential",
		Long: `login signs in to sessions: a person is asked if the session needs one. Without a
name it takes the default session of the configuration, otherwise the only one.

It says who is signed in, until when, and where the credential is kept. If it is kept
nowhere, as the session has no store, login says so. A session that has a credential
already is left as it is; with --fresh the person is asked all the same, and the old
credential stays in use until the new one is there.

If another process signs in to the session at this moment, login waits for it and
takes its result. The person has ten minutes, or as long as the code is valid that is
shown; with sign_in_timeout in the configuration or --timeout, that long.

Without a browser on this machine, as over ssh, login says how to use one on another
machine, and takes the address that it shows after the sign-in. --device shows a code
for any other device in the place of that, and --browser opens the browser although
the session is for a device; both need the session to be of the provider oauth2.`,
		Example: `  authsession login
  authsession login reports --fresh
  authsession login reports --device
  authsession login reports --print-url`,
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, names []string) error {
			if how.browser && how.device {
				return wrong("give either --browser or --device")
			}
			ctx := cmd.Context()
			if cmd.Flags().Changed("timeout") {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, a.flags.timeout)
				defer cancel()
			}
			return a.login(ctx, names, how)
		},
	}
	cmd.Flags().BoolVar(&how.fresh, "fresh", false, "ask the person even if there is a credential")
	cmd.Flags().BoolVar(&how.printURL, "print-url", false,
		"print the page to open, and open no browser")
	cmd.Flags().BoolVar(&how.browser, "browser", false, "sign in with a browser")
	cmd.Flags().BoolVar(&how.device, "device", false, "sign in with a code on any other device")
	return cmd
}

type loginOptions struct{ fresh, printURL, browser, device bool }

// way is the value of the setting sign_in; empty: as the session has it.
func (o loginOptions) way() string {
	switch {
	case o.browser:
		return "browser"
	case o.device:
		return "device"
	}
	return ""
}

func (a *app) login(ctx context.Context, names []string, how loginOptions) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	if names, err = chooseNames(cfg, names); err != nil {
		return err
	}
	if cfg, err = a.loadToSignIn(ctx, cfg, names, how.way()); err != nil {
		return err
	}
	var done []sessionJSON
	for _, name := range names {
		s, err := findSession(cfg, name)
		if err != nil {
			return err
		}
		out, err := a.loginTo(ctx, cfg, s, how)
		if err != nil {
			return err
		}
		done = append(done, out)
	}
	if a.json() {
		return a.printStatus(done, true)
	}
	return nil
}

// chooseNames returns names or, if there are none, the name of the default
// session or of the only one.
func chooseNames(cfg *config.Config, names []string) ([]string, error) {
	all := sessionNames(cfg)
	switch {
	case len(names) > 0:
		return names, nil
	case cfg.Default() != "":
		return []string{cfg.Default()}, nil
	case len(all) == 1:
		return all, nil
	}
	return nil, &failure{
		kind: usage, next: []string{"status"},
		err: fmt.Errorf("name a session, as the configuration has no default: %s", strings.Join(all,
			", ")),
	}
}

func (a *app) loginTo(
	ctx context.Context, cfg *config.Config, s *core.Session, how loginOptions,
) (sessionJSON, error) {
	before, _ := s.Restore(ctx) // SignIn reports the error
	limit := signInTimeout(cfg, s.Name())
	if _, bounded := ctx.Deadline(); bounded { // by --timeout
		limit = min(limit, a.flags.timeout)
	}
	asked, err := a.signIn(ctx, s, how, limit)
	if how.fresh && !asked && errors.Is(err, core.CodeInteractive) {
		s, err = a.renewed(ctx, s, err)
	}
	if err != nil {
		return sessionJSON{}, a.withNextWay(err, cfg, s.Name(), how, asked)
	}
	out := a.look(cfg, s, nil)
	failed := s.Status().StoreError
	if e := s.Close(context.WithoutCancel(ctx)); failed == nil && out.Store != "" {
		failed = e
	}
	if failed != nil {
		return out, failed // the person has signed in, and it is lost
	}
	if a.json() {
		return out, nil
	}
	verb := "signed in"
	if isStatic(cfg, s.Name()) {
		_, err = fmt.Fprintln(a.stdout, out.sentence("needs no sign-in",
			"nothing is kept, as the configuration has the credential"))
		return out, err
	}
	if before && !asked && !how.fresh {
		verb = "is signed in already"
	}
	_, err = fmt.Fprintln(a.stdout, out.sentence(verb, where(cfg, s.Name())))
	if out.Store == "" && !a.flags.quiet {
		fmt.Fprintf(a.stderr, "authsession: nothing is kept, so that the next command signs in again: "+
			"session %q has no store; add \"store: {kind: file}\" to %s\n",
			s.Name(), strings.Join(a.origin.Files, ", "))
	}
	return out, err
}

// renewed returns a session of the same name with a new credential, after a sign-in in which nobody
// was asked, as its provider signs nobody in: a new credential is all that it can give. The session
// before remembers its failure, so that the new one is of a configuration that is loaded again.
func (a *app) renewed(
	ctx context.Context, before *core.Session, problem error,
) (*core.Session, error) {
	if slices.ContainsFunc(a.origin.Files, isPipe) { // it can be read once
		return before, problem
	}
	cfg, err := a.load(ctx)
	if err != nil {
		return before, err
	}
	s, err := findSession(cfg, before.Name())
	if err == nil {
		err = s.Init(ctx)
	}
	if err == nil {
		err = s.Renew(ctx)
	}
	return s, err
}

// signIn makes a session ready and reports whether a person was asked.
// The person has the time limit, at most.
func (a *app) signIn(ctx context.Context, s *core.Session, how loginOptions,
	limit time.Duration) (bool, error) {
	waiting := a.notice(fmt.Sprintf("session %q, or for another process that signs in to it",
		s.Name()), limit)
	defer waiting.stop()
	if a.flags.noInput {
		err := s.Init(ctx)
		if err == nil && how.fresh {
			err = s.Renew(ctx)
		}
		return false, err
	}
	var asked atomic.Bool
	ui := a.ui(how.printURL, func() { asked.Store(true); waiting.stop() })
	err := s.SignIn(ctx, &core.SignInOptions{UI: ui, Fresh: how.fresh})
	if asked.Load() && interrupted(ctx) != nil && isTerminal(a.stderr) {
		fmt.Fprintln(a.stderr) // what follows is not beside a question and ^C
	}
	return asked.Load(), err
}

// ui returns the terminal. It calls used before each use. What it shows where no
// terminal is counts as unseen, unless the person asked for it with --print-url: a
// sign-in would wait for nobody. With --print-url, whoever reads the page opens it; a
// person at a terminal may also paste the address.
func (a *app) ui(printURL bool, used func()) *core.UI {
	opts := &terminal.Options{In: a.stdin, Out: a.stderr, OutIsRead: printURL}
	if printURL {
		opts.Browser = func(context.Context, string) error {
			if !isTerminal(a.stdin) {
				return nil
			}
			return core.Errorf(core.CodeInteractive, "--print-url was given")
		}
	}
	inner := terminal.New(opts)
	seen := func(err error) error {
		if err == nil && !printURL && !isTerminal(a.stderr) {
			err = core.Errorf(core.CodeInteractive,
				"nobody sees what is shown, as stderr is not a terminal: "+
					"run the command in one, or with --print-url")
		}
		return err
	}
	return &core.UI{
		Show: func(ctx context.Context, message string) error {
			used()
			return seen(inner.Show(ctx, message))
		},
		Ask: func(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
			used()
			return inner.Ask(ctx, prompt, hidden)
		},
		Open: func(ctx context.Context, url string) error {
			used()
			return inner.Open(ctx, url)
		},
		ShowDevicePrompt: func(ctx context.Context, p core.DevicePrompt) error {
			used()
			return seen(inner.ShowDevicePrompt(ctx, p))
		},
	}
}

// where says where a session's credential is kept, or "".
func where(cfg *config.Config, name string) string {
	if !keeps(cfg, name) {
		return ""
	}
	kind, _ := cfg.Source(name, "store.kind")
	return "kept in the store of the kind " + kind.Value
}

// sentence says who is signed in, until when, and where that is kept.
func (s sessionJSON) sentence(verb, kept string) string {
	text := s.Name + ": " + verb
	if s.Subject != "" {
		text += " as " + printable(s.Subject)
	}
	if s.Expires != nil {
		text += fmt.Sprintf(", until %s (%s)",
			s.Expires.Local().Format("2006-01-02 15:04"), s.expiry(time.Now()))
	}
	if kept != "" {
		text += ", " + kept
	}
	return text
}
