package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// Exit statuses of exec that are not the program's, as those of env and nohup.
const (
	execFailed   = 125
	execCannot   = 126
	execNotFound = 127
)

func (a *app) execCommand() *cobra.Command {
	var as []string
	cmd := &cobra.Command{
		Use:   "exec [NAME...] --as HOW... -- COMMAND [ARG...]",
		Short: "Run a command with credentials of sessions",
		Long: `exec runs a command and gives it credentials, as --as says:
  env:VAR=token    the variable VAR has the token, as "authsession token" prints it
  env:VAR=header   VAR has the header, as Name: value
  env:VAR=url      VAR has the address of the API
  file:VAR         VAR has the path of a file with the token, which is for this user
                   alone and is removed when the command has ended

Without a NAME they are those of the default session of the configuration, otherwise
of the only one. With several names, :NAME at the end says whose: env:VAR=token:NAME.
Other processes of the user can see variables: prefer file: where the command takes a
file.

The command has the terminal, stdin and signals as without exec, and exec has its exit
status: 128 and the number of the signal if one ended it. The status is 125 if exec
itself fails (a message says why), 126 if the command cannot be run, and 127 if it is
not found.`,
		Example: `  authsession exec reports --as env:REPORTS_TOKEN=token -- ./nightly.sh
  authsession exec reports --as file:TOKEN_FILE -- terraform plan
  authsession exec a b --as env:A=token:a --as env:B=token:b -- ./both.sh`,
		ValidArgsFunction: a.completeNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			dash := cmd.ArgsLenAtDash()
			if dash < 0 || dash == len(args) {
				return wrong(`want "--" and a command after it`)
			}
			if len(as) == 0 {
				return wrong("want --as, at least once: env:VAR=token, env:VAR=header, env:VAR=url or file:VAR")
			}
			return a.exec(cmd.Context(), args[:dash], as, args[dash:])
		},
	}
	cmd.Flags().StringArrayVar(&as, "as", nil, "`how` the command gets a credential; may be given several times")
	return cmd
}

// handing is one --as.
type handing struct {
	variable string
	what     string // "token", "header", "url" or "file"
	session  string // empty: the only one
}

// parseHanding reads one --as.
func parseHanding(text string) (h handing, err error) {
	form, rest, _ := strings.Cut(text, ":")
	switch form {
	case "env":
		var what string
		if h.variable, what, _ = strings.Cut(rest, "="); what == "" {
			return h, wrong("--as %q: want env:VAR=token, env:VAR=header or env:VAR=url", text)
		}
		h.what, h.session, _ = strings.Cut(what, ":")
	case "file":
		h.variable, h.session, _ = strings.Cut(rest, ":")
		h.what = "file"
	default:
		return h, wrong("--as %q: want env:… or file:…", text)
	}
	if h.what != "token" && h.what != "header" && h.what != "url" && h.what != "file" {
		return h, wrong("--as %q: %q is none of token, header and url", text, h.what)
	}
	if h.variable == "" || strings.ContainsAny(h.variable, "=\x00 ") {
		return h, wrong("--as %q: it names no variable", text)
	}
	return h, nil
}

func (a *app) exec(ctx context.Context, names, as, command []string) error {
	var handings []handing
	for _, text := range as {
		h, err := parseHanding(text)
		if err != nil {
			return err
		}
		handings = append(handings, h)
	}
	var cleanup tidy
	defer cleanup.run()
	environ, err := a.prepareChild(ctx, names, handings, &cleanup)
	if err == nil {
		err = a.runChild(ctx, command, environ)
	}
	var done status
	if err == nil || errors.As(err, &done) {
		return err
	}
	a.report(ctx, err)
	return status(execFailed)
}

// tidy is what has to be done after the command.
type tidy struct{ jobs []func() }

func (t *tidy) add(job func()) { t.jobs = append(t.jobs, job) }

func (t *tidy) run() {
	for _, job := range t.jobs {
		job()
	}
}

// prepareChild returns the variables of the command.
func (a *app) prepareChild(
	ctx context.Context, names []string, handings []handing, cleanup *tidy,
) ([]string, error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	if names, err = chooseNames(cfg, names); err != nil {
		return nil, err
	}
	credentials := map[string]core.Credential{}
	for _, name := range names {
		s, err := findSession(cfg, name)
		if err != nil {
			return nil, err
		}
		c, err := a.obtain(ctx, s, need{minimum: defaultMinimum})
		if err != nil {
			return nil, err
		}
		credentials[name] = c
		cleanup.add(func() { _ = s.Close(context.WithoutCancel(ctx)) })
	}
	environ := os.Environ()
	for _, h := range handings {
		value, err := h.value(cfg, names, credentials, cleanup)
		if err != nil {
			return nil, err
		}
		environ = append(environ, h.variable+"="+value)
	}
	return environ, nil
}

// value returns what the variable of a handing has.
func (h handing) value(
	cfg *config.Config, names []string, credentials map[string]core.Credential, cleanup *tidy,
) (string, error) {
	name := h.session
	if name == "" && len(names) == 1 {
		name = names[0]
	}
	c, ok := credentials[name]
	switch {
	case name == "":
		return "", wrong("--as for %s: there are several sessions, so add :NAME", h.variable)
	case !ok:
		return "", wrong("--as for %s: %q is not among the names%s", h.variable, name, core.DidYouMean(name, names))
	case h.what == "url":
		return address(cfg, name)
	}
	if h.what == "header" {
		return oneHeader(name, c)
	}
	token, err := bearer(name, c)
	if err != nil || h.what == "token" {
		return token.Reveal(), err
	}
	return tokenFile(token, cleanup)
}

// address returns the address of the API of a session.
func address(cfg *config.Config, name string) (string, error) {
	s, err := findSession(cfg, name)
	if err != nil {
		return "", err
	}
	st := s.Status()
	if base := st.Attributes["base_url"]; base != "" {
		return base, nil
	}
	if len(st.Origins) == 1 {
		return st.Origins[0], nil
	}
	return "", then(core.Errorf(core.BadConfig, "session %q has no base_url, and not one origin but %d",
		name, len(st.Origins)), "config", "explain", name)
}

func oneHeader(name string, c core.Credential) (string, error) {
	if err := headersOnly(name, c); err != nil {
		return "", err
	}
	if len(c.Attach.Header) != 1 {
		return "", notBearer(name, "has "+headerNames(c))
	}
	for header, value := range c.Attach.Header {
		return fmt.Sprintf("%s: %s", header, value.Reveal()), nil
	}
	return "", nil
}

// tokenFile writes a token to a file of its own, for this user alone.
func tokenFile(token core.Secret, cleanup *tidy) (string, error) {
	dir, err := os.MkdirTemp("", "authsession-exec-")
	if err != nil {
		return "", err
	}
	cleanup.add(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "token")
	return path, os.WriteFile(path, []byte(token.Reveal()), 0o600)
}

// runChild runs a command until it ends, whatever signals come.
func (a *app) runChild(ctx context.Context, command, environ []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		a.report(ctx, &failure{kind: failed, err: err, next: []string{}})
		if errors.Is(err, os.ErrPermission) {
			return status(execCannot)
		}
		return status(execNotFound)
	}
	cmd := &exec.Cmd{
		Path: path, Args: command, Env: environ,
		Stdin: a.stdin, Stdout: a.stdout, Stderr: a.stderr,
	}
	signals := passSignals(cmd)
	defer signals.stop()
	if err := cmd.Start(); err != nil {
		a.report(ctx, &failure{kind: failed, err: err, next: []string{}})
		return status(execCannot)
	}
	signals.started()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return status(exitStatus(exit))
	}
	return err
}
