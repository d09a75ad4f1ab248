// Read on in formerkey.go.

package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"
)

// stored is the source of a session with a store. It takes what the store holds,
// and otherwise renews it under the lock of its key, so that one of all
// processes asks. What was obtained is saved before it is used.
type stored struct{ direct }

// storeMeta is what the store has of a credential.
type storeMeta struct {
	record string // identifies the saved record
	before string // the record that it replaced; empty: none
	err    error  // why it was not saved
}

// knows reports whether a record is the credential's, or older.
func (m *storeMeta) knows(record string) bool {
	return m != nil && (record == m.record || record == m.before)
}

// storeError returns why the store does not have a credential. Nil: it has it,
// or there is no store.
func (l *credential) storeError() error {
	if l.store == nil {
		return nil
	}
	return l.store.err
}

var (
	errLate = Errorf(Unavailable, "the provider returned after its time")
)

// found is the result of a look into the store.
type found struct {
	fits   *credential // it can be used
	last   *credential // it can be used for a while, if there is nothing better
	req    Request     // what to ask the provider
	record string      // what is there; empty: nothing
	old    Credential  // of that record
	later  bool        // a later version saved it, so that it cannot be read
}

// nothing reports whether nothing is stored.
func (f found) nothing() bool { return f.record == "" && !f.later }

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
func (s stored) failed(ctx context.Context, a *attempt, f found, o obtained, err error) (obtained, error) {
	if f.last != nil && CodeOf(err) == Unavailable {
		return obtained{cred: f.last, restored: true}, nil // it is renewed later
	}
	if f.later && CodeOf(err) == Interactive {
		return o, Errorf(BadConfig, "%w, and without it a person must sign in: %w", Cause(errLaterRecord), Cause(err))
	}
	if o.refused && f.req.Reason == Rejected && f.record != "" && !a.overdue.Load() {
		s.markRefused(ctx, a, f.record)
	}
	return o, err
}

// askUnsaved asks the provider if the store cannot be used, and why. A session
// goes on without its store if it has nothing to spend that another process
// might spend, too. One that begins reports the error. Nobody is asked to sign
// in.
func (s stored) askUnsaved(ctx context.Context, a *attempt, why error) (obtained, error) {
	if a.have == nil || !a.have.cred.Renewal.IsZero() || a.purpose == personal {
		return obtained{}, why
	}
	o, err := s.ask(ctx, a, question{req: a.req})
	if CodeOf(err) == Interactive {
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
	out.record, out.old = rec.ID, rec.credential()
	if a.have != nil && a.have.store.knows(rec.ID) && a.req.Reason != Initial {
		return out, nil // the session holds this one, or its successor
	}
	out.req.Reason, out.req.Previous, out.req.Challenge = Expiring, out.old, ""
	if rec.Refused {
		out.req.Reason = Rejected
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
	l.store, l.restored = &storeMeta{record: rec.ID}, true
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
		both = slices.DeleteFunc(slices.Clone(own), func(o origin) bool { return !slices.Contains(bound, o) })
	}
	l.named = &both
	return len(both) > 0
}

// read reads the record of a key from the store. It returns nil if there is
// none that can be read, errLaterRecord for one of a later version, and an error
// that wraps errForeign for one of another session.
func (s stored) read(ctx context.Context, limit time.Duration, key string) (*record, error) {
	text, err := s.readText(ctx, limit, key)
	if err == nil && text.IsZero() {
		return nil, nil
	}
	var rec *record
	if err == nil {
		rec, err = decodeRecord(text)
	}
	switch {
	case errors.Is(err, ErrDamaged):
		s.setup.warn("session found its stored credential damaged", err)
		return nil, nil
	case errors.Is(err, errLater):
		return nil, errLaterRecord
	case err != nil:
		return nil, Errorf(CodeOf(err), "the store: %w", Cause(err))
	}
	return rec, s.checkIdentity(rec, key)
}

func (s stored) readText(ctx context.Context, limit time.Duration, key string) (Secret, error) {
	loaded := make(chan Secret, 1) // an answer that comes too late is left there
	err := within(ctx, limit, func(ctx context.Context) error {
		text, err := s.setup.opts.Store.Load(ctx, key)
		loaded <- text
		return err
	})
	if err != nil {
		return Secret{}, err
	}
	return <-loaded, nil
}

// checkIdentity reports a record that belongs to another session: one of
// another kind, environment or scope, or one that may go to other origins only.
// A record that names no session, or under the former key no scope, was saved
// before there were any.
func (s stored) checkIdentity(rec *record, key string) error {
	const advice = "rename the session, or give it another Options.StoreKey"
	own := s.identity()
	if rec.Identity != nil {
		saved := *rec.Identity
		if key == s.former() && saved.Scope == "" {
			saved.Scope = own.Scope
		}
		if saved != own {
			return Errorf(BadConfig, "the store's credential %q %w: that is %v; this is %v: %s",
				key, errForeign, *rec.Identity, own, advice)
		}
	}
	bound, err := parseOrigins(rec.Bound)
	if err != nil || len(bound) == 0 || len(s.setup.origins) == 0 || overlap(bound, s.setup.origins) {
		return nil
	}
	return Errorf(BadConfig, "the store's credential %q %w: that is for %q; this is for %q: %s",
		key, errForeign, rec.Bound, s.setup.opts.Origins, advice)
}

// overlap reports whether two lists have an origin in common.
func overlap(a, b []origin) bool {
	return slices.ContainsFunc(a, func(o origin) bool { return slices.Contains(b, o) })
}

func (s stored) identity() identity {
	o := s.setup.opts
	return identity{Kind: o.Provider, Environment: string(o.Environment), Scope: o.StoreScope}
}

// save keeps l in the store, in the place of what was found there. If that
// fails, l is used all the same: what it replaces may be spent, so that it is
// removed before another process can take the lock and present it again. No
// caller waits for the removal.
func (s stored) save(ctx context.Context, a *attempt, l *credential, was found) {
	if l.cred.Renewal.IsZero() && l.cred.Expiry.IsZero() {
		return // there is nothing to gain: it is in the settings
	}
	ctx = context.WithoutCancel(ctx)
	rec := s.record(l)
	l.store = &storeMeta{record: rec.ID, before: was.record, err: s.write(ctx, a.left(), rec)}
	if l.store.err == nil {
		return
	}
	s.setup.warn("session could not save its credential", l.store.err)
	if was.record != "" && !was.old.Renewal.Equal(l.cred.Renewal) {
		limit := max(a.left(), grace)
		a.beforeUnlock(func() { _ = s.erase(ctx, limit, s.key()) })
	}
}

// record makes a record of a credential.
func (s stored) record(l *credential) *record {
	rec := newRecord(l.cred)
	id := s.identity()
	rec.Identity = &id
	for _, o := range l.origins() {
		rec.Bound = append(rec.Bound, o.text)
	}
	return rec
}

func (s stored) write(ctx context.Context, limit time.Duration, rec *record) error {
	return s.writeTo(ctx, limit, s.key(), rec)
}

func (s stored) writeTo(
	ctx context.Context, limit time.Duration, key string, rec *record,
) error {
	text, err := rec.encode()
	if err == nil {
		err = within(ctx, limit, func(ctx context.Context) error {
			return s.setup.opts.Store.Save(ctx, key, text)
		})
	}
	return s.setup.annotate(err, "save")
}

func (s stored) erase(ctx context.Context, limit time.Duration, key string) error {
	return s.setup.annotate(within(ctx, limit, func(ctx context.Context) error {
		return s.setup.opts.Store.Delete(ctx, key)
	}), "delete")
}

// markRefused marks a record that the API and the issuer have refused, so that
// no process takes it again. The lock is held.
func (s stored) markRefused(ctx context.Context, a *attempt, id string) {
	ctx = context.WithoutCancel(ctx)
	rec, err := s.read(ctx, a.left(), s.key())
	if err != nil || rec == nil || rec.ID != id {
		return
	}
	rec.Refused = true
	if err := s.write(ctx, a.left(), rec); err != nil {
		s.setup.warn("session could not mark its stored credential as refused", err)
	}
}

// rejectSecret marks the stored record as refused if it holds a secret. It
// reports whether it does.
func (s stored) rejectSecret(ctx context.Context, secret Secret) (bool, error) {
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return false, err
	}
	defer unlockQuietly(ctx, unlock)
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

// lock takes the lock of the session's key for an attempt. If another process
// may hold it because a person signs in there, it waits as long as they may take.
func (s stored) lock(ctx context.Context, a *attempt) (err error) {
	take := func() {
		var unlock func()
		if unlock, err = s.lockWithin(ctx, time.Until(a.deadline), s.key()); err == nil {
			a.keepLock(unlock)
		}
	}
	if a.who == person {
		a.allowPerson(take)
	} else {
		take()
	}
	return err
}

func (s stored) lockWithin(
	ctx context.Context, limit time.Duration, key string,
) (unlock func(), err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	type outcome struct {
		unlock func()
		err    error
	}
	done := make(chan outcome)
	go func() {
		out := outcome{err: Errorf(Unavailable, "the store panicked")}
		defer func() {
			_ = recover()
			select {
			case done <- out:
			case <-ctx.Done():
				if out.err == nil && out.unlock != nil {
					// Nobody waits for the lock any more.
					unlockQuietly(context.WithoutCancel(ctx), out.unlock)
				}
			}
		}()
		unlock, err := s.setup.opts.Store.Lock(ctx, key)
		out = outcome{unlock, err}
	}()
	select {
	case out := <-done:
		if out.err == nil {
			return out.unlock, nil
		}
		err = out.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if ctx.Err() != nil {
		return nil, Errorf(Unavailable, "the store's lock is held elsewhere (is somebody signing in there?): %w", ctx.Err())
	}
	return nil, Errorf(CodeOf(err), "the store: %w", Cause(err))
}

func (s stored) key() string {
	if key := s.setup.opts.StoreKey; key != "" {
		return key
	}
	if scope := s.setup.opts.StoreScope; scope != "" {
		return s.setup.name + "-" + scope
	}
	return s.setup.name
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

// complete runs fn and then releases a lock. It returns by the end of ctx, but what
// fn has begun is completed before the lock is released: a store that answers late
// must not replace or delete what another process has saved by then. op is what an
// error says that was done.
func (s stored) complete(
	ctx context.Context, unlock func(), op string, fn func(context.Context) error,
) error {
	limit := s.setup.opts.timeout() + grace
	done := make(chan error, 1) // an outcome that comes too late is left there
	err := within(ctx, maxLockedCalls*limit, func(ctx context.Context) error {
		ctx = context.WithoutCancel(ctx)
		defer unlockQuietly(ctx, unlock)
		done <- fn(ctx)
		return nil
	})
	if err != nil {
		return s.setup.annotate(err, op)
	}
	return <-done
}

// maxLockedCalls is how many calls, each with its own limit, one lock is held for
// at the end of a session: a read, a deletion and two revocations.
const maxLockedCalls = 4

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

// clear deletes what is stored under a key, also if it cannot be read, unless
// it is another session's. It returns what was there if it is not l. The lock
// of the key is held.
func (s stored) clear(
	ctx context.Context, limit time.Duration, key string, l *credential,
) (other *credential, err error) {
	rec, err := s.read(ctx, limit, key)
	switch {
	case errors.Is(err, errLater):
	case err != nil:
		return nil, s.setup.annotate(err, "delete")
	case rec == nil:
		return nil, nil
	case l == nil || !l.store.knows(rec.ID):
		other = &credential{setup: s.setup, cred: rec.credential()}
	}
	return other, s.erase(ctx, limit, key)
}
