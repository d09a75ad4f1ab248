// Read on in backoff.go.

package core

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// audience says for whom an attempt runs, from lowest to highest. An attempt asks
// a person to sign in only for the audience person. The order matters: callers of
// a higher audience share the attempts of a lower one, except for an Interactive,
// which only says that the lower audience could not ask anybody.
type audience uint8

const (
	nobody  audience = iota // a timer or a new configuration; there is no caller
	program                 // a caller whose session has no UI, or must not use it
	person                  // a caller whose session has a UI
)

// phase says what an attempt is doing. Its order is the order in time. Close and
// an abort depend on it: an attempt in phaseSpending must be completed, and one
// in phaseSigningIn may wait for a person for minutes.
type phase uint8

const (
	phasePreparing phase = iota // it waits for inputs or for the store
	phaseAsking                 // Authenticate runs
	phaseSpending               // Authenticate runs and may spend what the store holds
	phaseSigningIn              // SignIn runs
	phaseSaving                 // the provider has returned
)

// calling reports whether the provider's code runs in this phase. A second call
// must not begin then.
func (p phase) calling() bool {
	return p == phaseAsking || p == phaseSpending || p == phaseSigningIn
}

// purpose says what an attempt is for.
type purpose uint8

const (
	purposeRenew   purpose = iota // to obtain a credential, from the store or the provider
	purposeRestore                // to take what the store has, without the provider
	purposeSignIn                 // to have a person sign in, even with a fresh credential
)

// attempt is one call of a source to obtain one credential. It belongs to the
// session and not to the caller that started it: callers join it and leave it
// with their contexts, and the attempt continues. It settles once, at its limit
// at the latest, whether or not the provider has returned by then.
//
// An attempt has two goroutines. One runs the source. The other is the timer
// limitTimer, which settles the attempt in the place of a source that does not
// return in time. Session.settle decides between them: the first one settles, and
// what the second one brings is late.
type attempt struct {
	setup    *setup
	audience audience
	purpose  purpose
	request  Request     // what to ask the provider
	previous *credential // what the session had when the attempt began; nil: nothing
	epoch    uint32      // of the machine when the attempt began
	ui       *UI         // how to ask the person; nil: as Options.UI says

	// rejectedInput is set if this attempt replaces one: it is the input that the
	// replaced attempt was refused, and which its session has rejected.
	rejectedInput *refusedInput
	beginCall     *beginCall // the call of Options.Begin; nil: it is not set

	// The machine owns these three; Session.mu guards them.
	phase     phase
	settled   bool
	closeMode closeMode // of the Close that aborted it, for what still arrives

	// err is the outcome, and successor the attempt that replaced this one, or nil.
	// Both are written before done is closed and are read after it.
	err       error
	successor *attempt
	// done is closed when the attempt has settled: callers wait for it. finished is
	// closed when its goroutine has also released what came late: Close waits for it.
	done     chan struct{}
	finished chan struct{}

	owner      attemptOwner
	cancel     context.CancelFunc
	deadline   time.Time   // of the source; only the attempt's goroutine uses it
	limitTimer *time.Timer // settles the attempt after the deadline
	// timedOut says that limitTimer has fired. The store's lock was given up then, and
	// another process may hold it: nothing may be written to the store any more.
	timedOut atomic.Bool
	unlock   atomic.Pointer[func()] // unlocks the store; nil: the lock is not held
}

// attemptOwner is what an attempt reports to: the session, or a fake in tests.
// The attempt never locks or reads the session itself.
type attemptOwner interface {
	// enterPhase moves a to a phase. It reports whether a caller may still use the
	// outcome; if not, the attempt must not begin what the phase stands for.
	enterPhase(a *attempt, p phase) bool
	// settle takes the outcome of a. If release is true, a had settled already and
	// the credential is not used: the attempt releases it as how says.
	settle(a *attempt, o obtained, err error, took time.Duration) (release bool, how closeMode)
	// noteWait records that a waits for something, for limit at most.
	noteWait(a *attempt, what WaitFor, limit time.Duration)
	// deliverEvents delivers the events that have occurred.
	deliverEvents()
}

// source is where credentials come from, and where they go at the end. The
// machine does not know whether a source has a store.
type source interface {
	// obtain returns a credential for an attempt. With an error, the credential is
	// one that arrived too late to be used, and which has to be released.
	obtain(ctx context.Context, a *attempt) (obtained, error)
	// release revokes or saves a credential that is not used any more. c is nil if
	// there is none; a source with a store then still treats what is stored as how
	// says.
	release(ctx context.Context, c *credential, how closeMode) error
}

// closeMode says how a session is closed, and how a credential is released.
type closeMode uint8

const (
	closeForNow  closeMode = iota // Close: what is stored stays in the store
	closeForGood                  // SignOut: what is stored is revoked and deleted
	closeBlock                    // the end of a block: closeForNow if it is the last one
)

// obtained is the outcome of an attempt. The flags describe how far it came, also
// if it failed: decideRefusedUse needs them.
type obtained struct {
	credential       *credential
	restored         bool          // it came from the store; the provider was not called
	presentedRefresh bool          // the provider was given a refresh state to present
	refreshRefused   bool          // the issuer refused that refresh state
	signedIn         bool          // a person signed in
	refusedInput     *refusedInput // refused by the server and rejected; nil: none
}

// refusedInput is an input of an attempt that the server refused. The attempt
// that replaces this one compares the id, so that it does not present the same
// credential again if the input's session has no other one yet.
type refusedInput struct {
	role string
	id   uint64 // of the credential
	err  error  // what the provider said
}

var (
	// errSuperseded is the outcome of an attempt that Reconfigure aborted or another
	// attempt replaced. No caller gets it: they ask again or wait for the successor.
	errSuperseded = errors.New("superseded")
	// errNotStored is the outcome of a restoration that found no usable credential.
	errNotStored = errors.New("the store holds nothing to take")
)

func isNotStored(err error) bool { return errors.Is(err, errNotStored) }

// launch starts the attempt on a goroutine of its own. Its context has no parent:
// a caller that leaves must not cancel what other callers wait for, and a token
// request that is cancelled halfway may have spent the refresh token.
func (a *attempt) launch(owner attemptOwner, source source) {
	a.done, a.finished, a.owner = make(chan struct{}), make(chan struct{}), owner
	if a.setup.opts.Begin != nil {
		a.beginCall = &beginCall{
			deadline: time.Now().Add(beginLimit), done: make(chan struct{}),
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	a.setLimit(a.setup.opts.timeout())
	go a.run(ctx, source)
}

// begin calls Options.Begin. The goroutine that started the attempt calls it,
// once and without a lock, with the caller's context, so that a span of the
// caller can become the parent of the attempt's span.
func (a *attempt) begin(ctx context.Context) {
	if a.beginCall == nil {
		return
	}
	cfg := a.setup
	a.beginCall.run(ctx, cfg.opts.Begin, Event{
		Session: cfg.name, Kind: cfg.opts.Kind, Environment: cfg.opts.Environment,
		Type: EventStarting, Reason: a.request.Reason, Subject: a.previous.subject(),
	})
}

// run calls the source and settles with what it returns. Settling is deferred,
// because a provider may end the goroutine (runtime.Goexit) and callers would
// otherwise wait until the limit. The order of the deferred part matters:
//
//   - The attempt settles first and the store is unlocked afterwards, so that a
//     store which hangs in its unlock delays no caller.
//   - A credential that came too late is released before finished is closed,
//     because Close waits for finished and must not return earlier.
//   - Events are reported last, because an Observe may call Close.
func (a *attempt) run(ctx context.Context, source source) {
	began := time.Now()
	var outcome obtained
	err := Errorf(CodeUnavailable, "the provider ended its goroutine")
	defer func() {
		a.limitTimer.Stop()
		a.cancel()
		// Releasing the credential may need the store's lock, so it is unlocked
		// before.
		if release, how := a.owner.settle(a, outcome, err, time.Since(began)); release {
			a.releaseLock()
			if err := source.release(context.Background(), outcome.credential, how); err != nil {
				a.setup.warn("session could not release a credential that came late", err)
			}
		}
		close(a.finished)
		a.releaseLock()
		a.owner.deliverEvents()
	}()
	// At most half of the time is left to Options.Begin.
	outcome, err = source.obtain(a.beginCall.addValues(ctx, time.Until(a.deadline)/2), a)
}

// setLimit gives the attempt a new limit that begins now. The context of a call
// ends at the limit; the timer fires a little later, so that a provider which
// obeys its context settles the attempt with its own error. A provider that
// ignores its context loses the attempt to the timer, and the store's lock, too:
// another process does not have to wait for it.
func (a *attempt) setLimit(limit time.Duration) {
	if a.limitTimer != nil {
		a.limitTimer.Stop()
	}
	a.deadline = time.Now().Add(limit)
	a.limitTimer = time.AfterFunc(limit+grace, func() {
		a.timedOut.Store(true)
		err := Errorf(CodeUnavailable, "the attempt did not finish within %v: %w",
			limit, context.DeadlineExceeded)
		a.owner.settle(a, obtained{}, err, limit)
		a.cancel()
		a.releaseLock()
		a.owner.deliverEvents()
	})
}

// storeCallLimit returns how long a call into a store may take, so that it
// returns before the attempt's limit even if it ignores its context. Close to the
// limit, where grace would be all of the time, it is half of what is left.
func (a *attempt) storeCallLimit() time.Duration {
	remaining := time.Until(a.deadline)
	return max(remaining-grace, remaining/2)
}

// runWithSignInLimit runs fn, which may wait until a person has signed in
// elsewhere: in another session or in another process. That takes minutes, so
// that the attempt has the limit of a sign-in meanwhile. Afterwards it has the
// time that was left before.
func (a *attempt) runWithSignInLimit(fn func()) {
	remaining := time.Until(a.deadline)
	a.setLimit(a.setup.opts.signInTimeout())
	fn()
	a.setLimit(remaining)
}

// announceWait tells the owner that the attempt waits for something, unless the
// caller calls stop before grace has passed: short waits are not worth an event.
func (a *attempt) announceWait(what WaitFor, limit time.Duration) (stop func()) {
	opts := a.setup.opts
	if limit <= grace || opts.Logger == nil && opts.Observe == nil {
		return func() {}
	}
	t := time.AfterFunc(grace, func() { a.owner.noteWait(a, what, limit-grace) })
	return func() { t.Stop() }
}

// callProvider calls the provider within the attempt's limit. It asks the owner
// first, because an attempt that has settled must not call the provider any more.
// A panic becomes an error, so that a faulty provider does not end the program.
// The text of the panic is left out, because it may contain a secret.
func (a *attempt) callProvider(
	ctx context.Context, p phase, fn func(context.Context) (Credential, error),
) (c Credential, err error) {
	if !a.owner.enterPhase(a, p) {
		return Credential{}, errSuperseded
	}
	// A person needs minutes. What comes after the sign-in has the time that was
	// left before it, and at least a second to save the result.
	if p == phaseSigningIn {
		left := time.Until(a.deadline)
		a.setLimit(a.setup.opts.signInTimeout())
		defer func() { a.setLimit(max(left, time.Second)) }()
	}
	ctx, cancel := a.callContext(a.setup.contextOfCall(ctx), p)
	defer cancel()
	// This also runs after a panic and tells the machine that the call has
	// returned.
	defer a.owner.enterPhase(a, phaseSaving)
	defer func() {
		if r := recover(); r != nil {
			c, err = Credential{}, Errorf(CodeUnavailable, "the provider panicked (%T)", r)
		}
	}()
	c, err = fn(ctx)
	var coded *Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &coded) {
		// The provider returned the bare error of its context: that is an outage
		// and not an answer.
		err = Errorf(CodeUnavailable, "the provider did not finish in time: %w", ctx.Err())
	}
	return c, err
}

// callContext returns the context of a call into the provider, which ends at the limit
// of the attempt. The limit of a sign-in can move.
func (a *attempt) callContext(ctx context.Context, p phase) (context.Context, func()) {
	if p == phaseSigningIn {
		timer := a.limitTimer
		return newSignInContext(ctx, a.setup, a.deadline, func(limit time.Duration) {
			timer.Reset(limit + grace)
		})
	}
	return context.WithDeadline(ctx, a.deadline)
}

// unlockQuietly unlocks a store. The unlock function is the program's code: it
// may hang or panic, and must not take the attempt with it.
func unlockQuietly(ctx context.Context, unlock func()) {
	_ = callWithin(ctx, grace, func(context.Context) error {
		unlock()
		return nil
	})
}

// setUnlock records how to unlock the store once the attempt has settled.
func (a *attempt) setUnlock(unlock func()) { a.unlock.Store(&unlock) }

// beforeUnlock makes fn run before the store is unlocked, and after the attempt
// has settled: no caller waits for fn, and no other process can take the lock
// before fn has ended. If the lock has been given up already, fn does not run,
// because another process may have written to the store since.
func (a *attempt) beforeUnlock(fn func()) {
	if unlock := a.unlock.Swap(nil); unlock != nil {
		a.setUnlock(func() {
			fn()
			(*unlock)()
		})
	}
}

// releaseLock unlocks the store if the attempt holds its lock. The timer and the
// source's goroutine may both call it; the swap gives the lock to one of them.
func (a *attempt) releaseLock() {
	if unlock := a.unlock.Swap(nil); unlock != nil {
		unlockQuietly(context.Background(), *unlock)
	}
}

// await waits until a channel is closed or ctx ends. A channel that is closed
// already counts even if ctx has ended, too: a caller gets the outcome that is
// there.
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
		return contextError(ctx)
	}
}

// contextError is the error of a caller whose context ended.
func contextError(ctx context.Context) error {
	return Errorf(CodeUnavailable, "the caller did not wait: %w", context.Cause(ctx))
}

// awaitSettled waits until the attempt has settled, or the last one that replaced
// it, and returns that one.
func (a *attempt) awaitSettled(ctx context.Context) (*attempt, error) {
	for {
		if err := await(ctx, a.done); err != nil || a.successor == nil {
			return a, err
		}
		a = a.successor
	}
}

// lastSuccessor returns the last attempt that replaced a settled one, or that one
// itself.
func (a *attempt) lastSuccessor() *attempt {
	for a.successor != nil {
		a = a.successor
	}
	return a
}

// outcome returns what a settled attempt means for a caller of an audience that
// waited for it: an error, or that it asks again. A caller does not get its
// credential from here. It asks the machine again, which decides whether it may
// have what the attempt obtained (invariant 6 of the machine).
func (a *attempt) outcome(who audience) (err error, askAgain bool) {
	switch {
	case a.err == nil, errors.Is(a.err, errSuperseded), a.purpose == purposeRestore:
		return nil, true
	case a.audience < who && CodeOf(a.err) == CodeInteractive:
		return nil, true
	}
	return a.err, false
}
