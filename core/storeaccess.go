// Read on in formerkey.go.

package core

import (
	"context"
	"errors"
	"slices"
	"time"
)

// stored is the source of a session with a store. It first uses what the store
// holds. Otherwise it obtains a credential under the lock of the session's key,
// so that of all processes one asks the issuer and the others take what it saved.
// This matters most with refresh tokens that an issuer accepts once: if two
// processes present the same one, the issuer may revoke the tokens of both.
//
// The following holds for every access:
//
//   - A record is replaced or deleted only while the lock is held. A process whose
//     attempt has timed out has lost the lock and writes nothing more.
//   - A credential is saved before the attempt settles, so that no caller uses one
//     that a crash would lose.
//   - A record of another session is neither used nor changed. A record of a later
//     version of this package is not used, and only a person's sign-in or SignOut
//     replaces or deletes it.
//   - Locks are taken in one order: the session's key, then its former key.
type stored struct{ direct }

// storeMeta says what the store has of a credential.
type storeMeta struct {
	recordID   string // of the record that holds the credential
	replacedID string // of the record that it replaced; empty: none
	saveErr    error  // why the credential was not saved; nil: it was
}

// isRecord reports whether a record holds the credential, or is the one that the
// credential replaced: then the record has nothing that the session does not
// know.
func (m *storeMeta) isRecord(id string) bool {
	return m != nil && (id == m.recordID || id == m.replacedID)
}

// storeError returns why the store does not have the credential. It returns nil
// if the store has it, or if there is no store.
func (c *credential) storeError() error {
	if c.store == nil {
		return nil
	}
	return c.store.saveErr
}

// storeContent is what a look into the store found, and what it means for an
// attempt.
type storeContent struct {
	// usable is a credential to use at once, and fallback a stale one to use if the
	// provider cannot be reached. At most one of them is set.
	usable   *credential
	fallback *credential

	request      Request    // what to ask the provider: Previous is what is stored
	recordID     string     // of the record; empty: there is none that can be read
	stored       Credential // of that record
	signedIn     bool       // a person signed in for that record
	laterVersion bool       // there is one of a later version, which cannot be read
}

// isEmpty reports whether nothing is stored.
func (c storeContent) isEmpty() bool { return c.recordID == "" && !c.laterVersion }

// readRecord reads the record of a key. It returns nil if there is none, or one
// that is damaged: such a record is of no use to any program and is replaced. It
// returns errLaterVersionRecord for a record of a later version, and an error
// that wraps errOtherSession for one of another session.
func (s stored) readRecord(ctx context.Context, limit time.Duration, key string) (*record, error) {
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
	case errors.Is(err, errLaterVersion):
		return nil, errLaterVersionRecord
	case err != nil:
		return nil, Errorf(CodeOf(err), "the store: %w", Cause(err))
	}
	return rec, s.checkIdentity(rec, key)
}

// readText calls Store.Load within a limit. The result goes through a channel,
// because a Load that ignores the limit still writes it later.
func (s stored) readText(ctx context.Context, limit time.Duration, key string) (Secret, error) {
	loaded := make(chan Secret, 1) // a result that comes too late stays there
	err := callWithin(ctx, limit, func(ctx context.Context) error {
		text, err := s.setup.opts.Store.Load(ctx, key)
		loaded <- text
		return err
	})
	if err != nil {
		return Secret{}, err
	}
	return <-loaded, nil
}

// checkIdentity returns an error for a record that belongs to another session:
// one of another kind, environment or scope, or one that may only be sent to
// other origins. The error says how to separate the two sessions. A record
// without an identity, or without a scope under the former key, was saved before
// records had them and is accepted.
func (s stored) checkIdentity(rec *record, key string) error {
	const advice = "rename the session, or give it another Options.StoreKey"
	want := s.identity()
	if rec.Identity != nil {
		saved := *rec.Identity
		// Records under a former key were saved before there were scopes.
		if key == s.formerKey() && saved.Scope == "" {
			saved.Scope = want.Scope
		}
		if saved != want {
			return Errorf(CodeBadConfig, "the store's credential %q %w: that is %v; this is %v: %s",
				key, errOtherSession, *rec.Identity, want, advice)
		}
	}
	allowed, err := parseOrigins(rec.AllowedOrigins)
	if err != nil || len(allowed) == 0 || len(s.setup.origins) == 0 ||
		originsOverlap(allowed, s.setup.origins) {
		return nil
	}
	return Errorf(CodeBadConfig, "the store's credential %q %w: that is for %q; this is for %q: %s",
		key, errOtherSession, rec.AllowedOrigins, s.setup.opts.Origins, advice)
}

// originsOverlap reports whether two lists have an origin in common.
func originsOverlap(a, b []origin) bool {
	return slices.ContainsFunc(a, func(o origin) bool { return slices.Contains(b, o) })
}

// identity returns the identity of this session's records.
func (s stored) identity() identity {
	o := s.setup.opts
	return identity{Kind: o.Kind, Environment: string(o.Environment), Scope: o.StoreScope}
}

// saveObtained saves c in the place of what the store contained. The lock is
// held. If saving fails, the session uses c all the same, because the issuer may
// accept nothing else any more. The record that c replaces may be spent then: it
// is removed before another process can take the lock and present it again. No
// caller waits for the removal, because it runs after the attempt has settled.
func (s stored) saveObtained(
	ctx context.Context, a *attempt, c *credential, content storeContent,
) {
	// Such a credential comes from the settings alone, as a fixed API key does.
	// Storing it would only add a copy of a secret.
	if c.cred.RefreshState.IsZero() && c.cred.Expiry.IsZero() {
		return
	}
	// A cancelled attempt must still save what the issuer has given.
	ctx = context.WithoutCancel(ctx)
	rec := s.recordOf(c)
	err := s.writeRecord(ctx, a.storeCallLimit(), rec)
	c.store = &storeMeta{recordID: rec.ID, replacedID: content.recordID, saveErr: err}
	if c.store.saveErr == nil {
		return
	}
	s.setup.warn("session could not save its credential", c.store.saveErr)
	// If the refresh state is the same, the record is as good as before.
	if content.recordID != "" && !content.stored.RefreshState.Equal(c.cred.RefreshState) {
		limit := s.setup.opts.timeout()
		a.beforeUnlock(func() { _ = s.deleteRecord(ctx, limit, s.key()) })
	}
}

// recordOf makes a record of a credential of this session.
func (s stored) recordOf(c *credential) *record {
	rec := newRecord(c.cred)
	id := s.identity()
	rec.Identity, rec.SignedIn = &id, c.signedIn
	for _, o := range c.origins() {
		rec.AllowedOrigins = append(rec.AllowedOrigins, o.text)
	}
	return rec
}

// writeRecord saves a record under the session's key. The lock is held.
func (s stored) writeRecord(ctx context.Context, limit time.Duration, rec *record) error {
	return s.writeRecordAt(ctx, limit, s.key(), rec)
}

// writeRecordAt saves a record under a key whose lock is held.
func (s stored) writeRecordAt(
	ctx context.Context, limit time.Duration, key string, rec *record,
) error {
	text, err := rec.encode()
	if err == nil {
		err = callWithin(ctx, limit, func(ctx context.Context) error {
			return s.setup.opts.Store.Save(ctx, key, text)
		})
	}
	return s.setup.annotate(err, "save")
}

// deleteRecord deletes the record of a key whose lock is held.
func (s stored) deleteRecord(ctx context.Context, limit time.Duration, key string) error {
	return s.setup.annotate(callWithin(ctx, limit, func(ctx context.Context) error {
		return s.setup.opts.Store.Delete(ctx, key)
	}), "delete")
}

// markRefused marks a record that the API and the issuer have refused. Other
// processes, and later ones, then ask the issuer instead of trying the credential
// again. The lock is held. Another record may be there by now, which is not
// marked.
func (s stored) markRefused(ctx context.Context, a *attempt, id string) {
	ctx = context.WithoutCancel(ctx)
	rec, err := s.readRecord(ctx, a.storeCallLimit(), s.key())
	if err != nil || rec == nil || rec.ID != id {
		return
	}
	rec.Refused = true
	if err := s.writeRecord(ctx, a.storeCallLimit(), rec); err != nil {
		s.setup.warn("session could not mark its stored credential as refused", err)
	}
}

// lockForAttempt takes the lock of the session's key for an attempt. Another
// process may hold it because a person signs in there: a caller that could ask a
// person, too, waits as long as a sign-in takes, and then uses its result.
func (s stored) lockForAttempt(ctx context.Context, a *attempt) (err error) {
	take := func() {
		limit := time.Until(a.deadline)
		defer a.announceWait(WaitForStore, limit)()
		var unlock func()
		if unlock, err = s.lockWithin(ctx, limit, s.key()); err == nil {
			a.setUnlock(unlock)
		}
	}
	// For another audience the lock of a sign-in elsewhere is not worth the wait:
	// the callers expect an answer within Options.Timeout.
	if a.audience == person {
		a.runWithSignInLimit(take)
	} else {
		take()
	}
	return err
}

// lockWithin takes the lock of a key within a limit. A Store that ignores its
// context may return the lock after the limit. The goroutine that called it then
// unlocks it at once, or no process could take it any more.
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
				// The caller has left.
				if out.err == nil && out.unlock != nil {
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
	// The Store's own error may only say that its context ended. A person who
	// reads that one learns nothing about the cause.
	if ctx.Err() != nil {
		return nil, Errorf(CodeUnavailable,
			"the store's lock is held elsewhere (is somebody signing in there?): %w", ctx.Err())
	}
	return nil, Errorf(CodeOf(err), "the store: %w", Cause(err))
}

// key returns the key of the session's record. Text that separates sessions of
// one name, such as the account, follows the name.
func (s stored) key() string {
	if key := s.setup.opts.StoreKey; key != "" {
		return key
	}
	if scope := s.setup.opts.StoreScope; scope != "" {
		return s.setup.name + "-" + scope
	}
	return s.setup.name
}

// finishThenUnlock runs fn and then unlocks. It returns by the end of ctx, but
// what fn has begun is completed before the lock is released: a store that
// answers late must not replace or delete what another process has saved by then.
// op is the operation that an error names.
func (s stored) finishThenUnlock(
	ctx context.Context, unlock func(), op string, fn func(context.Context) error,
) error {
	limit := s.setup.opts.timeout() + grace
	done := make(chan error, 1) // a result that comes too late stays there
	err := callWithin(ctx, maxLockedCalls*limit, func(ctx context.Context) error {
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

// deleteStored deletes what is stored under a key, whether or not it can be read,
// unless it is another session's. It returns the stored credential if it is not
// c, so that the caller can revoke it, too. The lock of the key is held.
func (s stored) deleteStored(
	ctx context.Context, limit time.Duration, key string, c *credential,
) (other *credential, err error) {
	rec, err := s.readRecord(ctx, limit, key)
	switch {
	// It cannot be read, and so not be revoked. SignOut deletes it all the same.
	case errors.Is(err, errLaterVersion):
	case err != nil:
		return nil, s.setup.annotate(err, "delete")
	case rec == nil:
		return nil, nil
	case c == nil || !c.store.isRecord(rec.ID):
		// The issuer does not know that a record was deleted: its tokens stay
		// valid until they are revoked.
		other = &credential{setup: s.setup, cred: rec.credential()}
	}
	return other, s.deleteRecord(ctx, limit, key)
}

// formerKey returns the former key, or "" if there is none.
func (s stored) formerKey() string {
	if key := s.setup.opts.StoreFormerKey; key != s.key() {
		return key
	}
	return ""
}

// maxLockedCalls is how many calls, each with its own limit, a lock is held for
// at the end of a session: a read, a deletion and two revocations.
const maxLockedCalls = 4
