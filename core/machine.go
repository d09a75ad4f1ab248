// Read on in settle.go.

package core

import (
	"errors"
	"time"
)

// machine decides what a session does next. It is pure: it holds no lock, starts
// no goroutine, reads no clock and sends nothing. Every method is one event; what
// the session must do about it is returned as effects, or as a verdict for a
// caller. Session.mu guards it.
//
// Always, and after each event (the tests of the walk have them as code):
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
//  8. After Close nothing is served, and what still arrives is released.
//  9. The end of the last block closes the session if and only if a block
//     initialised it.
//  10. No attempt begins before the wait after a failure has ended, but for the
//     first Init after a failure, an audience that a lower one's Interactive does
//     not bind, and a restoration, which asks nobody. A new configuration ends
//     all waits.
//  11. Every error that an attempt settles with says when the next one may be.
//  12. A caller waits only for an attempt that has not settled, and that has a
//     limit.
//  13. An attempt that settles is reported with one event that ends it, and one
//     that calls SignIn with the event SigningIn. SubjectChanged is reported if
//     and only if a credential takes the place of one with another subject.
type machine struct {
	state    lifecycle
	refusal  refusedUse  // what refused may be used for
	owned    bool        // a block initialised the session; the last block closes it
	blocks   int32       // blocks inside Do
	epoch    uint32      // how often Close ran, for an Init that it overtook
	counts   counts      // for Status
	current  *credential // what callers get
	parked   *credential // obtained, but the caller whose Init asked for it had left
	refused  *credential // the API refused it, and there is no other yet
	attempt  *attempt    // it has not settled
	stuck    *attempt    // it has settled, and the provider's call has not returned
	failures *failures   // since the last success
	refusals *spacing    // refusals in a row; nil: none
}

// lifecycle is what Init and Close have made of a session. [State] is derived from
// it and from the credential's age.
type lifecycle uint8

const (
	lifeNew     lifecycle = iota // no Init has succeeded yet
	lifeReady                    // initialised
	lifeClosing                  // Close is at work
	lifeClosed                   // Close has ended
)

// refusedUse is what a refused credential may be used for.
type refusedUse uint8

const (
	refusalNone      refusedUse = iota // there is no refused credential
	refusalOpen                        // the first attempt to replace it has not settled
	refusalTolerated                   // that failed, which says nothing about the credential
	refusalFinal                       // it will not be served again
)

type counts struct{ authentications, failures, refusals uint32 }

// policy is what a setup says about the machine.
type policy struct {
	setup     *setup
	lazy      bool
	keepFresh bool
	timeout   time.Duration
	random    func(time.Duration) time.Duration // below its argument
}

// asker describes the caller that wants something.
type asker struct {
	who     audience
	answers bool // it sees what the API answers, and has not waited for an attempt
	gone    bool // its context has ended
}

// verdict is what a caller gets. Exactly one of serve, wait, sleep, closing and
// err is set.
type verdict struct {
	serve   *credential
	recheck instant // with serve: when to decide again
	wait    *attempt
	sleep   time.Duration
	closing bool // wait until Close has ended
	err     error
	epoch   uint32
	effects
}

// effects is what the session does after an event, besides publishing current.
type effects struct {
	start   *attempt    // run it
	settled *attempt    // release its waiters
	cancel  *attempt    // cancel its context
	release *credential // it will not be used any more
	events  []Event
}

var (
	errHeld   = Errorf(CodeNotInitialized, "call Init first")
	errClosed = Errorf(CodeClosed, "call Init again")
	errGone   = errors.New("the caller's context has ended")
)

// use is the event that a caller wants a credential.
func (m *machine) use(at moment, p policy, by asker) verdict {
	switch {
	case m.state == lifeClosed || m.state == lifeClosing:
		return verdict{err: errClosed}
	case m.state == lifeNew && !p.lazy:
		return verdict{err: errHeld}
	}
	if c := m.usable(at); c != nil {
		m.admit(c, false)
	}
	if c := m.servable(by); c != nil && c.age(at) != ageExpired {
		return m.serve(at, p, by, c)
	}
	return m.obtain(at, p, by)
}

// servable returns the credential that a caller may get, whatever its age.
func (m *machine) servable(by asker) *credential {
	if m.current == nil && by.answers && m.refusal == refusalTolerated && m.refused.accepted.Load() {
		return m.refused
	}
	return m.current
}

// serve serves c. Unless it is fresh, an attempt to renew it starts if none is
// under way.
func (m *machine) serve(at moment, p policy, by asker, c *credential) verdict {
	v := verdict{serve: c}
	if c == m.current && c.setup == p.setup && c.age(at) == ageFresh {
		v.recheck = c.next(at.mono)
		return v
	}
	v.recheck = min(at.mono.plus(wallCheck), c.expired)
	if m.attempt == nil {
		if m.failures.binding(at.mono, by.who) == nil {
			v.effects, _ = m.begin(at, p, by.who, renewal)
		}
		if m.attempt == nil {
			v.recheck = min(v.recheck, m.failures.end(at.mono, by.who))
		}
	}
	return v
}

// obtain lets a caller wait for the attempt under way, or for a new one.
func (m *machine) obtain(at moment, p policy, by asker) verdict {
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	if err := m.failures.remembered(at.mono, by.who); err != nil {
		return verdict{err: err}
	}
	return m.beginFor(at, p, by, renewal)
}

// beginFor starts an attempt that a caller waits for.
func (m *machine) beginFor(at moment, p policy, by asker, to purpose) verdict {
	if by.gone {
		return verdict{err: errGone}
	}
	fx, err := m.begin(at, p, by.who, to)
	if err != nil {
		return verdict{err: err, effects: fx}
	}
	return verdict{wait: m.attempt, effects: fx}
}

// init is the event that a caller wants the session to be ready. epoch is nil
// the first time that the caller asks; afterwards it is what the verdict said
// then. With block, a block asks.
func (m *machine) init(at moment, p policy, by asker, block bool, epoch *uint32) verdict {
	return m.since(epoch, func() verdict { return m.initNow(at, p, by, block) })
}

// since returns the verdict of an event, unless Close ran since the call that it
// belongs to began. epoch is nil the first time that the call asks; afterwards it
// is what the verdict said then.
func (m *machine) since(epoch *uint32, event func() verdict) verdict {
	if epoch != nil && *epoch != m.epoch {
		return verdict{err: errClosed, epoch: m.epoch}
	}
	v := event()
	v.epoch = m.epoch
	return v
}

func (m *machine) initNow(at moment, p policy, by asker, block bool) verdict {
	if m.state == lifeClosing {
		return verdict{closing: true}
	}
	if c := m.usable(at); c != nil {
		m.admit(c, block)
		m.owned = m.owned && block
		return verdict{serve: c}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	switch wait, err := m.failures.initWait(at.mono, by.who, p.timeout); {
	case err != nil:
		return verdict{err: err}
	case wait > 0:
		return verdict{sleep: wait}
	}
	return m.beginFor(at, p, by, renewal)
}

// restore is the event that a caller wants the session to be ready with what the
// store has. A restoration that found nothing makes it no wiser, and it does not
// ask again.
func (m *machine) restore(at moment, p policy, by asker) verdict {
	if m.state == lifeClosing {
		return verdict{closing: true}
	}
	if c := m.usable(at); c != nil {
		m.admit(c, false)
		return verdict{serve: c}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	by.who = nobody
	return m.beginFor(at, p, by, restoration)
}

// renew is the event that a caller wants a new credential although the current
// one may be fresh.
func (m *machine) renew(at moment, p policy, by asker) verdict {
	switch m.state {
	case lifeClosed, lifeClosing:
		return verdict{err: errClosed}
	case lifeNew:
		return verdict{err: errHeld}
	}
	return m.obtain(at, p, by)
}

// signIn is the event that a caller wants a person to sign in, whatever there is
// already. The current credential stays until there is another. An attempt under
// way is waited for first; then the caller asks again.
func (m *machine) signIn(at moment, p policy, by asker) verdict {
	if m.state == lifeClosing {
		return verdict{closing: true}
	}
	if m.attempt != nil {
		return verdict{wait: m.attempt}
	}
	by.who = person
	switch wait, err := m.failures.initWait(at.mono, by.who, p.timeout); {
	case err != nil:
		return verdict{err: err}
	case wait > 0:
		return verdict{sleep: wait}
	}
	return m.beginFor(at, p, by, personal)
}

// usable returns a credential with which the session is ready, or nil.
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

// admit makes the session ready with c, unless it is ready.
func (m *machine) admit(c *credential, block bool) {
	if m.state == lifeReady {
		return
	}
	m.state, m.current, m.parked, m.owned = lifeReady, c, nil, block
}

// begin begins an attempt. It fails if the provider has not returned from an
// earlier call: a second one would help nobody.
func (m *machine) begin(at moment, p policy, who audience, to purpose) (effects, error) {
	a := &attempt{setup: p.setup, who: who, purpose: to, epoch: m.epoch}
	a.have, a.req = m.request(p.setup)
	if m.stuck != nil && m.stuck.setup == p.setup && to != restoration {
		err := Errorf(CodeUnavailable, "the provider has not returned from an earlier call")
		fx := m.fail(at, p, a, err)
		return fx, a.err
	}
	m.attempt = a
	return effects{start: a}, nil
}

// request returns what the session has, and what it would ask the provider.
func (m *machine) request(u *setup) (*credential, Request) {
	have, reason := m.current, ReasonExpiring
	if have == nil {
		have = m.parked
	}
	if have == nil {
		have, reason = m.refused, ReasonRejected
	}
	req := Request{Reason: ReasonInitial}
	if have != nil && have.setup == u {
		req = Request{Reason: reason, Previous: have.cred}
	}
	req.MayRetry = m.failures == nil
	return have, req
}

// fail notes that an attempt failed, and when the next one may be made.
func (m *machine) fail(at moment, p policy, a *attempt, err error) effects {
	op := "renew"
	if a.req.Reason == ReasonInitial {
		op = "init"
	}
	e := a.setup.annotate(err, op).(*Error)
	m.counts.failures++
	m.failures = m.failures.add(at.mono, e, a.who, p.random)
	e.RetryAfter = m.failures.byCode[m.failures.last].until.until(at.mono)
	a.err = e
	return effects{events: []Event{a.event(EventFailed)}}
}

// event returns an event about the attempt. If it has failed, the event says how.
func (a *attempt) event(kind EventType) Event {
	ev := Event{Type: kind, Reason: a.req.Reason, Subject: a.have.subject()}
	if a.err != nil && !errors.Is(a.err, errSuperseded) {
		ev.Code, ev.Err = CodeOf(a.err), a.err
	}
	return ev
}

// leftover returns the credential that is not current, if there is one.
func (m *machine) leftover() *credential {
	if m.parked != nil {
		return m.parked
	}
	return m.refused
}
