// The terminal that a command may use while a person signs in.
//
// Read on in terminal_unix.go.

package exec

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
)

// interactiveProvider is the provider of a command that may ask a person.
type interactiveProvider struct{ *provider }

// terminalInUse is locked while a command uses the terminal, of which a process has one.
var terminalInUse = ctxmutex.New()

// SignIn implements [core.InteractiveProvider]: it runs the command in this process's terminal,
// where the command may ask the person. It takes as long as ctx, which has the limit of a sign-in.
func (p *interactiveProvider) SignIn(
	ctx context.Context, req core.Request, ui core.UI,
) (core.Credential, error) {
	if err := terminalInUse.Lock(ctx); err != nil {
		return core.Credential{}, core.Errorf(core.CodeInteractive,
			"another command uses the terminal: %w", context.Cause(ctx))
	}
	defer terminalInUse.Unlock()
	at, err := openTerminal()
	if err != nil {
		return core.Credential{}, core.Errorf(core.CodeInteractive,
			"the program %q may ask a person, and %w: run it by hand", p.cfg.Command, err)
	}
	defer at.close()
	if ui.Show != nil {
		if err := ui.Show(ctx, fmt.Sprintf("The program %q may ask you here.", p.cfg.Command)); err != nil {
			return core.Credential{}, err
		}
	}
	return p.obtain(ctx, req, at)
}

// terminal is the terminal of this process.
type terminal struct {
	in, out *os.File
	state   *term.State // how the terminal was; nil: unknown
}

func newTerminal(in, out *os.File) *terminal {
	at := &terminal{in: in, out: out}
	at.state, _ = term.GetState(int(in.Fd()))
	return at
}

// restore sets the terminal to how it was: a command that was killed may have turned the echo off.
func (t *terminal) restore() {
	if t.state != nil {
		_ = term.Restore(int(t.in.Fd()), t.state)
	}
}
