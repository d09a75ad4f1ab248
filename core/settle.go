// Read on in ending.go.

package core

import "time"

// enterPhase is the event that an attempt wants to enter a phase. It reports
// whether the attempt may: an attempt that has settled must not call the provider
// or ask a person, because its callers have their answer already. phaseSaving,
// which says that the provider has returned, is recorded even then, because it
// allows the next call into the provider (invariant 4).
func (m *machine) enterPhase(a *attempt, p phase) (bool, effects) {
	if a.settled && p != phaseSaving {
		return false, effects{}
	}
	a.phase = p
	if p == phaseSaving && m.stuck == a {
		m.stuck = nil
	}
	if p != phaseSigningIn {
		return true, effects{}
	}
	ev := a.newEvent(EventSigningIn)
	ev.Wait = a.setup.opts.signInTimeout()
	return true, effects{events: []Event{ev}}
}

// settle is the event that an attempt has an outcome. A restoration that finds
// nothing is not a failure, because it asked neither the provider nor a person,
// and an attempt that another one replaces has not failed yet. Every other error
// is recorded as a failure.
func (m *machine) settle(
	at moment, p policy, a *attempt, o obtained, took time.Duration, err error,
) effects {
	if a.settled {
		return m.settleLate(at, p, a, o, took, err)
	}
	m.endAttempt(a)
	switch {
	case err == nil:
		return m.succeed(a, o, took)
	case a.purpose == purposeRestore:
		a.err = a.setup.annotate(err, "restore")
		ev := a.newEvent(EventAbandoned)
		ev.Took = took
		return effects{settled: a, events: []Event{ev}}
	case o.refusedInput != nil && a.rejectedInput == nil:
		return m.replaceAttempt(at, p, a, o.refusedInput, took)
	}
	m.decideRefusedUse(CodeOf(err), o)
	fx := m.recordFailure(at, p, a, err)
	fx.settled = a
	fx.events[0].Took = took
	return fx
}

// replaceAttempt begins another attempt in the place of one whose input was
// refused. By then the session of that input has rejected it and can supply
// another one. Callers of the first attempt wait for its successor, and no
// failure is recorded. The successor is not replaced: an input that is refused
// twice is a failure, or the issuer would be asked without end (invariant 10).
func (m *machine) replaceAttempt(
	at moment, p policy, a *attempt, refused *refusedInput, took time.Duration,
) effects {
	a.err = errSuperseded
	ev := a.newEvent(EventAbandoned)
	ev.Took = took
	fx, _ := m.begin(at, p, a.audience, a.purpose)
	fx.events = append([]Event{ev}, fx.events...)
	if fx.start != nil {
		fx.start.rejectedInput, fx.start.request.Challenge = refused, a.request.Challenge
		fx.start.ui = a.ui
		a.successor = fx.start
	}
	fx.settled = a
	return fx
}

// endAttempt records that an attempt settles. If the provider's code still runs,
// the attempt is stuck until that call returns.
func (m *machine) endAttempt(a *attempt) {
	a.settled = true
	m.attempt = nil
	if a.phase.calling() {
		m.stuck = a
	}
}

// succeed takes the credential that an attempt obtained. A credential from the
// store is not counted as an authentication, because no issuer was asked.
func (m *machine) succeed(a *attempt, o obtained, took time.Duration) effects {
	ev := Event{Type: EventRestored, Reason: a.request.Reason, Took: took}
	if !o.restored {
		ev.Type = EventAuthenticated
		m.counts.authentications++
	}
	return effects{settled: a, events: m.setCredential(o.credential, ev)}
}

// setCredential makes c the credential of the session, and returns the events of
// that: ev, which it completes, preceded by SubjectChanged if c has another
// subject than the credential that it replaces. An unknown subject is not
// compared. A success ends all waits after failures, but not those after
// refusals: an API that refuses each new credential would otherwise be answered
// with a token request per request.
func (m *machine) setCredential(c *credential, ev Event) (events []Event) {
	old := m.current
	if old == nil {
		old = m.parkedOrRefused()
	}
	ev.Subject, ev.Expiry = c.subject(), c.cred.Expiry
	oldSubject := old.subject()
	if oldSubject != "" && ev.Subject != "" && oldSubject != ev.Subject {
		change := ev
		change.Type, change.OldSubject, change.Took = EventSubjectChanged, oldSubject, 0
		events = append(events, change)
	}
	m.failures, m.refused, m.refusal = nil, nil, refusalNone
	if m.state == lifeReady {
		m.current = c
	} else {
		m.parked = c
	}
	return append(events, ev)
}

// decideRefusedUse decides what a refused credential may be used for once the
// attempt to replace it has failed with code. An outage, a wrong setting, or a
// sign-in for which no person was present says nothing about the credential: the
// API may have refused it for a reason of its own, and it is better than none.
// That the issuer refused its refresh state, or denied the client, shows that it
// was revoked.
func (m *machine) decideRefusedUse(code Code, o obtained) {
	switch {
	case m.refused == nil || m.refusal == refusalFinal:
	case o.refreshRefused:
		m.refusal = refusalFinal
	case code == CodeUnavailable, code == CodeBadConfig,
		code == CodeInteractive && !o.presentedRefresh:
		m.refusal = refusalTolerated
	default:
		m.refusal = refusalFinal
	}
}

// settleLate takes what arrives after its attempt has settled: at its limit, or
// because Close or Reconfigure aborted it. The credential becomes the session's
// if nothing has happened since that it would undo, and if it has not expired.
// Otherwise it is released, so that no valid token remains that nobody uses
// (invariant 8).
func (m *machine) settleLate(
	at moment, p policy, a *attempt, o obtained, took time.Duration, err error,
) effects {
	if o.credential == nil {
		return effects{}
	}
	unchanged := a.epoch == m.epoch && a.setup == p.setup && m.attempt == nil && m.parked == nil &&
		(m.current == nil || m.current == a.previous)
	expiry := o.credential.cred.Expiry
	expired := !expiry.IsZero() && expiry.UnixNano() <= at.wall
	if err != nil || !unchanged || expired || m.state == lifeClosing {
		return effects{release: o.credential}
	}
	fx := m.succeed(a, o, took)
	fx.settled = nil
	return fx
}

// apiRefusal is what the API said when it refused a credential.
type apiRefusal struct {
	invalid   bool   // it called the credential itself invalid
	challenge string // its WWW-Authenticate
	asked     string // what the challenge asks for (challengeKey)
}

// refuse is the event that the API refused c. The credential is no longer served, and an
// attempt to replace it starts, unless the refusal follows another one too
// closely or a wait after a failure has not ended.
func (m *machine) refuse(
	at moment, p policy, who audience, c *credential, r apiRefusal,
) effects {
	fx, dropped := m.dropRefused(at, p, c, r)
	if !dropped {
		return fx
	}
	// That attempt began before the refusal. Its outcome replaces c all the same.
	if m.attempt != nil {
		return fx
	}
	if b := m.failures.binding(at.mono, who); b != nil {
		// No attempt starts now. The failure that forbids one is judged in its
		// place, or the refusal would stay undecided until the wait ends.
		m.decideRefusedUse(b.err.Code, obtained{presentedRefresh: !c.cred.RefreshState.IsZero()})
		return fx
	}
	began, _ := m.begin(at, p, who, purposeRenew)
	if began.start != nil {
		began.start.request.Challenge = r.challenge
	}
	fx.start = began.start
	fx.events = append(fx.events, began.events...)
	return fx
}

// dropRefused is refuse without the attempt, for a program that reports a refusal
// and may end at once: an attempt that it leaves unfinished could lose the
// refresh state. The next caller that wants a credential starts the attempt.
// dropRefused reports whether c was dropped just now.
//
// Refusals in a row are spaced. A refusal that comes before the end of the wait
// after the last one changes nothing, so that one path of an API that refuses
// every credential does not take the credential from the other paths. A
// credential that was in use for longer than the longest wait has served: its
// refusal is the first one again. So is one that asks for something else than the
// last one.
func (m *machine) dropRefused(
	at moment, p policy, c *credential, r apiRefusal,
) (fx effects, dropped bool) {
	if m.state != lifeReady || c != m.current && c != m.refused {
		return effects{}, false
	}
	if c == m.refused {
		if r.invalid {
			m.refusal = refusalFinal
		}
		return effects{}, false
	}
	m.counts.refusals++
	ev := Event{Type: EventRefused, Reason: ReasonRejected}
	ev.Subject, ev.Expiry = c.subject(), c.cred.Expiry
	fx = effects{events: []Event{ev}}
	if at.mono-c.createdAt > instant(maxRefusalWait) {
		m.refusals = nil
	}
	if m.refusals.spaces(at.mono, r.asked) {
		m.refusals = m.refusals.withRepetition()
		return fx, false
	}
	m.refusals = m.refusals.next(at.mono, r.asked, p.random)
	m.current, m.refused, m.refusal = nil, c, refusalUndecided
	if r.invalid {
		m.refusal = refusalFinal
	}
	return fx, true
}

// adopt is the event that another process has saved a credential which is newer
// than the session's.
func (m *machine) adopt(c *credential) effects {
	if m.state != lifeReady {
		return effects{}
	}
	return effects{events: m.setCredential(c, Event{Type: EventRestored, Reason: ReasonExpiring})}
}

// dropFromMemory is the event that the credential is removed from memory. The
// session stays ready and obtains a credential when it is used again.
func (m *machine) dropFromMemory() {
	if m.state == lifeReady && m.attempt == nil {
		m.current = nil
	}
}
