// Read on in programs.go.

package core

import "context"

// Close ends the session: it stops an Init or a renewal that is under way,
// revokes the credential if the provider can, drops it, and closes the session's own
// idle connections. A credential in Options.Store stays there and is not revoked;
// [Session.SignOut] revokes and deletes it. Close waits for a renewal that may have
// spent the stored refresh token, and saves the result.
//
// Close returns when ctx ends. It waits at most Options.Timeout for what is under way,
// and then at most Options.Timeout for each call into the provider and the store. It
// returns the error of revoking or saving; the session is closed in any case. Close is
// idempotent. Afterwards use is [CodeClosed] until the next Init.
func (s *Session) Close(ctx context.Context) error { return s.end(ctx, closeForNow) }

// SignOut ends the session for good: besides what Close does, it revokes the
// credential if the provider can, and deletes it from Options.Store, also if
// this process has not used it yet. Other processes go on with what they have
// in memory. It returns by the end of ctx and the errors of revoking and
// deleting, joined; the session is closed all the same. Without a Store it is
// Close.
func (s *Session) SignOut(ctx context.Context) error { return s.end(ctx, closeForGood) }

// end closes the session.
func (s *Session) end(ctx context.Context, how closeMode) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "")
	}
	var c closing
	var u *setup
	for {
		s.mu.Lock()
		u = s.config()
		c = s.machine.close(u, how)
		if !c.wait && !c.nothing {
			s.extras().closing = make(chan struct{})
			s.apply(u, c.effects)
		}
		s.mu.Unlock()
		if c.nothing {
			return nil
		}
		if !c.wait {
			break
		}
		if err := s.awaitClosing(ctx); err != nil || how != closeForGood {
			return u.annotate(err, "")
		}
	}
	s.awaitLast(ctx, u, c.last)
	err := u.releaseAtEnd(ctx, c.release, how)
	s.sendingParts().transports.end()
	s.mu.Lock()
	s.apply(u, s.machine.closed(c.again))
	close(s.extra.closing)
	s.extra.closing = nil
	s.mu.Unlock()
	s.reportSoon()
	return err
}

// awaitLast waits until nothing is left of the last attempt, but not for a
// person, and not beyond the limit of the attempt.
func (s *Session) awaitLast(ctx context.Context, u *setup, last *attempt) {
	if last == nil {
		return
	}
	limit := u.opts.timeout()
	s.mu.Lock()
	switch last.phase {
	case signing:
		limit = grace
	case spending, saving:
		limit += grace
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_ = await(ctx, last.back)
}

// releaseAtEnd releases the credential of a session that is closed.
func (u *setup) releaseAtEnd(ctx context.Context, c *credential, how closeMode) error {
	if how != closeForGood && c != nil {
		u = c.setup // its store has it
	}
	return u.source().release(ctx, c, how)
}

// Reconfigure exchanges the provider and the options, as a configuration does
// when it is loaded again. A ready session stays ready: its old credential is
// served, bound to its old origins, until the new provider's first one takes
// its place. Nobody is asked to sign in before somebody uses the session.
func (s *Session) Reconfigure(p Provider, opts *Options) {
	s.mu.Lock()
	u := newSetup(s.Name(), p, opts)
	s.setup.Store(u)
	fx := s.machine.reconfigure(present(), u.policy())
	if l := s.machine.current; l != nil {
		l.until.Store(0) // callers look again, and see that the setup is another
	}
	s.apply(u, fx)
	originsEpoch.Add(1)
	s.mu.Unlock()
	s.reportSoon()
	if c := fx.release; c != nil {
		go func() {
			if err := c.setup.source().release(context.Background(), c, closeForNow); err != nil {
				c.setup.warn("session could not release a credential that it does not use", err)
			}
		}()
	}
	s.begin(context.Background(), fx)
}
