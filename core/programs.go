// Read on in status.go.

package core

import (
	"context"
	"errors"
	"time"
)

// This file has what programs need that do more than use a session: commands,
// helpers that end at once, and brokers.

// Restore makes the session ready with what Options.Store has. It asks neither the
// provider nor a person. It reports whether the session is ready. A session that
// was ready stays as it is. Without a credential that can be used, or without a
// store, it returns false and no error, and the session stays as it was. The error
// is that of the store.
func (s *Session) Restore(ctx context.Context) (bool, error) {
	if ctx == nil {
		return false, s.config().annotate(errNoContext, "restore")
	}
	var epoch *uint32
	waited := false // for an attempt: the next one began after this call
	for {
		// No audience: a restoration asks neither the provider nor a person.
		by := caller{contextEnded: ctx.Err() != nil}
		v := s.decide(ctx, func(at moment, p policy) verdict {
			restore := func() verdict { return s.machine.restore(at, p, by) }
			return s.machine.unlessClosedSince(epoch, restore)
		})
		if !v.awaitClose {
			epoch = &v.epoch
		}
		_, done, err := s.followVerdict(ctx, v, by)
		if done && (v.wait == nil || ctx.Err() != nil) {
			return err == nil, s.config().annotate(err, "restore")
		}
		if over, err := v.wait.restoresNothing(v.start != nil || waited); over {
			return false, err
		}
		waited = waited || v.wait != nil
	}
}

// restoresNothing reports whether a settled attempt is a restoration without a
// credential, and returns the error of the store. Only a recent attempt, which
// began after its caller called Restore, says what the store has now, and one that
// was superseded says nothing. a may be nil.
func (a *attempt) restoresNothing(recent bool) (bool, error) {
	switch {
	case a == nil || !recent:
		return false, nil
	case a.purpose != purposeRestore || a.err == nil || errors.Is(a.err, errSuperseded):
		return false, nil
	case isNotStored(a.err):
		return true, nil
	}
	return true, a.err
}

// Renew obtains a new credential although the current one may be fresh. The
// current one stays in use until it is replaced, and if Renew fails. If an attempt
// is under way, Renew waits for that one and starts none. During the wait after a
// failure, Renew returns the error of that failure from memory. Errors are those
// of Credential; before Init it is [CodeNotInitialized].
func (s *Session) Renew(ctx context.Context) error { return s.renew(ctx, nil) }

// renew is Renew, unless another credential than old is in use by then; a nil old
// means that any is to be renewed.
func (s *Session) renew(ctx context.Context, old *credential) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "renew")
	}
	by := caller{audience: s.audience(ctx)}
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict {
			if c := s.machine.current; old != nil && c != nil && c != old {
				return verdict{serve: c}
			}
			return s.machine.renew(at, p, by)
		})
		_, done, err := s.followVerdict(ctx, v, by)
		if done || v.wait != nil && v.wait.lastSuccessor().err == nil {
			return s.config().annotate(err, "renew")
		}
	}
}

// SignInOptions configure [Session.SignIn]. Nil and zero are good.
type SignInOptions struct {
	// UI is how to ask the person. Nil: Options.UI.
	UI *UI
	// Fresh asks the person even if the session has a credential, or can obtain one
	// without them. False: the person is asked only if that is necessary.
	Fresh bool
}

// SignIn makes the session ready, and may ask a person for that, also with
// Options.AskOnlyOnSignIn, which prevents everything else from doing so. A
// credential that the session has stays in use until it is replaced, and if
// SignIn fails. Without a UI the error is [CodeBadConfig]; other errors are those
// of Init, and [CodeInteractive] if the provider has no sign-in.
func (s *Session) SignIn(ctx context.Context, opts *SignInOptions) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "sign in")
	}
	var o SignInOptions
	if opts != nil {
		o = *opts
	}
	if o.UI == nil && s.config().opts.UI == nil {
		err := Errorf(CodeBadConfig,
			"nobody can be asked: neither SignInOptions.UI nor Options.UI is set")
		return s.config().annotate(err, "sign in")
	}
	by := caller{audience: person}
	var epoch *uint32
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decideSignIn(ctx, by, &o, epoch)
		if !v.awaitClose {
			epoch = &v.epoch
		}
		_, done, err := s.followVerdict(ctx, v, by)
		// The outcome of an attempt that another caller started is not that of
		// SignIn.
		joinedOther := o.Fresh && v.wait != nil && v.start == nil && ctx.Err() == nil
		if done && !joinedOther {
			return s.config().annotate(err, "sign in")
		}
		// The person has signed in, so that the next round only has to serve the
		// result.
		if v.start != nil && v.wait.lastSuccessor().err == nil {
			o.Fresh = false
		}
	}
}

// decideSignIn is decide for a SignIn. The attempt gets the UI under the lock,
// before its goroutine can ask for it.
func (s *Session) decideSignIn(
	ctx context.Context, by caller, o *SignInOptions, epoch *uint32,
) verdict {
	return s.decide(ctx, func(at moment, p policy) (v verdict) {
		if o.Fresh {
			signIn := func() verdict { return s.machine.signIn(at, p, by) }
			v = s.machine.unlessClosedSince(epoch, signIn)
		} else {
			v = s.machine.init(at, p, by, false, epoch)
		}
		if v.start != nil {
			v.start.ui = o.UI
		}
		return v
	})
}

// RejectStored tells the session that the API refused a secret, which a program
// that has ended since, or another one, was given: a token, a password or a
// cookie. If it is what Options.Store holds, the record is marked, so that no
// session takes it again without asking the issuer, and if it is what this
// session uses, it is dropped. Unlike [Session.Reject], RejectStored renews
// nothing: a program that reports a secret may end at once, and a renewal that it
// leaves unfinished would lose the refresh token. The next caller that wants a
// credential, here or in another process, starts the renewal. RejectStored reports
// whether the store holds the secret. Without a store the error is [CodeBadConfig];
// others are the store's.
func (s *Session) RejectStored(ctx context.Context, secret Secret) (bool, error) {
	cfg := s.config()
	if ctx == nil {
		return false, cfg.annotate(errNoContext, "reject")
	}
	src, ok := cfg.source().(stored)
	if !ok {
		err := Errorf(CodeBadConfig, "the session has no Options.Store")
		return false, cfg.annotate(err, "reject")
	}
	marked, err := src.rejectSecret(ctx, secret)
	if c := s.published.Load(); c != nil && newRecord(c.cred).containsSecret(secret) {
		s.mu.Lock()
		// The credential in memory is dropped, but no renewal starts.
		fx, _ := s.machine.dropRefused(readClocks(), cfg.policy(), c, apiRefusal{invalid: true})
		s.applyEffects(c.setup, fx)
		s.mu.Unlock()
		s.deliverEventsSoon()
	}
	if marked {
		s.dropParked(secret)
	}
	return marked, cfg.annotate(err, "reject")
}

// dropParked drops a credential that no Init has taken yet if it contains a secret
// that the API refused. The store has the credential's refresh state.
func (s *Session) dropParked(secret Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.machine.parked; c != nil && newRecord(c.cred).containsSecret(secret) {
		s.machine.parked = nil
	}
}

// StoredCredential says what Options.Store has for a session. It holds no secret.
type StoredCredential struct {
	Subject string    // as [Credential].Subject
	Expiry  time.Time // zero: it does not expire
	// Refused says that the API refused it, so that the next attempt asks the issuer
	// before it is used again.
	Refused bool
	// Renewable says whether the next credential can probably be had without a person:
	// there is a refresh state, or nobody signed in for this one.
	Renewable bool
}

// Stored says what Options.Store has for the session, also if it has expired, so that
// [Session.Restore] would not take it. It asks nobody, and the session stays as it is.
// It returns nil if nothing is stored or if there is no store. The errors are those of
// the store, and [CodeBadConfig] for what belongs to another session or was saved by a
// later version.
func (s *Session) Stored(ctx context.Context) (*StoredCredential, error) {
	cfg := s.config()
	if ctx == nil {
		return nil, cfg.annotate(errNoContext, "restore")
	}
	src, ok := cfg.source().(stored)
	if !ok {
		return nil, nil
	}
	limit := cfg.opts.timeout()
	rec, err := src.readRecord(ctx, limit, src.key())
	if rec == nil && err == nil && src.formerHasRecord(ctx, limit) {
		rec, err = src.readRecord(ctx, limit, src.formerKey())
	}
	if rec == nil || err != nil {
		return nil, cfg.annotate(err, "restore")
	}
	return &StoredCredential{
		Subject: rec.Subject, Expiry: rec.Expiry, Refused: rec.Refused,
		Renewable: rec.RefreshState != "" || !rec.SignedIn,
	}, nil
}
