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

// errReturnedLate is the error of a provider that ignored the attempt's limit.
var errReturnedLate = Errorf(CodeUnavailable, "the provider returned after its time")

// obtain returns what the store holds if it can be used, and otherwise asks the
// provider. It looks into the store twice: once without the lock, which is enough
// in most cases and delays no other process, and once with it, because another
// process may have renewed the credential in between.
func (s stored) obtain(ctx context.Context, a *attempt) (obtained, error) {
	content, err := s.lookUp(ctx, a)
	if a.purpose == purposeRestore {
		if err == nil && content.isEmpty() && s.formerHasRecord(ctx, a.storeCallLimit()) {
			// A record that cannot be moved counts as absent: the failure is
			// logged.
			content, _ = s.lockAndLookUp(ctx, a)
		}
		return restoredOutcome(content, err)
	}
	// The provider has to be called, which is done only under the lock.
	if err == nil && (content.usable == nil || a.purpose == purposeSignIn) {
		content, err = s.lockAndLookUp(ctx, a)
	}
	switch {
	case err != nil:
		return s.askWithoutSaving(ctx, a, err)
	case content.usable != nil && a.purpose != purposeSignIn:
		return obtained{credential: content.usable, restored: true}, nil
	}
	return s.askAndSave(ctx, a, content)
}

// lockAndLookUp takes the lock and looks into the store. If nothing is stored
// under the session's key, it moves there what the former key has.
func (s stored) lockAndLookUp(ctx context.Context, a *attempt) (storeContent, error) {
	if err := s.lockForAttempt(ctx, a); err != nil {
		return storeContent{request: a.request}, err
	}
	content, err := s.lookUp(ctx, a)
	if err == nil && content.isEmpty() && s.moveFormer(ctx, a) {
		content, err = s.lookUp(ctx, a)
	}
	return content, err
}

// restoredOutcome returns what a restoration makes of the store's content. A
// stale credential is good enough: its renewal starts when it is used.
func restoredOutcome(content storeContent, err error) (obtained, error) {
	c := content.usable
	if c == nil {
		c = content.fallback
	}
	if err == nil && c == nil {
		err = errNotStored
	}
	return obtained{credential: c, restored: true}, err
}

// askAndSave asks the provider and saves what it returns. The lock is held.
func (s stored) askAndSave(
	ctx context.Context, a *attempt, content storeContent,
) (obtained, error) {
	q := question{request: content.request, fromStore: !content.laterVersion, mayAskPerson: true}
	o, err := s.askProvider(ctx, a, q)
	if err != nil {
		return s.handleFailure(ctx, a, content, o, err)
	}
	o.credential.signedIn = o.credential.signedIn || content.signedIn
	// The timer has released the lock, and another process may have saved since:
	// this credential must not replace that. The session still gets it, and
	// decides whether it is used (settleLate); saveUnsaved then saves it if
	// nothing else was saved.
	if a.timedOut.Load() {
		o.credential.store = unsaved(errReturnedLate)
		o.credential.store.replacedID = content.recordID
		return o, errReturnedLate
	}
	// Only a person's sign-in replaces the record of a later version: the person
	// expects to stay signed in.
	if content.laterVersion && !o.signedIn {
		o.credential.store = unsaved(s.setup.annotate(errLaterVersionRecord, "save"))
		return o, nil
	}
	s.saveObtained(ctx, a, o.credential, content)
	return o, nil
}

// unsaved describes a credential that was not saved, and why. It has the ID of a
// record already, under which saveUnsaved may save it later.
func unsaved(err error) *storeMeta { return &storeMeta{recordID: rand.Text(), saveErr: err} }

// handleFailure decides what an attempt returns that could not renew what it
// found. During an outage the session uses the stale credential, if there is one.
func (s stored) handleFailure(
	ctx context.Context, a *attempt, content storeContent, o obtained, err error,
) (obtained, error) {
	if content.fallback != nil && CodeOf(err) == CodeUnavailable {
		return obtained{credential: content.fallback, restored: true}, nil
	}
	// The cause is the record that cannot be read, and not the missing person.
	if content.laterVersion && CodeOf(err) == CodeInteractive {
		return o, Errorf(CodeBadConfig, "%w, and without it a person must sign in: %w",
			Cause(errLaterVersionRecord), Cause(err))
	}
	// The API has refused the stored credential and now the issuer has refused
	// its refresh state: without the mark the next process would begin with it
	// again.
	rejected := o.refreshRefused && content.request.Reason == ReasonRejected
	if rejected && content.recordID != "" && !a.timedOut.Load() {
		s.markRefused(ctx, a, content.recordID)
	}
	return o, err
}

// askWithoutSaving asks the provider although the store cannot be used, for the
// reason storeErr. A session that is in use continues without its store, unless
// it has a refresh state: another process might present the same one, and nothing
// prevents that without the lock. A session that begins reports the error, so
// that a broken store is noticed at the start. No person is asked, because the
// result of the sign-in would be lost.
func (s stored) askWithoutSaving(
	ctx context.Context, a *attempt, storeErr error,
) (obtained, error) {
	if a.previous == nil || !a.previous.cred.RefreshState.IsZero() || a.purpose == purposeSignIn {
		return obtained{}, storeErr
	}
	o, err := s.askProvider(ctx, a, question{request: a.request})
	if CodeOf(err) == CodeInteractive {
		return o, storeErr
	}
	if err == nil {
		o.credential.store = unsaved(s.setup.annotate(storeErr, "save"))
		s.setup.warn("session could not save its credential", storeErr)
	}
	return o, err
}

// lookUp reads the record of the session's key and decides what it means for the
// attempt: whether it is used as it is, kept as a fallback, or only presented to
// the provider.
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
	// The session already has what is stored. It asks because that has to be
	// renewed.
	if a.previous != nil && a.previous.store.isRecord(rec.ID) && a.request.Reason != ReasonInitial {
		return out, nil
	}
	// Another process has saved this record. The challenge was for the credential
	// that this session had, so that it is left out.
	out.request.Reason, out.request.Previous = ReasonExpiring, out.stored
	out.request.Challenge = ""
	if rec.Refused {
		out.request.Reason = ReasonRejected
		return out, nil
	}
	c := s.usableCredential(rec, a.previous)
	switch {
	// The provider gets what is stored, and decides.
	case c == nil:
	case rec.isStale(time.Now(), s.setup.opts.Early):
		out.fallback = c
	default:
		out.usable = c
	}
	return out, nil
}

// usableCredential makes a credential of a record, or returns nil if it cannot be
// used: it has expired, its private key is not here, the options or the rules for
// credentials have changed since, or it may not be sent to any of the session's
// origins. previous is what the session has; it may be nil.
func (s stored) usableCredential(rec *record, previous *credential) *credential {
	if !rec.Expiry.IsZero() && time.Until(rec.Expiry) < minTrusted || !rec.isComplete(previous) {
		return nil
	}
	c := rec.credential()
	// isComplete has found that the current credential has this key.
	if rec.KeyOmitted {
		c.Attach.Cert = previous.cred.Attach.Cert
	}
	restored, err := prepare(s.setup, c, previous)
	if err != nil {
		return nil
	}
	allowed, err := parseOrigins(rec.AllowedOrigins)
	if err != nil || !restored.restrictOrigins(allowed) {
		return nil
	}
	restored.store = &storeMeta{recordID: rec.ID}
	restored.restored, restored.signedIn = true, rec.SignedIn
	return restored
}

// restrictOrigins removes the origins from c that are not among allowed. An empty
// allowed allows all. It reports whether c may be sent anywhere then. A
// credential that one configuration restricted to its origins must not reach
// others because a second configuration, with the same store, has more.
func (c *credential) restrictOrigins(allowed []origin) bool {
	if len(allowed) == 0 {
		return true
	}
	common := allowed
	if current := c.origins(); len(current) > 0 {
		common = slices.DeleteFunc(slices.Clone(current), func(o origin) bool {
			return !slices.Contains(allowed, o)
		})
	}
	c.ownOrigins = &common
	return len(common) > 0
}

// markIfContains marks the record of a key as refused if it contains secret, and
// reports whether it does. The lock of the key is held. Writing continues if the
// caller's context ends, because the lock is held until the store has answered.
func (s stored) markIfContains(
	ctx context.Context, limit time.Duration, key string, rec *record, secret Secret,
) (bool, error) {
	if !rec.containsSecret(secret) {
		return false, nil
	}
	rec.Refused = true
	return true, s.writeRecordAt(context.WithoutCancel(ctx), limit, key, rec)
}

// release implements source. With closeForGood it revokes what the store holds
// and deletes it. Otherwise the credential stays valid and stored, and is only
// saved if that was not possible before. A credential that is not meant for the
// store is revoked.
func (s stored) release(ctx context.Context, c *credential, how closeMode) error {
	switch {
	// This also revokes what another process has saved and this one never used.
	case how == closeForGood:
		return s.revokeAndDelete(ctx, c)
	case c != nil && c.store != nil:
		return s.saveUnsaved(ctx, c)
	}
	return s.direct.release(ctx, c, how)
}

// saveUnsaved saves a credential that could not be saved when it was obtained. It
// does not replace what another process has saved since.
func (s stored) saveUnsaved(ctx context.Context, c *credential) error {
	if c.store.saveErr == nil || errors.Is(c.store.saveErr, errLaterVersion) {
		return nil
	}
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return s.setup.annotate(err, "save")
	}
	return s.finishThenUnlock(ctx, unlock, "save", func(ctx context.Context) error {
		rec, err := s.readRecord(ctx, limit, s.key())
		// With a nil error another process has signed in since.
		if err != nil || rec != nil && rec.ID != c.store.replacedID {
			return s.setup.annotate(err, "save")
		}
		rec = s.recordOf(c)
		rec.ID = c.store.recordID
		return s.writeRecord(ctx, limit, rec)
	})
}

// revokeAndDelete revokes the credential and what the store holds, and deletes
// that from the store. The former key comes first: no other process can then move
// its record to the session's key after that key was cleared. If the lock cannot
// be taken, the credential is revoked all the same, and the error says that the
// record remains.
func (s stored) revokeAndDelete(ctx context.Context, c *credential) error {
	formerErr := s.revokeAndDeleteFormer(ctx, c)
	unlock, err := s.lockWithin(ctx, s.setup.opts.timeout(), s.key())
	if err != nil {
		revoked := s.direct.release(ctx, c, closeForGood)
		return errors.Join(revoked, s.setup.annotate(err, "delete"), formerErr)
	}
	err = s.finishThenUnlock(ctx, unlock, "delete", func(ctx context.Context) error {
		other, err := s.deleteStored(ctx, s.setup.opts.timeout(), s.key(), c)
		return errors.Join(s.direct.release(ctx, c, closeForGood),
			s.direct.release(ctx, other, closeForGood), err)
	})
	return errors.Join(err, formerErr)
}

// rejectSecret marks the stored record as refused if it contains secret. It
// reports whether it does. The former key counts only if the session's key has no
// record, as for any other use of the store.
func (s stored) rejectSecret(ctx context.Context, secret Secret) (bool, error) {
	limit := s.setup.opts.timeout()
	unlock, err := s.lockWithin(ctx, limit, s.key())
	if err != nil {
		return false, err
	}
	var marked atomic.Bool // the caller may leave before it is set
	err = s.finishThenUnlock(ctx, unlock, "reject", func(ctx context.Context) error {
		contains, err := s.rejectLocked(ctx, limit, secret)
		marked.Store(contains)
		return err
	})
	return marked.Load(), err
}

// rejectLocked is rejectSecret while the lock of the session's key is held.
func (s stored) rejectLocked(
	ctx context.Context, limit time.Duration, secret Secret,
) (bool, error) {
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
