// Read on in source.go.

package core

// reconfigure is the event that the setup was replaced. A ready session goes on
// with its credential, and an attempt to replace it starts. Nobody has asked, so
// nobody is asked to sign in.
func (m *machine) reconfigure(at moment, p policy) effects {
	fx := m.abort(errSuperseded)
	fx.release = m.leftover()
	m.failures, m.refusals, m.parked, m.refused, m.refusal = nil, nil, nil, nil, refusalNone
	if m.state == lifeReady {
		began, _ := m.begin(at, p, nobody, renewal)
		fx.start = began.start
	}
	return fx
}

// abort settles the attempt under way without its outcome. It is cancelled,
// unless its outcome must reach the store.
func (m *machine) abort(err error) effects {
	a := m.attempt
	if a == nil {
		return effects{}
	}
	m.end(a)
	ev := a.event(EventAbandoned)
	a.err = err
	fx := effects{settled: a, events: []Event{ev}}
	if a.phase != spending {
		fx.cancel = a
	}
	return fx
}

// enter is the event that a block begins.
func (m *machine) enter() { m.blocks++ }

// closing is what Close finds.
type closing struct {
	nothing bool     // there is nothing to do
	again   bool     // the session was closed already
	wait    bool     // another Close is at work
	last    *attempt // wait until nothing of it is left
	effects
}

// close is the event that the session is closed. For closeBlock, a block ends.
func (m *machine) close(u *setup, how closeMode) closing {
	if how == closeBlock {
		m.blocks--
		if m.blocks > 0 || !m.owned {
			return closing{nothing: true}
		}
	}
	if m.state == lifeClosing {
		return closing{wait: true}
	}
	if m.state == lifeClosed && m.attempt == nil && m.parked == nil && how != closeForGood {
		return closing{nothing: true}
	}
	c := m.current
	if c == nil {
		c = m.leftover() // of a refused one, the refresh state may be good
	}
	last := m.attempt
	if last == nil {
		last = m.stuck
	} else {
		last.ended = how
	}
	fx := m.abort(u.annotate(errClosed, ""))
	fx.release = c
	again := m.state == lifeClosed
	m.epoch++
	m.state, m.owned, m.refusals = lifeClosing, false, nil
	m.current, m.parked, m.refused, m.refusal = nil, nil, nil, refusalNone
	return closing{last: last, again: again, effects: fx}
}

// closed is the event that Close has ended. again says that the session was
// closed before.
func (m *machine) closed(again bool) effects {
	m.state = lifeClosed
	if again {
		return effects{}
	}
	return effects{events: []Event{{Type: EventClosed}}}
}

// tick is the event that the timer of KeepFresh has fired.
func (m *machine) tick(at moment, p policy) effects {
	if at.mono < m.wake(at.mono, p) {
		return effects{}
	}
	fx, _ := m.begin(at, p, nobody, renewal)
	return fx
}

// wake returns when KeepFresh's timer has to fire; never: not at all.
func (m *machine) wake(now instant, p policy) instant {
	if !p.keepFresh || m.state != lifeReady || m.attempt != nil {
		return never
	}
	due := m.failures.end(now, nobody)
	if c := m.current; c != nil && c.setup == p.setup {
		due = max(due, c.stale)
	}
	return due
}
