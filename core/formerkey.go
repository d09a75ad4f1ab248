// Read on in stored.go.

package core

import (
	"context"
	"errors"
	"time"
)

// A program that names its stored credentials in a new way finds those of its
// earlier version under Options.StoreFormerKey. This file moves such a record to
// the session's key, once. Locks are taken in one order, first that of the
// session's key and then that of the former one, so that two processes which move
// the same record do not wait for each other.

// formerHasRecord reports whether the former key has a record that is the
// session's. It takes no lock, because a store may leave something behind for
// each key that it locks, such as a file, and most programs have no such record.
func (s stored) formerHasRecord(ctx context.Context, limit time.Duration) bool {
	if s.formerKey() == "" {
		return false
	}
	rec, err := s.readRecord(ctx, limit, s.formerKey())
	if err != nil {
		s.warnFormer(err)
	}
	return rec != nil && err == nil
}

// warnFormer logs an error that does not prevent the session from continuing.
func (s stored) warnFormer(err error) {
	s.setup.warn("session could not move its stored credential from its former key", err)
}

// moveFormer moves the record of the former key to the session's key, where
// nothing is stored and whose lock is held. It reports whether there is a record
// now. It saves before it deletes, so that the record is under one of the two
// keys at any time, even if the program ends in between. It leaves half of the
// attempt's time to the provider. A failure is logged: the session then continues
// as if there were no former key.
func (s stored) moveFormer(ctx context.Context, a *attempt) bool {
	end := time.Now().Add(a.storeCallLimit() / 2)
	if !s.formerHasRecord(ctx, time.Until(end)) {
		return false
	}
	unlock, err := s.lockWithin(ctx, time.Until(end), s.formerKey())
	if err != nil {
		s.warnFormer(err)
		return false
	}
	defer unlockQuietly(ctx, unlock)
	// Another process may have moved the record since the first look.
	rec, err := s.readRecord(ctx, time.Until(end), s.formerKey())
	if rec != nil && err == nil && !a.timedOut.Load() {
		// A move that has begun is completed.
		ctx = context.WithoutCancel(ctx)
		id := s.identity()
		rec.Identity = &id
		if err = s.writeRecord(ctx, time.Until(end), rec); err == nil {
			err = s.deleteRecord(ctx, time.Until(end), s.formerKey())
			if err != nil {
				s.warnFormer(err)
			}
			return true
		}
	}
	if err != nil {
		s.warnFormer(err)
	}
	return false
}

// revokeAndDeleteFormer revokes and deletes what is stored under the former key,
// unless it is another session's. It does not revoke c, which its caller revokes.
func (s stored) revokeAndDeleteFormer(ctx context.Context, c *credential) error {
	if s.formerKey() == "" {
		return nil
	}
	limit := s.setup.opts.timeout()
	rec, err := s.readRecord(ctx, limit, s.formerKey())
	switch {
	case errors.Is(err, errOtherSession), rec == nil && err == nil:
		return nil
	case err != nil && !errors.Is(err, errLaterVersion):
		return s.setup.annotate(err, "delete")
	}
	unlock, err := s.lockWithin(ctx, limit, s.formerKey())
	if err != nil {
		return s.setup.annotate(err, "delete")
	}
	return s.finishThenUnlock(ctx, unlock, "delete", func(ctx context.Context) error {
		other, err := s.deleteStored(ctx, limit, s.formerKey(), c)
		if errors.Is(err, errOtherSession) {
			// The record has changed since it was read without the lock.
			err = nil
		}
		return errors.Join(s.direct.release(ctx, other, closeForGood), err)
	})
}
