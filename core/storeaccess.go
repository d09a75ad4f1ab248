// Read on in formerkey.go.

package core

import (
	"context"
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

// found is the result of a look into the store.
type found struct {
	fits   *credential // it can be used
	last   *credential // it can be used for a while, if there is nothing better
	req    Request     // what to ask the provider
	record string      // what is there; empty: nothing
	old    Credential  // of that record
	later  bool        // a later version saved it, so that it cannot be read

	signedIn bool // a person signed in for that record
}

// nothing reports whether nothing is stored.
func (f found) nothing() bool { return f.record == "" && !f.later }

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
			return Errorf(CodeBadConfig, "the store's credential %q %w: that is %v; this is %v: %s",
				key, errForeign, *rec.Identity, own, advice)
		}
	}
	bound, err := parseOrigins(rec.Bound)
	if err != nil || len(bound) == 0 || len(s.setup.origins) == 0 || overlap(bound, s.setup.origins) {
		return nil
	}
	return Errorf(CodeBadConfig, "the store's credential %q %w: that is for %q; this is for %q: %s",
		key, errForeign, rec.Bound, s.setup.opts.Origins, advice)
}

// overlap reports whether two lists have an origin in common.
func overlap(a, b []origin) bool {
	return slices.ContainsFunc(a, func(o origin) bool { return slices.Contains(b, o) })
}

func (s stored) identity() identity {
	o := s.setup.opts
	return identity{Kind: o.Kind, Environment: string(o.Environment), Scope: o.StoreScope}
}

// save keeps l in the store, in the place of what was found there. If that
// fails, l is used all the same: what it replaces may be spent, so that it is
// removed before another process can take the lock and present it again. No
// caller waits for the removal.
func (s stored) save(ctx context.Context, a *attempt, l *credential, was found) {
	if l.cred.RefreshState.IsZero() && l.cred.Expiry.IsZero() {
		return // there is nothing to gain: it is in the settings
	}
	ctx = context.WithoutCancel(ctx)
	rec := s.record(l)
	l.store = &storeMeta{record: rec.ID, before: was.record, err: s.write(ctx, a.left(), rec)}
	if l.store.err == nil {
		return
	}
	s.setup.warn("session could not save its credential", l.store.err)
	if was.record != "" && !was.old.RefreshState.Equal(l.cred.RefreshState) {
		limit := max(a.left(), grace)
		a.beforeUnlock(func() { _ = s.erase(ctx, limit, s.key()) })
	}
}

// record makes a record of a credential.
func (s stored) record(l *credential) *record {
	rec := newRecord(l.cred)
	id := s.identity()
	rec.Identity, rec.SignedIn = &id, l.signedIn
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

// lock takes the lock of the session's key for an attempt. If another process
// may hold it because a person signs in there, it waits as long as they may take.
func (s stored) lock(ctx context.Context, a *attempt) (err error) {
	take := func() {
		limit := time.Until(a.deadline)
		defer a.announceWait(WaitForStore, limit)()
		var unlock func()
		if unlock, err = s.lockWithin(ctx, limit, s.key()); err == nil {
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
		out := outcome{err: Errorf(CodeUnavailable, "the store panicked")}
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
		return nil, Errorf(CodeUnavailable,
			"the store's lock is held elsewhere (is somebody signing in there?): %w", ctx.Err())
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

// former returns the former key, or "" if there is none.
func (s stored) former() string {
	if key := s.setup.opts.StoreFormerKey; key != s.key() {
		return key
	}
	return ""
}

// maxLockedCalls is how many calls, each with its own limit, one lock is held for
// at the end of a session: a read, a deletion and two revocations.
const maxLockedCalls = 4
