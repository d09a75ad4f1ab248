package command

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/terminal"
)

// Exit statuses. Those from 64 to 78 are of sysexits.h.
const (
	exitOther       = 1
	exitUsage       = 64
	exitNotReady    = 69 // EX_UNAVAILABLE: the session is not initialised, or closed
	exitUnavailable = 75 // EX_TEMPFAIL
	exitDenied      = 77 // EX_NOPERM
	exitBadConfig   = 78 // EX_CONFIG
	exitInteractive = 80 // a person must sign in
	exitSignal      = 128
)

// kind is a kind of failure: its name in JSON and its exit status.
type kind struct {
	name   string
	status int
}

var (
	failed      = kind{"failed", exitOther}
	usage       = kind{"usage", exitUsage}
	interruptKd = kind{"interrupted", exitSignal + int(syscall.SIGINT)}
)

// kinds are those of the codes of core.
var kinds = map[core.Code]kind{
	core.CodeBadConfig:      {"bad_config", exitBadConfig},
	core.CodeUnavailable:    {"unavailable", exitUnavailable},
	core.CodeDenied:         {"denied", exitDenied},
	core.CodeInteractive:    {"interactive", exitInteractive},
	core.CodeNotInitialized: {"not_initialized", exitNotReady},
	core.CodeClosed:         {"closed", exitNotReady},
	core.CodeOriginRefused:  {"origin_refused", exitDenied},
}

// failure is an error with what to do next.
type failure struct {
	kind kind // zero: that of err
	err  error
	next []string // arguments of the next command; nil: that of kind; empty: none
	// session is that of the error, if err does not say it itself.
	session string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// wrong returns an error of the usage of the command.
func wrong(format string, args ...any) error {
	return &failure{kind: usage, err: fmt.Errorf(format, args...)}
}

// then returns err with the next command.
func then(err error, next ...string) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, next: next}
}

// thenOf is then for an error of a session.
func thenOf(session string, err error, next ...string) error {
	if err == nil {
		return nil
	}
	return &failure{err: err, next: next, session: session}
}

// status is an exit status whose reason has been printed already.
type status int

func (s status) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// kindOf returns what kind of failure err is.
func (a *app) kindOf(ctx context.Context, err error) kind {
	if s := interrupted(ctx); s != nil {
		k := interruptKd
		if n, ok := s.(syscall.Signal); ok {
			k.status = exitSignal + int(n)
		}
		return k
	}
	if errors.Is(err, terminal.ErrInterrupted) { // Ctrl-C while an answer was hidden
		return interruptKd
	}
	var f *failure
	if errors.As(err, &f) && f.kind.name != "" {
		return f.kind
	}
	var e *core.Error
	var code core.Code
	if errors.As(err, &e) || errors.As(err, &code) {
		if k, ok := kinds[core.CodeOf(err)]; ok {
			return k
		}
	}
	if !a.running {
		return usage
	}
	return failed
}

// next returns the arguments of the command that helps with an error.
func (a *app) next(k kind, err error) []string {
	var f *failure
	if errors.As(err, &f) && f.next != nil {
		return f.next
	}
	var e *core.Error
	session := ""
	if errors.As(err, &e) {
		session = e.Session
	}
	var faults *config.Error
	switch {
	case errors.As(err, &faults):
		return a.nextOfFaults()
	case k == usage:
		return append([]string{"help"}, a.command...)
	case session == "":
		return nil
	case k == kinds[core.CodeInteractive]:
		return []string{"login", session}
	case k == kinds[core.CodeUnavailable]:
		return []string{"status", "--check", session}
	case k == kinds[core.CodeOriginRefused]:
		return []string{"config", "explain", session, "origins"}
	case k == kinds[core.CodeDenied], k == kinds[core.CodeBadConfig]:
		return []string{"config", "explain", session}
	}
	return nil
}

// nextOfFaults returns the arguments of the command that says more of faults: config check, unless
// that has none, as it resolves no reference.
func (a *app) nextOfFaults() []string {
	opts, err := a.options()
	if err == nil && config.Check(context.Background(), opts) == nil {
		return nil
	}
	return []string{"config", "check"}
}

// nextCommand returns the command that helps with an error, or "".
func (a *app) nextCommand(k kind, err error) string {
	if args := a.next(k, err); len(args) > 0 && k.name != interruptKd.name {
		return printable(a.commandLine(args))
	}
	return ""
}
