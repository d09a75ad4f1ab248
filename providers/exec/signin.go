// How a command may ask a person. This is the last file.

package exec

import (
	"context"
	"fmt"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
)

// interactiveProvider is the provider of a command that may ask a person.
type interactiveProvider struct{ *provider }

// Authenticate runs the command without the terminal. A command that does not end may wait for a
// person: then it is ended a little before ctx, so that there is time to begin a sign-in.
func (p *interactiveProvider) Authenticate(
	ctx context.Context, req core.Request,
) (core.Credential, error) {
	limited, cancel := ctx, func() {}
	if deadline, ok := ctx.Deadline(); ok {
		left := time.Until(deadline)
		limited, cancel = context.WithTimeout(ctx, left-min(left/5, time.Second))
	}
	defer cancel()
	cred, err := p.provider.Authenticate(limited, req)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		err = core.Errorf(core.CodeInteractive,
			"the program %q did not end in time, and may wait for a person", p.cfg.Command)
	}
	return cred, err
}

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
		err := ui.Show(ctx, fmt.Sprintf("The program %q may ask you here.", p.cfg.Command))
		if err != nil {
			return core.Credential{}, err
		}
	}
	return p.obtain(ctx, req, at)
}
