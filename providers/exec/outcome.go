// How a run of the command ended, and the error of that.
//
// Read on in run.go.

package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"strings"

	"github.com/authsession/authsession/core"
)

// outcome is how a run of the program ended, and what it has printed.
type outcome struct {
	stdout *limitedBuffer
	stderr *lines
	status int  // its exit status; -1: a signal ended it
	failed bool // whether status is not 0
	// unknownStatus says that another part of this process, such as one that collects all children as
	// PID 1 does, has collected the program before. What it has printed is whole.
	unknownStatus bool
}

// finish writes what the program wrote to its standard error where the settings want it, and
// returns the error of the run: err, with what that text adds. It is nil if err is.
func (c *Config) finish(
	ctx context.Context, ran *outcome, req core.Request, at *terminal, err error,
) error {
	said := ran.stderr.all()
	var shown []string
	if c.Stderr == StderrLog {
		shown = readable(said, c.secrets(ran.stdout.buf.Bytes(), req.Previous))
		report(ctx, c.Command, shown, ran.stderr.omitted, err)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	return c.explain(err, ran, said, shown, at)
}

// explain returns the error of a run with what the program's standard error tells about it. said is
// that text, and shown what may be shown of it.
func (c *Config) explain(err error, ran *outcome, said, shown []string, at *terminal) error {
	code, hint := core.CodeOf(err), ""
	// A status that has no meaning of its own, or no output, may be due to a missing terminal.
	unclear := code == core.CodeUnavailable &&
		(ran.status > 0 && ran.status != exTempFail || errors.Is(err, errNothing))
	switch {
	case at != nil || !unclear:
	case c.Interactive:
		code = core.CodeInteractive // the next run may ask
	case lacksTerminal(said):
		code, hint = core.CodeInteractive, "; it asks a person at a terminal, and has none: set "+
			"interactive: true, or run it by hand"
	case string(bytes.TrimSpace(ran.stdout.buf.Bytes())) == dockerNotFound:
		hint = "; it has no credential for what input names"
	}
	switch {
	case len(shown) > 0:
		hint += "; it says: " + strings.Join(shown[max(0, len(shown)-errorLines):], " / ")
	case ran.stderr.wrote && (ran.failed || errors.Is(err, errNothing)) && c.Stderr != StderrLog:
		hint = "; what it wrote to its standard error is not shown, set stderr to log or run it by " +
			"hand to see it" + hint
	}
	if hint == "" && code == core.CodeOf(err) {
		return err
	}
	return core.Errorf(code, "%w%s", core.Cause(err), hint)
}

// The exit statuses that have a code of their own: those of sysexits.h, and that of the
// authsession command for a person who must sign in.
const (
	exUsage    = 64
	exTempFail = 75
	exNoPerm   = 77
	exConfig   = 78
	exSignIn   = 80

	exCannotRun = 126 // those of shells
	exNotFound  = 127
)

// dockerNotFound is what docker credential helpers print, with status 1, if they have nothing.
const dockerNotFound = "credentials not found in native keychain"

// exitError returns the error of a program that failed. path is where it is.
func (c *Config) exitError(ctx context.Context, path string, err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return core.Errorf(core.CodeUnavailable, "the output of the program %q cannot be read: %w",
			c.Command, err)
	}
	status, code := exit.ExitCode(), core.CodeUnavailable
	switch status {
	case -1:
		return core.Errorf(core.CodeUnavailable, "the program %q was ended by a signal: %s", c.Command,
			strings.TrimPrefix(exit.String(), "signal: "))
	case exNotFound:
		return core.Errorf(code, "the program %q ended with status 127, with which shells and env say "+
			"that they have not found a program%s", c.Command, carriageReturn(firstLine(ctx, path)))
	case exCannotRun:
		return core.Errorf(code, "the program %q ended with status 126, with which shells and env say "+
			"that they cannot execute a program", c.Command)
	case exUsage, exConfig:
		code = core.CodeBadConfig
	case exNoPerm:
		code = core.CodeDenied
	case exSignIn:
		code = core.CodeInteractive
	}
	return core.Errorf(code, "the program %q ended with status %d", c.Command, status)
}

// limitedBuffer stores what is written. It calls exceeded if that is more than its limit.
type limitedBuffer struct {
	buf       bytes.Buffer
	remaining int // bytes; negative: the limit was exceeded
	exceeded  func()
}

// Write implements [io.Writer].
func (c *limitedBuffer) Write(p []byte) (int, error) {
	if c.remaining -= len(p); c.remaining < 0 {
		c.exceeded()
		return 0, io.ErrShortWrite
	}
	return c.buf.Write(p)
}
