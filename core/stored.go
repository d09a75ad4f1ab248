// Read on in challenge.go.

package core

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"time"
)

var errReturnedLate = Errorf(CodeUnavailable, "the provider returned after its time")

// obtain asks nobody if the store holds a credential that can be used.
func (s stored) obtain(ctx context.Context, a *attempt) (obtained, error) {
	f, err := s.lookUp(ctx, a)
	if a.purpose == purposeRestore {
		if err == nil && f.isEmpty() && s.formerHasRecord(ctx, a.storeCallLimit()) {
			f, _ = s.lockAndLookUp(ctx, a) // what cannot be moved counts as absent
		}
		return restoredOutcome(f, err)
	}
	if err == nil && (f.usable == nil || a.purpose == purposeSignIn) {
		f, err = s.lockAndLookUp(ctx, a)
	}
	switch {
	case err != nil:
		return s.askWithoutSaving(ctx, a, err)
	case f.usable != nil && a.purpose != purposeSignIn:
		return obtained{credential: f.usable, restored: true}, nil
	}
	return s.askAndSave(ctx, a, f)
}

// loadLocked takes the lock and looks into the store again. If nothing is
// stored under the key of the session, it moves there what the former key has.
func (s stored) lockAndLookUp(ctx context.Context, a *attempt) (storeContent, error) {
	if err := s.lockForAttempt(ctx, a); err != nil {
		return storeContent{request: a.request}, err
	}
	f, err := s.lookUp(ctx, a)
	if err == nil && f.isEmpty() && s.moveFormer(ctx, a) {
		f, err = s.lookUp(ctx, a)
	}
	return f, err
}

// restore returns what a look into the store found, without asking anybody.
func restoredOutcome(f storeContent, err error) (obtained, error) {
	c := f.usable
	if c == nil {
		c = f.fallback
	}
	if err == nil && c == nil {
		err = errNotStored
	}
	return obtained{credential: c, restored: true}, err
}

// renew asks the provider and saves what it returns. The lock is held.
func (s stored) askAndSave(ctx context.Context, a *attempt, f storeContent) (obtained, error) {
	o, err := s.askProvider(ctx, a, question{request: f.request, fromStore: !f.laterVersion, mayAskPerson: true})
	if err != nil {
		return s.handleFailure(ctx, a, f, o, err)
	}
	o.credential.signedIn = o.credential.signedIn || f.signedIn
	if a.timedOut.Load() { // the lock may be another's by now
		o.credential.store = &storeMeta{recordID: rand.Text(), replacedID: f.recordID, saveErr: errReturnedLate}
		return o, errReturnedLate
	}
	if f.laterVersion && !o.signedIn {
		o.credential.store = &storeMeta{recordID: rand.Text(), saveErr: s.setup.annotate(errLaterVersionRecord, "save")}
		return o, nil
	}
	s.saveObtained(ctx, a, o.credential, f)
	return o, nil
}

// failed decides what an attempt returns that could not renew what it found.
func (s stored) handleFailure(
	ctx context.Context, a *attempt, f storeContent, o obtained, err error,
) (obtained, error) {
	if f.fallback != nil && CodeOf(err) == CodeUnavailable {
		return obtained{credential: f.fallback, restored: true}, nil // it is renewed later
	}
	if f.laterVersion && CodeOf(err) == CodeInteractive {
		return o, Errorf(CodeBadConfig, "%w, and without it a person must sign in: %w",
			Cause(errLaterVersionRecord), Cause(err))
	}
	if o.refreshRefused && f.request.Reason == ReasonRejected && f.recordID != "" && !a.timedOut.Load() {
		s.markRefused(ctx, a, f.recordID)
	}
	return o, err
}

// askUnsaved asks the provider if the store cannot be used, and why. A session
// goes on without its store if it has nothing to spend that another process
// might spend, too. One that begins reports the error. Nobody is asked to sign
// in.
func (s stored) askWithoutSaving(ctx context.Context, a *attempt, storeErr error) (obtained, error) {
	if a.previous == nil || !a.previous.cred.RefreshState.IsZero() || a.purpose == purposeSignIn {
		return obtained{}, storeErr
	}
	o, err := s.askProvider(ctx, a, question{request: a.request})
	if CodeOf(err) == CodeInteractive {
		return o, storeErr
	}
	if err == nil {
		o.credential.store = &storeMeta{recordID: rand.Text(), saveErr: s.setup.annotate(storeErr, "save")}
		s.setup.warn("session could not save its credential", storeErr)
	}
	return o, err
}

// load looks into the store.
func (s stored) lookUp(ctx context.Context, a *attempt) (storeContent, error) {
	out := storeContent{request: a.request}
	rec, err := s.readRecord(ctx, a.storeCallLimit(), s.key())
	if errors.Is(err, errLaterVersion) {
		out.laterVersion = true
		return out, nil
	}
	if rec == nil || err != nil {
		return out, err
	}
	out.recordID, out.stored, out.signedIn = rec.ID, rec.credential(), rec.SignedIn
	if a.previous != nil && a.previous.store.isRecord(rec.ID) && a.request.Reason != ReasonInitial {
		return out, nil // the session holds this one, or its successor
	}
	out.request.Reason, out.request.Previous, out.request.Challenge = ReasonExpiring, out.stored, ""
	if rec.Refused {
		out.request.Reason = ReasonRejected
		return out, nil
	}
	l := s.usableCredential(rec, a.previous)
	switch {
	case l == nil: // the provider decides
	case rec.isStale(time.Now(), s.setup.opts.Early):
		out.fallback = l
	default:
		out.usable = l
	}
	return out, nil
}

// restored makes a credential of a record, or returns nil if it cannot be used.
func (s stored) usableCredential(rec *record, have *credential) *credential {
	if !rec.Expiry.IsZero() && time.Until(rec.Expiry) < minTrusted || !rec.isComplete(have) {
		return nil
	}
	c := rec.credential()
	if rec.KeyOmitted {
		c.Attach.Cert = have.cred.Attach.Cert
	}
	l, err := prepare(s.setup, c, have)
	if err != nil {
		return nil
	}
	if allowed, err := parseOrigins(rec.AllowedOrigins); err != nil || !l.restrictOrigins(allowed) {
		return nil
	}
	l.store, l.restored, l.signedIn = &storeMeta{recordID: rec.ID}, true, rec.SignedIn
	return l
}

// restrict takes the origins from l that are not among bound, if there are any
// in bound. It reports whether l may go anywhere then.
func (l *credential) restrictOrigins(allowed []origin) bool {
	if len(allowed) == 0 {
		return true
	}
	both := allowed
	if current := l.origins(); len(current) > 0 {
		both = slices.DeleteFunc(slices.Clone(current), func(o origin) bool {
			return !slices.Contains(allowed, o)
		})
	}
	l.ownOrigins = &both
	return len(both) > 0
}

// mark marks the record of a key as refused if it holds a secret, and reports
// whether it does. The lock of the key is held, and if the caller leaves, it is
// held until the store has answered.
func (s stored) markIfContains(
	ctx context.Context, limit time.Duration, key string, rec *record, secret Secret,
) (bool, error) {
	if !rec.containsSecret(secret) {
		return false, nil
	}
	rec.Refused = true
	return true, s.writeRecordAt(context.WithoutCancel(ctx), limit, key, rec)
}

// release leaves what is stored in the store, or revokes and deletes it for
// good.
func (s stored) release(ctx context.Context, l *credential, how closeMode) error {
	switch {
	case how == closeForGood:
		return s.revokeAndDelete(ctx, l)
	case l != nil && l.store != nil:
		return s.saveUnsaved(ctx, l)
	}
	return s.direct.release(ctx, l, how)
}

// keep saves a credential that could not be saved when it was obtained.
func (s stored) saveUnsaved(ctx context.Context, l *credential) error {
	if l.store.saveErr == nil || errors.Is(l.store.saveErr, errLaterVersion) {
		return nil
	}
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return s.setup.annotate(err, "save")
	}
	return s.finishThenUnlock(ctx, unlock, "save", func(ctx context.Context) error {
		rec, err := s.readRecord(ctx, limit, s.key())
		if err != nil || rec != nil && rec.ID != l.store.replacedID {
			return s.setup.annotate(err, "save") // nil: another process has signed in since
		}
		rec = s.recordOf(l)
		rec.ID = l.store.recordID
		return s.writeRecord(ctx, limit, rec)
	})
}

// forget revokes the credential, and what the store holds, and deletes it from
// there. The former key comes first: no other process can then move its record
// to the session's key after that one was cleared.
func (s stored) revokeAndDelete(ctx context.Context, l *credential) error {
	formerErr := s.revokeAndDeleteFormer(ctx, l)
	unlock, err := s.lockWithin(ctx, s.setup.opts.timeout(), s.key())
	if err != nil {
		revoked := s.direct.release(ctx, l, closeForGood)
		return errors.Join(revoked, s.setup.annotate(err, "delete"), formerErr)
	}
	err = s.finishThenUnlock(ctx, unlock, "delete", func(ctx context.Context) error {
		other, err := s.deleteStored(ctx, s.setup.opts.timeout(), s.key(), l)
		return errors.Join(s.direct.release(ctx, l, closeForGood),
			s.direct.release(ctx, other, closeForGood), err)
	})
	return errors.Join(err, formerErr)
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
	rec, err := s.readRecord(ctx, limit, s.key())
	switch {
	case err != nil:
		return false, err
	case rec != nil:
		return s.markIfContains(ctx, limit, s.key(), rec, secret)
	case !s.formerHasRecord(ctx, limit):
		return false, nil
	}
	unlockFormer, err := s.lockWithin(ctx, limit, s.formerKey())
	if err != nil {
		return false, err
	}
	defer unlockQuietly(ctx, unlockFormer)
	rec, err = s.readRecord(ctx, limit, s.formerKey())
	if err != nil || rec == nil {
		return false, err
	}
	return s.markIfContains(ctx, limit, s.formerKey(), rec, secret)
}
