// How a command may ask a person. This is the last file.

package exec

import (
	"context"
	"fmt"

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
		err := ui.Show(ctx, fmt.Sprintf("The program %q may ask you here.", p.cfg.Command))
		if err != nil {
			return core.Credential{}, err
		}
	}
	return p.obtain(ctx, req, at)
}
