// Read on in status.go.

package core

import (
	"context"
	"errors"
)

// This file is what programs need that do not just use a session: commands,
// helpers that end at once, brokers.

// Restore makes the session ready with what Options.Store has, and asks nobody:
// neither the provider nor a person. It reports whether the session is ready. A
// session that was ready stays as it is. Without a credential that can be used,
// or without a store, it returns false and no error, and the session is as it
// was. The error is that of the store.
func (s *Session) Restore(ctx context.Context) (bool, error) {
	if ctx == nil {
		return false, s.config().annotate(errNoContext, "restore")
	}
	var epoch *uint32
	waited := false // for an attempt; the next one began after this call
	for {
		by := asker{gone: ctx.Err() != nil}
		v := s.decide(ctx, func(at moment, p policy) verdict {
			return s.machine.since(epoch, func() verdict { return s.machine.restore(at, p, by) })
		})
		if !v.closing {
			epoch = &v.epoch
		}
		_, done, err := s.follow(ctx, v, by)
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
// credential, and the error of the store. One that was superseded tells nothing,
// and neither does one that is not recent: it began before its caller asked. a may
// be nil.
func (a *attempt) restoresNothing(recent bool) (bool, error) {
	switch {
	case a == nil || !recent:
		return false, nil
	case a.purpose != restoration || a.err == nil || errors.Is(a.err, errSuperseded):
		return false, nil
	case isNotStored(a.err):
		return true, nil
	}
	return true, a.err
}

// Renew obtains a new credential although the current one may be fresh. The
// current one stays in use until the new one is there, and if Renew fails. An
// attempt that is under way serves as Renew's. The wait after a failure binds
// Renew, too: its error is then returned from memory. Errors are those of
// Credential; before Init it is [CodeNotInitialized].
func (s *Session) Renew(ctx context.Context) error { return s.renew(ctx, nil) }

// renew is Renew. It does nothing if there is another credential than old by now;
// nil: whatever there is.
func (s *Session) renew(ctx context.Context, old *credential) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "renew")
	}
	by := asker{who: s.audience(ctx)}
	for {
		by.gone = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict {
			if c := s.machine.current; old != nil && c != nil && c != old {
				return verdict{serve: c}
			}
			return s.machine.renew(at, p, by)
		})
		_, done, err := s.follow(ctx, v, by)
		if done || v.wait != nil && v.wait.last().err == nil {
			return s.config().annotate(err, "renew")
		}
	}
}

// SignInOptions configure [Session.SignIn]. Nil and zero are good.
type SignInOptions struct {
	// UI is how to ask the person. Nil: Options.UI.
	UI *UI
	// Fresh asks the person even if the session has a credential, or can have one
	// without them. False: nobody is asked who need not be.
	Fresh bool
}

// SignIn makes the session ready, and may ask a person for that, also if
// Options.AskOnlyOnSignIn keeps everything else from it. A credential that the
// session has stays in use until the new one is there, and if SignIn fails.
// Without a UI the error is [CodeBadConfig]; other errors are those of Init, and
// [CodeInteractive] if the provider signs nobody in.
func (s *Session) SignIn(ctx context.Context, opts *SignInOptions) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "sign in")
	}
	var o SignInOptions
	if opts != nil {
		o = *opts
	}
	if o.UI == nil && s.config().opts.UI == nil {
		err := Errorf(CodeBadConfig, "nobody can be asked: neither SignInOptions.UI nor Options.UI is set")
		return s.config().annotate(err, "sign in")
	}
	by := asker{who: person}
	var epoch *uint32
	for {
		by.gone = ctx.Err() != nil
		v := s.decideSignIn(ctx, by, &o, epoch)
		if !v.closing {
			epoch = &v.epoch
		}
		_, done, err := s.follow(ctx, v, by)
		another := o.Fresh && v.wait != nil && v.start == nil && ctx.Err() == nil
		if done && !another { // the outcome of another attempt is not that of SignIn
			return s.config().annotate(err, "sign in")
		}
		if v.start != nil && v.wait.last().err == nil {
			o.Fresh = false // the person has signed in
		}
	}
}

// decideSignIn is decide for a SignIn.
func (s *Session) decideSignIn(
	ctx context.Context, by asker, o *SignInOptions, epoch *uint32,
) verdict {
	return s.decide(ctx, func(at moment, p policy) (v verdict) {
		if o.Fresh {
			v = s.machine.since(epoch, func() verdict { return s.machine.signIn(at, p, by) })
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
	u := s.config()
	if ctx == nil {
		return false, u.annotate(errNoContext, "reject")
	}
	src, ok := u.source().(stored)
	if !ok {
		return false, u.annotate(Errorf(CodeBadConfig, "the session has no Options.Store"), "reject")
	}
	marked, err := src.rejectSecret(ctx, secret)
	if l := s.live.Load(); l != nil && newRecord(l.cred).holds(secret) {
		s.mu.Lock()
		fx, _ := s.machine.drop(present(), u.policy(), l, true)
		s.apply(l.setup, fx)
		s.mu.Unlock()
		s.reportSoon()
	}
	if marked {
		s.forgetParked(secret)
	}
	return marked, u.annotate(err, "reject")
}

// forgetParked drops a credential that no Init has taken yet if it has a secret
// that the API refused. The store holds the credential's refresh state.
func (s *Session) forgetParked(secret Secret) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.machine.parked; c != nil && newRecord(c.cred).holds(secret) {
		s.machine.parked = nil
	}
}
