package core

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// This file is a session's life with a Store: what it holds is taken from
// there, and renewed under the lock of its key, so that of all processes one
// asks. What was obtained is saved before it is used.

// kept is what a Store has of a credential.
type kept struct {
	record   string // identifies the saved record
	before   string // the record that it replaced; empty: none
	restored bool   // the credential came from there
	err      error  // why it was not saved
}

var errLate = Errorf(Unavailable, "the provider returned after its time")

func (k *kept) wasRestored() bool { return k != nil && k.restored }

// knows reports whether a record is the credential's, or older.
func (k *kept) knows(record string) bool {
	return k != nil && (record == k.record || record == k.before)
}

// askStored is ask for a session with a Store. It asks nobody where the store
// holds a credential that will do.
func (s *Session) askStored(ctx context.Context, f *flight, _ Request) (*live, error) {
	found, err := s.load(ctx, f)
	if err == nil && found.live == nil {
		if f.unlock, err = s.lock(ctx, f.setup, f.quiet); err == nil {
			defer f.unlock()
			found, err = s.load(ctx, f)
		}
	}
	switch {
	case err != nil:
		return s.askUnsaved(ctx, f, err)
	case found.live != nil:
		return found.live, nil
	}
	l, err := s.ask(ctx, f, found.req)
	if err != nil {
		if last := found.last; last != nil && CodeOf(err) == Unavailable {
			return last, nil // it will be renewed later
		}
		return nil, err
	}
	if f.late.Load() { // the lock may be another's by now
		l.kept = &kept{record: rand.Text(), before: found.record, err: errLate}
		return nil, cmp.Or(s.keep(context.WithoutCancel(ctx), f.setup, l), errLate)
	}
	s.save(ctx, f.setup, l, found)
	return l, nil
}

// askUnsaved is ask where the store cannot be used, and why. A session that has
// nothing to spend which another process might spend too goes on without it;
// one that begins reports it. Nobody is asked to sign in.
func (s *Session) askUnsaved(ctx context.Context, f *flight, why error) (*live, error) {
	if f.held == nil || !f.held.cred.Renewal.IsZero() {
		return nil, why
	}
	f.unsaved = true
	l, err := s.ask(ctx, f, f.req)
	if CodeOf(err) == Interactive {
		return nil, why
	}
	if err == nil {
		l.kept = &kept{record: rand.Text(), err: s.wrap(why, "save")}
		s.warn(f.setup, "session could not save its credential", why)
	}
	return l, err
}

// spend notes whether the provider may be spending a renewal of the store, so
// that Close waits for the outcome. It reports whether there is anybody left
// who wants it.
func (s *Session) spend(f *flight, yes bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	f.spending = yes && !f.over
	return !f.over
}

// found is what a look into the store comes to.
type found struct {
	live   *live      // it will do
	last   *live      // it will do for a while, if there is nothing better
	req    Request    // what to ask the provider
	record string     // that was there
	old    Credential // of that record
}

// load looks into the store.
func (s *Session) load(ctx context.Context, f *flight) (found, error) {
	out := found{req: f.req}
	rec, err := s.stored(ctx, f.setup)
	if rec == nil || err != nil {
		return out, err
	}
	out.record, out.old = rec.ID, rec.credential()
	if f.req.Reason != Initial && f.held.kept.knows(rec.ID) {
		return out, nil // the session holds this one, or its successor
	}
	out.req = Request{Reason: Expiring, Previous: out.old}
	now := time.Now()
	left := time.Duration(never)
	if !rec.Expiry.IsZero() {
		left = rec.Expiry.Sub(now)
	}
	if left <= 0 || !rec.whole(f.held) {
		return out, nil
	}
	c := out.old
	if rec.KeyHeld {
		c.Attach.Cert = f.held.cred.Attach.Cert
	}
	l, err := prepare(f.setup, c, f.held)
	if err != nil {
		return out, nil // the provider knows better
	}
	l.kept = &kept{record: rec.ID, restored: true}
	if rec.stale(now, f.setup.opts.Early) {
		out.last = l
	} else {
		out.live = l
	}
	return out, nil
}

// stored reads the record from the store; nil: there is none that can be read.
func (s *Session) stored(ctx context.Context, u *setup) (*record, error) {
	loaded := make(chan Secret, 1) // an answer that is too late is left there
	err := within(ctx, u.opts.timeout(), func(ctx context.Context) error {
		text, err := u.opts.Store.Load(ctx, s.storeKey(u))
		loaded <- text
		return err
	})
	if err != nil && !errors.Is(err, ErrDamaged) {
		return nil, Errorf(CodeOf(err), "the store: %w", Cause(err))
	}
	var rec *record
	if err == nil {
		if text := <-loaded; !text.IsZero() {
			rec, err = decodeRecord(text)
		}
	}
	if errors.Is(err, ErrDamaged) {
		s.warn(u, "session found its stored credential damaged", err)
		err = nil
	}
	return rec, err
}

// save keeps l in the store, in the place of what was found there. Where that
// fails, l is used nevertheless: what it replaces may be spent, so that it is
// removed, before another process presents it again.
func (s *Session) save(ctx context.Context, u *setup, l *live, was found) {
	if l.cred.Renewal.IsZero() && l.cred.Expiry.IsZero() {
		return // nothing to be gained: it is in the settings
	}
	ctx = context.WithoutCancel(ctx)
	rec := newRecord(l.cred)
	l.kept = &kept{record: rec.ID, before: was.record, err: s.write(ctx, u, rec)}
	if l.kept.err == nil {
		return
	}
	s.warn(u, "session could not save its credential", l.kept.err)
	if was.record != "" && !was.old.Renewal.Equal(l.cred.Renewal) {
		_ = s.erase(ctx, u)
	}
}

func (s *Session) write(ctx context.Context, u *setup, rec *record) error {
	text, err := rec.encode()
	if err == nil {
		err = within(ctx, u.opts.timeout(), func(ctx context.Context) error {
			return u.opts.Store.Save(ctx, s.storeKey(u), text)
		})
	}
	return s.wrap(err, "save")
}

func (s *Session) erase(ctx context.Context, u *setup) error {
	return s.wrap(within(ctx, u.opts.timeout(), func(ctx context.Context) error {
		return u.opts.Store.Delete(ctx, s.storeKey(u))
	}), "delete")
}

// lock takes the lock of the session's key. Where another process may have it
// because a person is signing in there, it waits as long as they may take.
func (s *Session) lock(ctx context.Context, u *setup, quiet bool) (unlock func(), err error) {
	limit := u.opts.timeout()
	if u.opts.UI != nil && !quiet {
		limit = signInTimeout
	}
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
				if out.err == nil {
					out.unlock() // too late
				}
			}
		}()
		unlock, err := u.opts.Store.Lock(ctx, s.storeKey(u))
		out = outcome{unlock, err}
	}()
	select {
	case out := <-done:
		if out.err == nil {
			return sync.OnceFunc(func() { // which may panic, or hang
				_ = within(context.Background(), u.opts.timeout(), func(context.Context) error {
					out.unlock()
					return nil
				})
			}), nil
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

func (s *Session) storeKey(u *setup) string { return cmp.Or(u.opts.StoreKey, s.name) }

// keep is what Close does about a credential in the store: it stays there.
func (s *Session) keep(ctx context.Context, u *setup, l *live) error {
	if l.kept.err == nil {
		return nil
	}
	unlock, err := s.lock(ctx, u, true)
	if err != nil {
		return s.wrap(err, "save")
	}
	defer unlock()
	if rec, err := s.stored(ctx, u); err != nil || rec != nil && rec.ID != l.kept.before {
		return s.wrap(err, "save") // another process has signed in since
	}
	rec := newRecord(l.cred)
	rec.ID = l.kept.record
	return s.write(ctx, u, rec)
}

// SignOut ends the session for good: besides what Close does, it revokes the
// credential if the provider can, and deletes it from Options.Store, also where
// this process has not used it yet. Other processes go on with what they have
// in memory. It returns by the end of ctx and the errors of revoking and
// deleting, joined; the session is closed all the same. Without a Store it is
// Close.
func (s *Session) SignOut(ctx context.Context) error { return s.end(ctx, endForGood) }

// forget revokes the credential and deletes it from the store.
func (s *Session) forget(ctx context.Context, u *setup, l *live) error {
	unlock, err := s.lock(ctx, u, true)
	if err != nil {
		return errors.Join(s.revoke(ctx, u, l), s.wrap(err, "delete"))
	}
	defer unlock()
	var other *live // that is there
	rec, err := s.stored(ctx, u)
	if err != nil {
		err = s.wrap(err, "delete")
	} else if rec != nil {
		if l == nil || !l.kept.knows(rec.ID) {
			other = &live{setup: u, cred: rec.credential()}
		}
		err = s.erase(ctx, u)
	}
	return errors.Join(s.revoke(ctx, u, l), s.revoke(ctx, u, other), err)
}

// warn tells an operator what no caller is told.
func (s *Session) warn(u *setup, message string, err error) {
	if u.opts.Logger != nil {
		u.opts.Logger.LogAttrs(context.Background(), slog.LevelWarn, message,
			slog.String("session", s.name), slog.String("provider", u.opts.Provider), slog.String("error", err.Error()))
	}
}
