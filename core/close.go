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
func (s *Session) Close(ctx context.Context) error { return s.closeAs(ctx, closeForNow) }

// SignOut ends the session for good: in addition to what Close does, it revokes
// the credential if the provider can, and deletes it from Options.Store, also if
// this process has not used it yet. Other processes continue with what they have
// in memory. SignOut returns by the end of ctx; its error joins those of revoking
// and deleting, and the session is closed in any case. Without a Store it is Close.
func (s *Session) SignOut(ctx context.Context) error { return s.closeAs(ctx, closeForGood) }

// closeAs closes the session. The state changes first, under the lock, so that
// nothing is served from then on; the network calls follow without the lock. A
// second Close waits for the first one and returns. A SignOut that finds a Close
// begins after it, because it has more to do.
func (s *Session) closeAs(ctx context.Context, how closeMode) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "")
	}
	var c closeSteps
	var cfg *setup
	for {
		s.mu.Lock()
		cfg = s.config()
		c = s.machine.close(cfg, how)
		if !c.otherClose && !c.noop {
			s.rareState().closeDone = make(chan struct{})
			s.applyEffects(cfg, c.effects)
		}
		s.mu.Unlock()
		if c.noop {
			return nil
		}
		if !c.otherClose {
			break
		}
		if err := s.awaitClosing(ctx); err != nil || how != closeForGood {
			return cfg.annotate(err, "")
		}
	}
	// What the attempt still obtains has to be revoked or saved before Close
	// returns: programs end then.
	s.awaitLastAttempt(ctx, cfg, c.awaitAttempt)
	err := cfg.releaseOnClose(ctx, c.release, how)
	s.sendingParts().transports.close()
	s.mu.Lock()
	s.applyEffects(cfg, s.machine.finishClose(c.wasClosed))
	close(s.rare.closeDone)
	s.rare.closeDone = nil
	s.mu.Unlock()
	s.deliverEventsSoon()
	return err
}

// awaitLastAttempt waits until the last attempt has finished. An attempt that may
// have spent the stored refresh state is given its whole time, and a little more
// to save what it got. An attempt in which a person signs in is not waited for:
// that takes minutes, and what it obtains later is released.
func (s *Session) awaitLastAttempt(ctx context.Context, cfg *setup, last *attempt) {
	if last == nil {
		return
	}
	limit := cfg.opts.timeout()
	s.mu.Lock()
	// The phase is the machine's, so that it is read under the lock.
	switch last.phase {
	case phaseSigningIn:
		limit = grace
	case phaseSpending, phaseSaving:
		limit += grace
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	_ = await(ctx, last.finished)
}

// releaseOnClose releases the credential of a session that is closed. For a
// SignOut that is done with the present store, whose record is deleted. Otherwise
// it is the store of the setup that the credential is from.
func (cfg *setup) releaseOnClose(ctx context.Context, c *credential, how closeMode) error {
	if how != closeForGood && c != nil {
		cfg = c.setup // its store has it
	}
	return cfg.source().release(ctx, c, how)
}

// Reconfigure replaces the provider and the options, for a configuration that was
// loaded again. A ready session stays ready: its old credential is served, only to
// its old origins, until the new provider's first one replaces it. A person is not
// asked to sign in before a caller uses the session.
func (s *Session) Reconfigure(p Provider, opts *Options) {
	s.mu.Lock()
	cfg := newSetup(s.Name(), p, opts)
	s.setup.Store(cfg)
	fx := s.machine.reconfigure(readClocks(), cfg.policy())
	if current := s.machine.current; current != nil {
		// Callers look at the machine again, and see that the setup is another
		// one.
		current.recheckAt.Store(0)
	}
	s.applyEffects(cfg, fx)
	originsEpoch.Add(1)
	s.mu.Unlock()
	s.deliverEventsSoon()
	if c := fx.release; c != nil {
		go func() {
			if err := c.setup.source().release(context.Background(), c, closeForNow); err != nil {
				c.setup.warn("session could not release a credential that it does not use", err)
			}
		}()
	}
	s.callBegin(context.Background(), fx)
}
