// Read on in settle.go.

package core

import (
	"errors"
	"time"
)

// machine decides what a session does next. It is pure: it holds no lock, starts
// no goroutine, reads no clock and sends nothing, so that a test can visit every
// state that it can reach (walk_test.go). Time, random numbers and options are
// arguments. Every method is one event. What the session must do because of an
// event is returned as effects, or as a verdict for a caller. Session.mu guards
// the machine.
//
// The following invariants hold before and after each event. The walk checks
// them, and mutants_test.go shows for each one that the check finds a machine
// which breaks it.
//
//  1. At most one attempt has not settled.
//  2. An attempt settles once.
//  3. current implies ready; parked implies not ready; refused implies ready and
//     no current.
//  4. No call into a provider begins while another one runs in the same setup.
//  5. An attempt that may spend a stored refresh state is neither cancelled nor
//     dropped before the outcome is saved.
//  6. An attempt for nobody never reaches SignIn, and a caller never gets the
//     Interactive of an attempt for a lower audience.
//  7. A refused credential is served again only while its refusal is tolerated,
//     only to callers that see the API's answers, and never to a caller that
//     waited for its replacement.
//  8. After Close nothing is served, and a credential that still arrives is
//     released.
//  9. The end of the last block closes the session if and only if a block
//     initialised it.
//  10. No attempt begins before the wait after a failure has ended, except the
//     first Init after a failure, an attempt for an audience that the Interactive
//     of a lower one does not bind, and a restoration, which does not call the
//     provider. A new configuration ends all waits.
//  11. Every error that an attempt settles with says when the next attempt may be
//     made.
//  12. A caller waits only for an attempt that has not settled, and every attempt
//     has a limit.
//  13. An attempt that settles is reported with one event that ends it, and an
//     attempt that calls SignIn with the event SigningIn. SubjectChanged is
//     reported if and only if a credential replaces one with another subject.
type machine struct {
	state   lifecycle
	refusal refusedUse // what the credential in refused may be used for

	// initByBlock says that a block initialised the session and nothing else has since:
	// then the last block closes it. blocks counts the blocks inside Do.
	initByBlock bool
	blocks      int32

	// epoch is how often Close ran. An Init that began in an earlier epoch fails, and
	// what a settled attempt of an earlier epoch obtains is not used.
	epoch  uint32
	counts counts

	// current is the credential that callers get, except for the cases of refused.
	current *credential
	// parked was obtained for an Init whose caller had left by then. The next Init
	// takes it, so that what a person or an issuer was asked for is not lost.
	parked *credential
	// refused is the credential that the API refused, until another one replaces it.
	refused *credential

	// attempt has not settled. stuck has settled at its limit or was aborted, and the
	// provider's call has not returned: until then that provider is not called again.
	attempt *attempt
	stuck   *attempt

	// failures are those since the last success, and refusals those in a row. Both
	// pace attempts; nil means that there is none.
	failures *failures
	refusals *refusalBackoff
}

// lifecycle says what Init and Close have made of a session. It is only a part of
// what [State] tells: State also depends on the age of the credential, which
// changes without an event, so that it is derived when somebody asks for it.
type lifecycle uint8

const (
	lifeNew     lifecycle = iota // no Init has succeeded yet
	lifeReady                    // initialised
	lifeClosing                  // Close runs
	lifeClosed                   // Close has returned
)

// refusedUse says what a refused credential may be used for. A refusal alone does
// not prove that the credential is bad: an API may answer 401 for one of its
// paths, or during an outage of its own. The outcome of the attempt to replace
// the credential decides.
type refusedUse uint8

const (
	refusalNone      refusedUse = iota // there is no refused credential
	refusalUndecided                   // the first attempt to replace it has not settled
	refusalTolerated                   // that attempt failed and does not show that it is bad
	refusalFinal                       // it is not served again
)

// counts are the numbers that Status shows. They never decide anything.
type counts struct{ authentications, failures, refusals uint32 }

// policy is what the machine needs to know of a setup. The machine never reads
// the options itself, so that the walk can give it any combination of them.
type policy struct {
	setup     *setup
	lazy      bool                              // Options.Lazy
	keepFresh bool                              // Options.KeepFresh
	timeout   time.Duration                     // Options.Timeout
	random    func(time.Duration) time.Duration // below its argument, which is positive
}

// caller describes the call that an event comes from.
type caller struct {
	audience audience
	// seesAnswers: the caller sends the request itself and sees the API's answer, and
	// it has not waited for an attempt. Only such a caller may get a refused credential.
	seesAnswers  bool
	contextEnded bool
}

// verdict is what a caller does next. Exactly one of serve, wait, sleep,
// awaitClose and err is set; the effects are for the session and may accompany
// any of them.
type verdict struct {
	serve      *credential
	recheckAt  instant // with serve: when to decide again
	wait       *attempt
	sleep      time.Duration
	awaitClose bool // wait until Close has ended, and ask again
	err        error
	epoch      uint32 // of the machine at this event
	effects
}

// effects is what the session does after an event, in addition to publishing
// current. The machine only names these actions, because each of them needs a
// goroutine, a lock or the network.
type effects struct {
	start   *attempt    // run it
	settled *attempt    // close its done channel, so that its callers continue
	cancel  *attempt    // cancel its context
	release *credential // revoke or save it: the machine has dropped it
	events  []Event     // report them
}

var (
	errNotInitialized = Errorf(CodeNotInitialized, "call Init first")
	errClosed         = Errorf(CodeClosed, "call Init again")
	errContextEnded   = errors.New("the caller's context has ended")
)

// use is the event that a caller wants a credential. A stale credential is served
// at once, so that callers do not pay for its renewal. Only an expired one makes
// them wait.
func (m *machine) use(at moment, p policy, by caller) verdict {
	switch {
	case m.state == lifeClosed || m.state == lifeClosing:
		return verdict{err: errClosed}
	case m.state == lifeNew && !p.lazy:
		return verdict{err: errNotInitialized}
	}
	// With Options.Lazy the first use takes a credential that an abandoned Init
	// left.
	if c := m.usable(at); c != nil {
		m.makeReady(c, false)
	}
	if c := m.servableTo(by); c != nil && c.age(at) != ageExpired {
		return m.serve(at, p, by, c)
	}
	return m.waitOrBegin(at, p, by)
}

// servableTo returns the credential that a caller may get, whatever its age. A
// tolerated refused credential is served only if the API has accepted it before,
// and only to a caller that sees what the API answers: such a caller learns about
// a second refusal, and the session does, too (invariant 7).
func (m *machine) servableTo(by caller) *credential {
	if m.current == nil && by.seesAnswers &&
		m.refusal == refusalTolerated && m.refused.acceptedByAPI.Load() {
		return m.refused
	}
	return m.current
}

// serve serves c and says when a caller has to ask again. Until then callers read
// the published credential and do not enter the machine. Unless c is fresh, an
// attempt to renew it starts, if none is under way and no wait forbids it.
func (m *machine) serve(at moment, p policy, by caller, c *credential) verdict {
	v := verdict{serve: c}
	if c == m.current && c.setup == p.setup && c.age(at) == ageFresh {
		v.recheckAt = c.nextCheck(at.mono)
		return v
	}
	// A stale credential, or one of an earlier setup, is decided about again each
	// second: the wall clock may have been set past its end by then.
	v.recheckAt = min(at.mono.plus(wallCheckInterval), c.expiresAt)
	if m.attempt == nil {
		if m.failures.binding(at.mono, by.audience) == nil {
			v.effects, _ = m.begin(at, p, by.audience, purposeRenew)
		}
		if m.attempt == nil {
			// The renewal that a wait forbids now has to start when the wait
			// ends.
			v.recheckAt = min(v.recheckAt, m.failures.retryTime(at.mono, by.audience))
		}
	}
	return v
}

// waitOrBegin makes a caller wait for the attempt that is under way or for a new
// one. While a wait after a failure binds the caller, it gets the error of that
// failure from memory, so that many callers do not become many requests.
func (m *machine) waitOrBegin(at moment, p policy, by caller) verdict {
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	if err := m.failures.currentError(at.mono, by.audience); err != nil {
		return verdict{err: err}
	}
	return m.beginAndWait(at, p, by, purposeRenew)
}

// beginAndWait starts an attempt that a caller waits for. A caller whose context
// has ended does not start one: it would not take the outcome.
func (m *machine) beginAndWait(at moment, p policy, by caller, purpose purpose) verdict {
	if by.contextEnded {
		return verdict{err: errContextEnded}
	}
	fx, err := m.begin(at, p, by.audience, purpose)
	if err != nil {
		return verdict{err: err, effects: fx}
	}
	return verdict{wait: m.attempt, effects: fx}
}

// init is the event that a caller wants the session to be ready. asBlock says
// that the call begins a block of Do. epoch is nil the first time that the call
// asks; afterwards it is the epoch of the first verdict.
func (m *machine) init(at moment, p policy, by caller, asBlock bool, epoch *uint32) verdict {
	return m.unlessClosedSince(epoch, func() verdict { return m.initThisEpoch(at, p, by, asBlock) })
}

// unlessClosedSince returns the verdict of an event, or errClosed if Close has
// run since the call began that the event belongs to. Without this check an Init
// that waited while Close ran would open the session again, although Close came
// last.
func (m *machine) unlessClosedSince(epoch *uint32, event func() verdict) verdict {
	if epoch != nil && *epoch != m.epoch {
		return verdict{err: errClosed, epoch: m.epoch}
	}
	v := event()
	v.epoch = m.epoch
	return v
}

// initThisEpoch is init after the check of the epoch.
func (m *machine) initThisEpoch(at moment, p policy, by caller, asBlock bool) verdict {
	if m.state == lifeClosing {
		return verdict{awaitClose: true}
	}
	if c := m.usable(at); c != nil {
		m.makeReady(c, asBlock)
		// An Init outside a block takes the session over: it stays open after the
		// last block. A block never does the opposite (invariant 9).
		m.initByBlock = m.initByBlock && asBlock
		return verdict{serve: c}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	switch wait, err := m.failures.initWait(at.mono, by.audience, p.timeout); {
	case err != nil:
		return verdict{err: err}
	case wait > 0:
		return verdict{sleep: wait}
	}
	return m.beginAndWait(at, p, by, purposeRenew)
}

// restore is the event that a caller wants the session to be ready with what the
// store has. The attempt is for nobody and is not delayed by earlier failures,
// because it calls neither the provider nor a person.
func (m *machine) restore(at moment, p policy, by caller) verdict {
	if m.state == lifeClosing {
		return verdict{awaitClose: true}
	}
	if c := m.usable(at); c != nil {
		m.makeReady(c, false)
		return verdict{serve: c}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	by.audience = nobody
	return m.beginAndWait(at, p, by, purposeRestore)
}

// renew is the event that a caller wants a new credential although the current
// one may be fresh.
func (m *machine) renew(at moment, p policy, by caller) verdict {
	switch m.state {
	case lifeClosed, lifeClosing:
		return verdict{err: errClosed}
	case lifeNew:
		return verdict{err: errNotInitialized}
	}
	return m.waitOrBegin(at, p, by)
}

// signIn is the event that a caller wants a person to sign in, whether or not
// there is a credential. The current credential stays until another one replaces
// it. If an attempt is under way, the caller waits for it and asks again, because
// the provider is never called twice at a time (invariant 4).
func (m *machine) signIn(at moment, p policy, by caller) verdict {
	if m.state == lifeClosing {
		return verdict{awaitClose: true}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	by.audience = person
	switch wait, err := m.failures.initWait(at.mono, by.audience, p.timeout); {
	case err != nil:
		return verdict{err: err}
	case wait > 0:
		return verdict{sleep: wait}
	}
	return m.beginAndWait(at, p, by, purposeSignIn)
}

// usable returns a credential with which the session is ready or can become
// ready, or nil. A parked credential counts only while the session is not ready
// (invariant 3).
func (m *machine) usable(at moment) *credential {
	c := m.current
	if m.state != lifeReady {
		c = m.parked
	}
	if c == nil || c.age(at) == ageExpired {
		return nil
	}
	return c
}

// makeReady makes the session ready with c, unless it is ready already. Whether a
// block did it decides who closes the session (invariant 9).
func (m *machine) makeReady(c *credential, asBlock bool) {
	if m.state == lifeReady {
		return
	}
	m.state, m.current, m.parked, m.initByBlock = lifeReady, c, nil, asBlock
}

// begin begins an attempt. It fails if the provider of the same setup has not
// returned from the call of an earlier attempt: a second call would most likely
// hang as well, and goroutines would pile up (invariant 4). A restoration does
// not call the provider, so that it is not affected. The failure counts like one
// of the provider, so that callers do not try again at once.
func (m *machine) begin(at moment, p policy, who audience, purpose purpose) (effects, error) {
	a := &attempt{setup: p.setup, audience: who, purpose: purpose, epoch: m.epoch}
	a.previous, a.request = m.buildRequest(p.setup)
	if m.stuck != nil && m.stuck.setup == p.setup && purpose != purposeRestore {
		err := Errorf(CodeUnavailable, "the provider has not returned from an earlier call")
		fx := m.recordFailure(at, p, a, err)
		return fx, a.err
	}
	m.attempt = a
	return effects{start: a}, nil
}

// buildRequest returns the credential that the session has, and what it asks the
// provider. Only the provider that made a credential is given it as Previous: a
// new configuration must not receive the refresh token of the old one (invariant
// 8).
func (m *machine) buildRequest(cfg *setup) (*credential, Request) {
	have, reason := m.current, ReasonExpiring
	if have == nil {
		have = m.parked
	}
	if have == nil {
		have, reason = m.refused, ReasonRejected
	}
	req := Request{Reason: ReasonInitial}
	if have != nil && have.setup == cfg {
		req = Request{Reason: reason, Previous: have.cred}
	}
	// Only the first attempt may repeat requests by itself. After a failure the
	// session's own waits pace the requests; both together would multiply them.
	req.MayRetry = m.failures == nil
	return have, req
}

// recordFailure keeps the error of an attempt and computes when the next one may
// be made. The error carries that time, too, so that a caller that handles it
// knows how long to wait (invariant 11).
func (m *machine) recordFailure(at moment, p policy, a *attempt, err error) effects {
	op := "renew"
	if a.request.Reason == ReasonInitial {
		op = "init"
	}
	e := a.setup.annotate(err, op).(*Error)
	m.counts.failures++
	m.failures = m.failures.add(at.mono, e, a.audience, p.random)
	e.RetryAfter = m.failures.byCode[m.failures.last].retryAt.sub(at.mono)
	a.err = e
	return effects{events: []Event{a.newEvent(EventFailed)}}
}

// newEvent returns an event about the attempt. If the attempt has failed, the
// event has its error; errSuperseded is internal and is not shown.
func (a *attempt) newEvent(kind EventType) Event {
	ev := Event{Type: kind, Reason: a.request.Reason, Subject: a.previous.subject()}
	if a.err != nil && !errors.Is(a.err, errSuperseded) {
		ev.Code, ev.Err = CodeOf(a.err), a.err
	}
	return ev
}

// parkedOrRefused returns the credential that the session has but does not serve
// as current, if there is one. Both cannot exist at a time (invariant 3).
func (m *machine) parkedOrRefused() *credential {
	if m.parked != nil {
		return m.parked
	}
	return m.refused
}
