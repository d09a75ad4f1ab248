// Read on in challenge.go.

package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

var errLate = Errorf(CodeUnavailable, "the provider returned after its time")

// obtain asks nobody if the store holds a credential that can be used.
func (s stored) obtain(ctx context.Context, a *attempt) (obtained, error) {
	f, err := s.load(ctx, a)
	if a.purpose == restoration {
		if err == nil && f.nothing() && s.holdsFormer(ctx, a.left()) {
			f, _ = s.loadLocked(ctx, a) // what cannot be moved counts as absent
		}
		return restore(f, err)
	}
	if err == nil && (f.fits == nil || a.purpose == personal) {
		f, err = s.loadLocked(ctx, a)
	}
	switch {
	case err != nil:
		return s.askUnsaved(ctx, a, err)
	case f.fits != nil && a.purpose != personal:
		return obtained{cred: f.fits, restored: true}, nil
	}
	return s.renew(ctx, a, f)
}

// loadLocked takes the lock and looks into the store again. If nothing is
// stored under the key of the session, it moves there what the former key has.
func (s stored) loadLocked(ctx context.Context, a *attempt) (found, error) {
	if err := s.lock(ctx, a); err != nil {
		return found{req: a.req}, err
	}
	f, err := s.load(ctx, a)
	if err == nil && f.nothing() && s.moveFormer(ctx, a) {
		f, err = s.load(ctx, a)
	}
	return f, err
}

// restore returns what a look into the store found, without asking anybody.
func restore(f found, err error) (obtained, error) {
	c := f.fits
	if c == nil {
		c = f.last
	}
	if err == nil && c == nil {
		err = errNotStored
	}
	return obtained{cred: c, restored: true}, err
}

// renew asks the provider and saves what it returns. The lock is held.
func (s stored) renew(ctx context.Context, a *attempt, f found) (obtained, error) {
	o, err := s.ask(ctx, a, question{req: f.req, stored: !f.later, person: true})
	if err != nil {
		return s.failed(ctx, a, f, o, err)
	}
	o.cred.signedIn = o.cred.signedIn || f.signedIn
	if a.overdue.Load() { // the lock may be another's by now
		o.cred.store = &storeMeta{record: rand.Text(), before: f.record, err: errLate}
		return o, errLate
	}
	if f.later && !o.signedIn {
		o.cred.store = &storeMeta{record: rand.Text(), err: s.setup.annotate(errLaterRecord, "save")}
		return o, nil
	}
	s.save(ctx, a, o.cred, f)
	return o, nil
}

// failed decides what an attempt returns that could not renew what it found.
func (s stored) failed(
	ctx context.Context, a *attempt, f found, o obtained, err error,
) (obtained, error) {
	if f.last != nil && CodeOf(err) == CodeUnavailable {
		return obtained{cred: f.last, restored: true}, nil // it is renewed later
	}
	if f.later && CodeOf(err) == CodeInteractive {
		return o, Errorf(CodeBadConfig, "%w, and without it a person must sign in: %w",
			Cause(errLaterRecord), Cause(err))
	}
	if o.refused && f.req.Reason == ReasonRejected && f.record != "" && !a.overdue.Load() {
		s.markRefused(ctx, a, f.record)
	}
	return o, err
}

// askUnsaved asks the provider if the store cannot be used, and why. A session
// goes on without its store if it has nothing to spend that another process
// might spend, too. One that begins reports the error. Nobody is asked to sign
// in.
func (s stored) askUnsaved(ctx context.Context, a *attempt, why error) (obtained, error) {
	if a.have == nil || !a.have.cred.RefreshState.IsZero() || a.purpose == personal {
		return obtained{}, why
	}
	o, err := s.ask(ctx, a, question{req: a.req})
	if CodeOf(err) == CodeInteractive {
		return o, why
	}
	if err == nil {
		o.cred.store = &storeMeta{record: rand.Text(), err: s.setup.annotate(why, "save")}
		s.setup.warn("session could not save its credential", why)
	}
	return o, err
}

// load looks into the store.
func (s stored) load(ctx context.Context, a *attempt) (found, error) {
	out := found{req: a.req}
	rec, err := s.read(ctx, a.left(), s.key())
	if errors.Is(err, errLater) {
		out.later = true
		return out, nil
	}
	if rec == nil || err != nil {
		return out, err
	}
	out.record, out.old, out.signedIn = rec.ID, rec.credential(), rec.SignedIn
	if a.have != nil && a.have.store.knows(rec.ID) && a.req.Reason != ReasonInitial {
		return out, nil // the session holds this one, or its successor
	}
	out.req.Reason, out.req.Previous, out.req.Challenge = ReasonExpiring, out.old, ""
	if rec.Refused {
		out.req.Reason = ReasonRejected
		return out, nil
	}
	l := s.restored(rec, a.have)
	switch {
	case l == nil: // the provider decides
	case rec.stale(time.Now(), s.setup.opts.Early):
		out.last = l
	default:
		out.fits = l
	}
	return out, nil
}

// restored makes a credential of a record, or returns nil if it cannot be used.
func (s stored) restored(rec *record, have *credential) *credential {
	if !rec.Expiry.IsZero() && time.Until(rec.Expiry) < minTrusted || !rec.whole(have) {
		return nil
	}
	c := rec.credential()
	if rec.KeyHeld {
		c.Attach.Cert = have.cred.Attach.Cert
	}
	l, err := prepare(s.setup, c, have)
	if err != nil {
		return nil
	}
	if bound, err := parseOrigins(rec.Bound); err != nil || !l.restrict(bound) {
		return nil
	}
	l.store, l.restored, l.signedIn = &storeMeta{record: rec.ID}, true, rec.SignedIn
	return l
}

// restrict takes the origins from l that are not among bound, if there are any
// in bound. It reports whether l may go anywhere then.
func (l *credential) restrict(bound []origin) bool {
	if len(bound) == 0 {
		return true
	}
	both := bound
	if own := l.origins(); len(own) > 0 {
		both = slices.DeleteFunc(slices.Clone(own), func(o origin) bool {
			return !slices.Contains(bound, o)
		})
	}
	l.named = &both
	return len(both) > 0
}

// mark marks the record of a key as refused if it holds a secret, and reports
// whether it does. The lock of the key is held, and if the caller leaves, it is
// held until the store has answered.
func (s stored) mark(
	ctx context.Context, limit time.Duration, key string, rec *record, secret Secret,
) (bool, error) {
	if !rec.holds(secret) {
		return false, nil
	}
	rec.Refused = true
	return true, s.writeTo(context.WithoutCancel(ctx), limit, key, rec)
}

// release leaves what is stored in the store, or revokes and deletes it for
// good.
func (s stored) release(ctx context.Context, l *credential, how closeMode) error {
	switch {
	case how == closeForGood:
		return s.forget(ctx, l)
	case l != nil && l.store != nil:
		return s.keep(ctx, l)
	}
	return s.direct.release(ctx, l, how)
}

// keep saves a credential that could not be saved when it was obtained.
func (s stored) keep(ctx context.Context, l *credential) error {
	if l.store.err == nil || errors.Is(l.store.err, errLater) {
		return nil
	}
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return s.setup.annotate(err, "save")
	}
	return s.complete(ctx, unlock, "save", func(ctx context.Context) error {
		rec, err := s.read(ctx, limit, s.key())
		if err != nil || rec != nil && rec.ID != l.store.before {
			return s.setup.annotate(err, "save") // nil: another process has signed in since
		}
		rec = s.record(l)
		rec.ID = l.store.record
		return s.write(ctx, limit, rec)
	})
}

// forget revokes the credential, and what the store holds, and deletes it from
// there. The former key comes first: no other process can then move its record
// to the session's key after that one was cleared.
func (s stored) forget(ctx context.Context, l *credential) error {
	former := s.forgetFormer(ctx, l)
	unlock, err := s.lockWithin(ctx, s.setup.opts.timeout(), s.key())
	if err != nil {
		revoked := s.direct.release(ctx, l, closeForGood)
		return errors.Join(revoked, s.setup.annotate(err, "delete"), former)
	}
	err = s.complete(ctx, unlock, "delete", func(ctx context.Context) error {
		other, err := s.clear(ctx, s.setup.opts.timeout(), s.key(), l)
		return errors.Join(s.direct.release(ctx, l, closeForGood),
			s.direct.release(ctx, other, closeForGood), err)
	})
	return errors.Join(err, former)
}

// rejectSecret marks the stored record as refused if it holds a secret. It
// reports whether it does.
func (s stored) rejectSecret(ctx context.Context, secret Secret) (bool, error) {
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return false, err
	}
	var marked atomic.Bool // the caller may leave before it is set
	err = s.complete(ctx, unlock, "reject", func(ctx context.Context) error {
		held, err := s.markLocked(ctx, limit, secret)
		marked.Store(held)
		return err
	})
	return marked.Load(), err
}

// markLocked is rejectSecret with the lock of the session's key held.
func (s stored) markLocked(
	ctx context.Context, limit time.Duration, secret Secret,
) (bool, error) {
	rec, err := s.read(ctx, limit, s.key())
	switch {
	case err != nil:
		return false, err
	case rec != nil:
		return s.mark(ctx, limit, s.key(), rec, secret)
	case !s.holdsFormer(ctx, limit):
		return false, nil
	}
	former, err := s.lockWithin(ctx, limit, s.former())
	if err != nil {
		return false, err
	}
	defer unlockQuietly(ctx, former)
	rec, err = s.read(ctx, limit, s.former())
	if err != nil || rec == nil {
		return false, err
	}
	return s.mark(ctx, limit, s.former(), rec, secret)
}
