// Read on in stored.go.

package core

import (
	"context"
	"errors"
	"time"
)

// A program that names its stored credentials in a new way finds those of its
// earlier version under Options.StoreFormerKey. What follows moves such a
// record once. Locks are taken in one order, first that of the session's key
// and then that of the former one.

// holdsFormer reports whether the former key has a record that is the
// session's. It takes no lock: the lock of a key may leave something in the
// store.
func (s stored) holdsFormer(ctx context.Context, limit time.Duration) bool {
	if s.former() == "" {
		return false
	}
	rec, err := s.read(ctx, limit, s.former())
	if err != nil {
		s.warnFormer(err)
	}
	return rec != nil && err == nil
}

func (s stored) warnFormer(err error) {
	s.setup.warn("session could not move its stored credential from its former key", err)
}

// moveFormer moves the record of the former key to the session's key, where
// nothing is stored and whose lock is held. It reports whether there is a record
// now. It saves before it deletes, so that the record is under one of the two
// keys at any time, and it leaves half of the attempt's time for the rest. A
// failure is logged: the session then continues as if there were no former key.
func (s stored) moveFormer(ctx context.Context, a *attempt) bool {
	end := time.Now().Add(a.storeCallLimit() / 2)
	if !s.holdsFormer(ctx, time.Until(end)) {
		return false
	}
	unlock, err := s.lockWithin(ctx, time.Until(end), s.former())
	if err != nil {
		s.warnFormer(err)
		return false
	}
	defer unlockQuietly(ctx, unlock)
	rec, err := s.read(ctx, time.Until(end), s.former())
	if rec != nil && err == nil && !a.timedOut.Load() {
		ctx = context.WithoutCancel(ctx) // what has begun is completed
		id := s.identity()
		rec.Identity = &id
		if err = s.write(ctx, time.Until(end), rec); err == nil {
			err = s.erase(ctx, time.Until(end), s.former())
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

// forgetFormer revokes and deletes what is stored under the former key, unless
// it is another session's. It does not revoke l.
func (s stored) forgetFormer(ctx context.Context, l *credential) error {
	if s.former() == "" {
		return nil
	}
	limit := s.setup.opts.timeout()
	rec, err := s.read(ctx, limit, s.former())
	switch {
	case errors.Is(err, errForeign), rec == nil && err == nil:
		return nil
	case err != nil && !errors.Is(err, errLater):
		return s.setup.annotate(err, "delete")
	}
	unlock, err := s.lockWithin(ctx, limit, s.former())
	if err != nil {
		return s.setup.annotate(err, "delete")
	}
	return s.complete(ctx, unlock, "delete", func(ctx context.Context) error {
		other, err := s.clear(ctx, limit, s.former(), l)
		if errors.Is(err, errForeign) {
			err = nil // it has changed since
		}
		return errors.Join(s.direct.release(ctx, other, closeForGood), err)
	})
}
