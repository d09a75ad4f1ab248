// Read on in ending.go.

package core

import "time"

// proceed is the event that an attempt wants to move on to a phase. It reports
// whether it may: not if it has settled, as nobody wants the outcome any more.
// That the provider has returned, the phase saving, is noted even then.
func (m *machine) proceed(a *attempt, p phase) (bool, effects) {
	if a.settled && p != saving {
		return false, effects{}
	}
	a.phase = p
	if p == saving && m.stuck == a {
		m.stuck = nil
	}
	if p != signing {
		return true, effects{}
	}
	ev := a.event(EventSigningIn)
	ev.Wait = signInTimeout
	return true, effects{events: []Event{ev}}
}

// settle is the event that an attempt has an outcome.
func (m *machine) settle(
	at moment, p policy, a *attempt, o obtained, took time.Duration, err error,
) effects {
	if a.settled {
		return m.arrive(at, p, a, o, took, err)
	}
	m.end(a)
	switch {
	case err == nil:
		return m.succeed(a, o, took)
	case a.purpose == restoration:
		a.err = a.setup.annotate(err, "restore")
		ev := a.event(EventAbandoned)
		ev.Took = took
		return effects{settled: a, events: []Event{ev}}
	case o.input != nil && a.second == nil:
		return m.tryAgain(at, p, a, o.input, took)
	}
	m.judgeRefused(CodeOf(err), o)
	fx := m.fail(at, p, a, err)
	fx.settled = a
	fx.events[0].Took = took
	return fx
}

// tryAgain begins another attempt in the place of one of which an input was
// refused. What waited for that one waits for this one, and nothing has failed
// yet. There is no third.
func (m *machine) tryAgain(
	at moment, p policy, a *attempt, refused *refusedInput, took time.Duration,
) effects {
	a.err = errSuperseded
	ev := a.event(EventAbandoned)
	ev.Took = took
	fx, _ := m.begin(at, p, a.who, a.purpose)
	fx.events = append([]Event{ev}, fx.events...)
	if fx.start != nil {
		fx.start.second, fx.start.req.Challenge, fx.start.ui = refused, a.req.Challenge, a.ui
		a.next = fx.start
	}
	fx.settled = a
	return fx
}

// end notes that an attempt settles.
func (m *machine) end(a *attempt) {
	a.settled = true
	m.attempt = nil
	if a.phase.calling() {
		m.stuck = a
	}
}

// succeed takes the credential that an attempt obtained.
func (m *machine) succeed(a *attempt, o obtained, took time.Duration) effects {
	ev := Event{Type: EventRestored, Reason: a.req.Reason, Took: took}
	if !o.restored {
		ev.Type = EventAuthenticated
		m.counts.authentications++
	}
	return effects{settled: a, events: m.take(o.cred, ev)}
}

// take makes c what the session has, and returns the events of that: ev, which it
// completes, and SubjectChanged before it if c has another subject than what was
// there. A subject that is not known is not another one.
func (m *machine) take(c *credential, ev Event) (events []Event) {
	old := m.current
	if old == nil {
		old = m.leftover()
	}
	ev.Subject, ev.Expiry = c.subject(), c.cred.Expiry
	if was := old.subject(); was != "" && ev.Subject != "" && was != ev.Subject {
		change := ev
		change.Type, change.OldSubject, change.Took = EventSubjectChanged, was, 0
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

// judgeRefused decides what a refused credential may be used for once the attempt
// to replace it has failed. An outage, a wrong setting, or a sign-in for which
// nobody was there say nothing about it. That the issuer refused its refresh
// state, or the client, does.
func (m *machine) judgeRefused(code Code, o obtained) {
	switch {
	case m.refused == nil || m.refusal == refusalFinal:
	case o.refused:
		m.refusal = refusalFinal
	case code == CodeUnavailable, code == CodeBadConfig, code == CodeInteractive && !o.presented:
		m.refusal = refusalTolerated
	default:
		m.refusal = refusalFinal
	}
}

// arrive takes what arrived after its attempt had settled. A credential becomes
// the session's if nothing has happened since and it has not expired on its way;
// otherwise it is released.
func (m *machine) arrive(
	at moment, p policy, a *attempt, o obtained, took time.Duration, err error,
) effects {
	if o.cred == nil {
		return effects{}
	}
	same := a.epoch == m.epoch && a.setup == p.setup && m.attempt == nil && m.parked == nil &&
		(m.current == nil || m.current == a.have)
	end := o.cred.cred.Expiry
	over := !end.IsZero() && end.UnixNano() <= at.wall
	if err != nil || !same || over || m.state == lifeClosing {
		return effects{release: o.cred}
	}
	fx := m.succeed(a, o, took)
	fx.settled = nil
	return fx
}

// refuse is the event that the API refused c. If invalid, it said that the
// credential itself is not valid. The credential is dropped and an attempt to
// replace it starts, unless the refusal follows another one closely.
func (m *machine) refuse(
	at moment, p policy, who audience, c *credential, invalid bool, challenge string,
) effects {
	fx, dropped := m.drop(at, p, c, invalid)
	if !dropped {
		return fx
	}
	if m.attempt != nil {
		return fx
	}
	if b := m.failures.binding(at.mono, who); b != nil {
		// The attempt to replace it has failed already, before it was refused.
		m.judgeRefused(b.err.Code, obtained{presented: !c.cred.RefreshState.IsZero()})
		return fx
	}
	began, _ := m.begin(at, p, who, renewal)
	if began.start != nil {
		began.start.req.Challenge = challenge
	}
	fx.start = began.start
	fx.events = append(fx.events, began.events...)
	return fx
}

// drop is refuse without the attempt: the next caller that wants a credential
// starts it. It reports whether c was dropped just now.
func (m *machine) drop(
	at moment, p policy, c *credential, invalid bool,
) (fx effects, dropped bool) {
	if m.state != lifeReady || c != m.current && c != m.refused {
		return effects{}, false
	}
	if c == m.refused {
		if invalid {
			m.refusal = refusalFinal
		}
		return effects{}, false
	}
	m.counts.refusals++
	ev := Event{Type: EventRefused, Reason: ReasonRejected, Subject: c.subject(), Expiry: c.cred.Expiry}
	fx = effects{events: []Event{ev}}
	if at.mono-c.born > instant(maxRefusalWait) {
		m.refusals = nil
	}
	if at.mono < m.refusals.end() {
		return fx, false
	}
	m.refusals = m.refusals.next(at.mono, p.random)
	m.current, m.refused, m.refusal = nil, c, refusalOpen
	if invalid {
		m.refusal = refusalFinal
	}
	return fx, true
}

// adopt is the event that somebody else has saved a credential which is newer
// than the session's.
func (m *machine) adopt(c *credential) effects {
	if m.state != lifeReady {
		return effects{}
	}
	return effects{events: m.take(c, Event{Type: EventRestored, Reason: ReasonExpiring})}
}

// rest is the event that the credential is to leave the memory. The session
// stays ready, and obtains one when it is used again.
func (m *machine) rest() {
	if m.state == lifeReady && m.attempt == nil {
		m.current = nil
	}
}
