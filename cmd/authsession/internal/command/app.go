// Package command is the authsession command: its subcommands, and how they read
// their configuration, wait, print and fail. The programs of this module call
// [Main].
//
// The order to read in: app.go, root.go, files.go, load.go, credential.go,
// fail.go, and then one file for each subcommand.
package command

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/registry/config"
)

// Host runs plugins, as *plugins.Host does.
type Host interface {
	config.Plugins
	Close(ctx context.Context) error
}

// app is one run of the command.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	host           Host // nil: this program has no plugins
	flags          globals
	running        bool // the arguments were understood
	origin         origin
	elsewhere      elsewhere
	command        []string // the path of the command that ran, without the program
}

// globals are the flags that every command has.
type globals struct {
	config      []string
	environment string
	output      string
	color       string
	noInput     bool
	quiet       bool
	verbose     bool
	timeout     time.Duration
}

// Main runs the command with the arguments of the process and returns its exit
// status. newHost makes what runs the plugins that a configuration names; it is
// called once. Nil: this program has no plugins, and runs the one that has, which
// is called authsession-plugins, if a configuration names any.
func Main(newHost func(*slog.Logger) Host) int {
	a := &app{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	ctx, stop := interruptible()
	defer stop()
	if newHost != nil {
		a.host = newHost(slog.New(lateHandler{a}))
		defer func() { _ = a.host.Close(context.WithoutCancel(ctx)) }()
	}
	cmd, err := a.root().ExecuteContextC(ctx)
	a.command = strings.Fields(cmd.CommandPath())[1:]
	return a.report(ctx, err)
}

// Tree returns the tree of commands, for the pages that describe it.
func Tree() *cobra.Command {
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}
	return a.root()
}

// errSignal is the cause of the context of a command that a signal ended.
type errSignal struct{ signal os.Signal }

func (e errSignal) Error() string { return "ended by a signal: " + e.signal.String() }

// interruptible returns a context that ends, with an errSignal as its cause, when
// somebody types Ctrl-C or ends the process.
func interruptible() (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		if s, ok := <-signals; ok {
			signal.Stop(signals) // a second one ends the process at once
			cancel(errSignal{s})
		}
	}()
	return ctx, func() { signal.Stop(signals); cancel(nil) }
}

// interrupted returns the signal that ended ctx, or nil.
func interrupted(ctx context.Context) os.Signal {
	var e errSignal
	if errors.As(context.Cause(ctx), &e) {
		return e.signal
	}
	return nil
}

// logger logs to the person if -v was given, unless stderr is for an error as JSON.
func (a *app) logger() *slog.Logger {
	if !a.flags.verbose || a.json() {
		return nil
	}
	opts := &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: withoutTime}
	return slog.New(slog.NewTextHandler(a.stderr, opts))
}

func withoutTime(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return attr
}

// lateHandler is a logger that is made before the flags are known.
type lateHandler struct{ app *app }

func (h lateHandler) Enabled(context.Context, slog.Level) bool { return h.app.flags.verbose }

func (h lateHandler) Handle(ctx context.Context, r slog.Record) error {
	if l := h.app.logger(); l != nil {
		return l.Handler().Handle(ctx, r)
	}
	return nil
}

func (h lateHandler) WithAttrs([]slog.Attr) slog.Handler { return h }
func (h lateHandler) WithGroup(string) slog.Handler      { return h }
