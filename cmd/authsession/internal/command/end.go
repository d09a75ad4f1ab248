package command

import (
	"context"
	"fmt"

	"github.com/authsession/authsession/core"
)

// end closes a session whose use is over: one that no store keeps is revoked. The outcome of
// the command does not depend on it. The person is told what the wait is for, and ends it
// with Ctrl-C: after an earlier one, which ended ctx, the next ends the process.
func (a *app) end(ctx context.Context, s *core.Session) {
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, a.flags.timeout)
	defer cancel()
	waiting := a.notice(fmt.Sprintf("session %q to end", s.Name()), a.flags.timeout)
	defer waiting.stop()
	_ = s.Close(ctx)
}
