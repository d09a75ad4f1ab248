package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
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
file. The credential is valid for a minute at least, and is not renewed while the command
runs.

The command has the terminal, stdin and signals as without exec, and exec has its exit
status: 128 and the number of the signal if one ended it. The status is 125 if exec
itself fails (a message says why), 126 if the command cannot be run, 127 if it is not
found, and 130 or 143 if Ctrl-C or TERM ends exec before the command starts.

Signals that are sent to exec go to the command, except INT and QUIT in the foreground of a
terminal: there, Ctrl-C reaches both of them at once.`,
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
	cmd.Flags().StringArrayVar(&as, "as", nil,
		"`how` the command gets a credential; may be given several times")
	return cmd
}

func (a *app) exec(ctx context.Context, names, as, command []string) error {
	var assignments []assignment
	for _, text := range as {
		h, err := parseAssignment(text)
		if err != nil {
			return err
		}
		assignments = append(assignments, h)
	}
	var cleanup tidy
	defer cleanup.run()
	environ, err := a.prepareChild(ctx, names, assignments, &cleanup)
	if err == nil {
		err = a.runChild(ctx, command, environ)
	}
	var done status
	if err == nil || errors.As(err, &done) {
		return err
	}
	code := a.report(ctx, err)
	if interrupted(ctx) != nil {
		return status(code)
	}
	return status(execFailed)
}

// tidy is what has to be done after the command.
type tidy struct{ jobs []func() }

func (t *tidy) add(job func()) { t.jobs = append(t.jobs, job) }

// run begins with the last job: files of this machine go before a server is waited for.
func (t *tidy) run() {
	for _, job := range slices.Backward(t.jobs) {
		job()
	}
}

// prepareChild returns the variables of the command.
func (a *app) prepareChild(
	ctx context.Context, names []string, assignments []assignment, cleanup *tidy,
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
		cleanup.add(func() { a.end(ctx, s) })
	}
	environ := os.Environ()
	for _, h := range assignments {
		value, err := h.value(cfg, names, credentials, cleanup)
		if err != nil {
			return nil, err
		}
		environ = append(environ, h.variable+"="+value)
	}
	return environ, nil
}

// runChild runs a command until it ends, whatever signals come.
func (a *app) runChild(ctx context.Context, command, environ []string) error {
	path, err := exec.LookPath(command[0])
	if err != nil {
		a.report(ctx, &failure{kind: failed, err: err, next: []string{}})
		if errors.Is(err, exec.ErrNotFound) || errors.Is(err, os.ErrNotExist) {
			return status(execNotFound)
		}
		return status(execCannot)
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
