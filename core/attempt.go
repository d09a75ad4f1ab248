// Read on in backoff.go.

package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// audience says who is there while an attempt runs, from lowest to highest. An
// attempt asks a person to sign in only for the audience person.
type audience uint8

const (
	nobody  audience = iota // a timer or a new configuration started it
	program                 // a caller that cannot ask anybody
	person                  // a caller whose session has a UI
)

// phase says what an attempt is doing. Its order is the order of events.
type phase uint8

const (
	preparing phase = iota // it waits for inputs or for the store
	asking                 // it is in Authenticate
	spending               // it is in Authenticate, which may spend what the store holds
	signing                // it is in SignIn
	saving                 // the provider has returned
)

// calling reports whether the provider's code runs in this phase.
func (p phase) calling() bool { return p == asking || p == spending || p == signing }

// purpose says what an attempt is for.
type purpose uint8

const (
	renewal     purpose = iota // to obtain a credential, from wherever
	restoration                // to take what the store has, and to ask nobody
	personal                   // to have a person sign in, whatever there is already
)

// attempt is one call of a source: to obtain one credential. It belongs to the
// session and not to the caller that started it. It settles once, at its limit
// at the latest, whether or not the provider has returned by then.
type attempt struct {
	setup   *setup
	who     audience
	purpose purpose
	req     Request       // what to ask the provider
	have    *credential   // what the session had when the attempt began; nil: nothing
	epoch   uint32        // of the machine when the attempt began
	second  *refusedInput // of the attempt in whose place this one began; nil: of none
	ui      *UI           // how to ask the person; nil: as Options.UI says

	beginning *beginning // the call of Options.Begin; nil: it is not set

	// The machine owns these three; Session.mu guards them.
	phase   phase
	settled bool
	ended   closeMode // how the Close that settled it treats what still arrives

	err  error         // the outcome; written before done is closed
	next *attempt      // began in its place; written before done is closed; nil: none
	done chan struct{} // closed when the attempt has settled
	back chan struct{} // closed when nothing of it is left to wait for

	owner    owner
	cancel   context.CancelFunc
	deadline time.Time   // by which the source has to return; for its goroutine alone
	watch    *time.Timer // settles the attempt after the deadline
	overdue  atomic.Bool // the watch settled it; the store's lock may be another's
	unlock   atomic.Pointer[func()]
}

// owner is what an attempt reports to.
type owner interface {
	// proceed moves a to a phase. It reports whether anybody still wants the
	// outcome; if not, the attempt must not begin what the phase stands for.
	proceed(a *attempt, p phase) bool
	// settle takes the outcome of a. If nobody wants the credential any more,
	// because a has settled already, it returns how to release it.
	settle(a *attempt, o obtained, err error, took time.Duration) (release bool, how closeMode)
	// waits tells that a waits for something, for a limit at most.
	waits(a *attempt, what WaitFor, limit time.Duration)
	// report delivers the events that have occurred.
	report()
}

// source is where credentials come from, and where they go at the end.
type source interface {
	// obtain returns a credential for an attempt. With an error, the credential
	// is one that arrived too late to be used.
	obtain(ctx context.Context, a *attempt) (obtained, error)
	// release does what is due when a credential will not be used any more. c
	// is nil if there is none.
	release(ctx context.Context, c *credential, how closeMode) error
}

// closeMode says how a session is closed, or what becomes of a credential.
type closeMode uint8

const (
	closeForNow  closeMode = iota // what is stored stays there
	closeForGood                  // what is stored is revoked and deleted, too
	closeBlock                    // as closeForNow, if the last block initialised the session
)

// obtained is the outcome of an attempt.
type obtained struct {
	cred      *credential
	restored  bool          // it came from the store, and nobody was asked
	presented bool          // the provider was given a refresh state to present
	refused   bool          // the issuer refused that refresh state
	signedIn  bool          // a person signed in
	input     *refusedInput // the server refused an input, which was rejected; nil: none
}

// refusedInput is an input of an attempt that the server refused.
type refusedInput struct {
	role string
	id   uint64 // of the credential
	err  error  // what the provider said
}

var (
	errSuperseded = errors.New("superseded")                      // its waiters wait on, or ask again
	errNotStored  = errors.New("the store holds nothing to take") // outcome of a restoration
)

func isNotStored(err error) bool { return errors.Is(err, errNotStored) }

// launch starts the attempt on a goroutine of its own.
func (a *attempt) launch(own owner, src source) {
	a.done, a.back, a.owner = make(chan struct{}), make(chan struct{}), own
	if a.setup.opts.Begin != nil {
		a.beginning = &beginning{
			limit: time.Now().Add(beginLimit), done: make(chan struct{}),
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.allow(a.setup.opts.timeout())
	go a.run(ctx, src)
}

// begin calls Options.Begin. The goroutine that started the attempt calls it, once
// and without a lock.
func (a *attempt) begin(ctx context.Context) {
	if a.beginning == nil {
		return
	}
	u := a.setup
	a.beginning.run(ctx, u.opts.Begin, Event{
		Session: u.name, Kind: u.opts.Kind, Environment: u.opts.Environment,
		Type: EventStarting, Reason: a.req.Reason, Subject: a.have.subject(),
	})
}

// run calls the source. Its deferred part also runs if the provider ends the
// goroutine (runtime.Goexit). The store is unlocked after the attempt has
// settled, so that a store that hangs there delays no caller.
func (a *attempt) run(ctx context.Context, src source) {
	began := time.Now()
	var o obtained
	err := Errorf(CodeUnavailable, "the provider ended its goroutine")
	defer func() {
		a.watch.Stop()
		a.cancel()
		if release, how := a.owner.settle(a, o, err, time.Since(began)); release {
			a.releaseLock() // releasing the credential may take it
			if err := src.release(context.Background(), o.cred, how); err != nil {
				a.setup.warn("session could not release a credential that came late", err)
			}
		}
		close(a.back)
		a.releaseLock()
		a.owner.report()
	}()
	o, err = src.obtain(a.beginning.await(ctx, time.Until(a.deadline)/2), a)
}

// allow gives the attempt a new limit from now on.
func (a *attempt) allow(limit time.Duration) {
	if a.watch != nil {
		a.watch.Stop()
	}
	a.deadline = time.Now().Add(limit)
	a.watch = time.AfterFunc(limit+grace, func() {
		a.overdue.Store(true)
		err := Errorf(CodeUnavailable, "the attempt did not finish within %v: %w",
			limit, context.DeadlineExceeded)
		a.owner.settle(a, obtained{}, err, limit)
		a.cancel()
		a.releaseLock() // another process need not wait for this provider
		a.owner.report()
	})
}

// left returns how long a call into a store may take, so that it returns before
// the attempt's limit even if it ignores its context.
func (a *attempt) left() time.Duration {
	left := time.Until(a.deadline)
	return max(left-grace, left/2)
}

// allowPerson runs fn, which may wait until a person has signed in elsewhere:
// in another session or in another process. That time does not count.
func (a *attempt) allowPerson(fn func()) {
	left := time.Until(a.deadline)
	a.allow(signInTimeout)
	fn()
	a.allow(left)
}

// announceWait tells the owner that the attempt waits for something, unless the
// caller runs the function that it returns within a tenth of a second.
func (a *attempt) announceWait(what WaitFor, limit time.Duration) (over func()) {
	opts := a.setup.opts
	if limit <= grace || opts.Logger == nil && opts.Observe == nil {
		return func() {}
	}
	t := time.AfterFunc(grace, func() { a.owner.waits(a, what, limit-grace) })
	return func() { t.Stop() }
}

// call calls the provider within a limit, and turns a panic into an error.
func (a *attempt) call(
	ctx context.Context, p phase, fn func(context.Context) (Credential, error),
) (c Credential, err error) {
	if !a.owner.proceed(a, p) {
		return Credential{}, errSuperseded
	}
	if p == signing {
		left := time.Until(a.deadline)
		a.allow(signInTimeout)
		defer func() { a.allow(max(left, time.Second)) }()
	}
	ctx, cancel := context.WithDeadline(a.setup.opts.withAuthTransport(ctx), a.deadline)
	defer cancel()
	defer a.owner.proceed(a, saving)
	defer func() {
		if r := recover(); r != nil {
			c, err = Credential{}, Errorf(CodeUnavailable, "the provider panicked (%T)", r)
		}
	}()
	c, err = fn(ctx)
	var coded *Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &coded) {
		err = Errorf(CodeUnavailable, "the provider did not finish in time: %w", ctx.Err())
	}
	return c, err
}

// unlockQuietly unlocks a store that may hang or panic. It does not wait long.
func unlockQuietly(ctx context.Context, unlock func()) {
	_ = within(ctx, grace, func(context.Context) error {
		unlock()
		return nil
	})
}

// keepLock remembers how to release the store's lock once the attempt has
// settled.
func (a *attempt) keepLock(unlock func()) { a.unlock.Store(&unlock) }

// beforeUnlock makes the release of the store's lock run fn first. If the lock
// is not held any more, fn does not run.
func (a *attempt) beforeUnlock(fn func()) {
	if unlock := a.unlock.Swap(nil); unlock != nil {
		a.keepLock(func() {
			fn()
			(*unlock)()
		})
	}
}

// releaseLock releases the store's lock if the attempt holds it.
func (a *attempt) releaseLock() {
	if unlock := a.unlock.Swap(nil); unlock != nil {
		unlockQuietly(context.Background(), *unlock)
	}
}

// await waits for a channel to close, or for ctx.
func await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	default:
	}
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return gone(ctx)
	}
}

// gone is the error of a caller whose context ended.
func gone(ctx context.Context) error {
	return Errorf(CodeUnavailable, "the caller did not wait: %w", context.Cause(ctx))
}

// settles waits until the attempt has settled, or the one that began in its place,
// and returns that one.
func (a *attempt) settles(ctx context.Context) (*attempt, error) {
	for {
		if err := await(ctx, a.done); err != nil || a.next == nil {
			return a, err
		}
		a = a.next
	}
}

// last returns the attempt that began in the place of a settled one, or that one.
func (a *attempt) last() *attempt {
	for a.next != nil {
		a = a.next
	}
	return a
}

// outcome returns what a settled attempt means for a caller of an audience that
// waited for it: an error, or that it asks again.
func (a *attempt) outcome(who audience) (err error, again bool) {
	switch {
	case a.err == nil, errors.Is(a.err, errSuperseded), a.purpose == restoration:
		return nil, true
	case a.who < who && CodeOf(a.err) == CodeInteractive:
		return nil, true
	}
	return a.err, false
}
