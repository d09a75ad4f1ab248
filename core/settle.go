// Read on in ending.go.

package core

import "time"

// proceed is the event that an attempt wants to move on to a phase. It reports
// whether it may: not if it has settled, as nobody wants the outcome any more.
// That the provider has returned, the phase saving, is noted even then.
func (m *machine) proceed(a *attempt, p phase) bool {
	if a.settled && p != saving {
		return false
	}
	a.phase = p
	if p == saving && m.stuck == a {
		m.stuck = nil
	}
	return true
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
		return effects{settled: a}
	case o.input != nil && a.second == nil:
		return m.tryAgain(at, p, a, o.input)
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
func (m *machine) tryAgain(at moment, p policy, a *attempt, refused *refusedInput) effects {
	a.err = errSuperseded
	fx, _ := m.begin(at, p, a.who, a.purpose)
	if fx.start != nil {
		fx.start.second, fx.start.req.Challenge = refused, a.req.Challenge
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
	ev := Event{Kind: Restored, Reason: a.req.Reason, Took: took, Expiry: o.cred.cred.Expiry}
	if !o.restored {
		ev.Kind = Authenticated
		m.counts.authentications++
	}
	m.take(o.cred)
	return effects{settled: a, events: []Event{ev}}
}

// take makes c what the session has.
func (m *machine) take(c *credential) {
	m.failures, m.refused, m.refusal = nil, nil, refusalNone
	if m.state == StateReady {
		m.current = c
		return
	}
	m.parked = c
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
	case code == Unavailable, code == BadConfig, code == Interactive && !o.presented:
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
	if err != nil || !same || over || m.state == stateClosing {
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
		m.judgeRefused(b.err.Code, obtained{presented: !c.cred.Renewal.IsZero()})
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
	if m.state != StateReady || c != m.current && c != m.refused {
		return effects{}, false
	}
	if c == m.refused {
		if invalid {
			m.refusal = refusalFinal
		}
		return effects{}, false
	}
	m.counts.refusals++
	fx = effects{events: []Event{{Kind: Refused, Reason: Rejected, Expiry: c.cred.Expiry}}}
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
	if m.state != StateReady {
		return effects{}
	}
	m.take(c)
	return effects{events: []Event{{Kind: Restored, Reason: Expiring, Expiry: c.cred.Expiry}}}
}

// rest is the event that the credential is to leave the memory. The session
// stays ready, and obtains one when it is used again.
func (m *machine) rest() {
	if m.state == StateReady && m.attempt == nil {
		m.current = nil
	}
}
