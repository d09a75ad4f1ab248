// Read on in source.go.

package core

// reconfigure is the event that the setup was replaced. A ready session continues
// to serve its credential, and an attempt to replace it starts. The attempt is
// for nobody, so that a configuration that is loaded again never opens a browser;
// the next caller asks the person if that is necessary (invariant 6).
//
// All waits end, because what caused them may just have been corrected. A parked
// or refused credential is released: the new setup cannot renew it.
func (m *machine) reconfigure(at moment, p policy) effects {
	fx := m.abort(errSuperseded)
	fx.release = m.parkedOrRefused()
	m.failures, m.refusals, m.parked, m.refused, m.refusal = nil, nil, nil, nil, refusalNone
	if m.state == lifeReady {
		began, _ := m.begin(at, p, nobody, purposeRenew)
		fx.start = began.start
	}
	return fx
}

// abort settles the attempt under way without its outcome. The attempt is
// cancelled, unless it may have spent the stored refresh state: the issuer has
// then replaced that state, and only the provider's answer has the new one. The
// attempt continues until it has saved it (invariant 5).
func (m *machine) abort(err error) effects {
	a := m.attempt
	if a == nil {
		return effects{}
	}
	m.endAttempt(a)
	ev := a.newEvent(EventAbandoned)
	a.err = err
	fx := effects{settled: a, events: []Event{ev}}
	if a.phase != phaseSpending {
		fx.cancel = a
	}
	return fx
}

// enterBlock is the event that a block of Do begins.
func (m *machine) enterBlock() { m.blocks++ }

// closeSteps is what a call of Close has to do.
type closeSteps struct {
	noop         bool     // return at once
	otherClose   bool     // another Close runs: wait for it
	wasClosed    bool     // the session was closed already
	awaitAttempt *attempt // wait until it has finished, with a limit; nil: none
	effects
}

// close is the event that the session is to be closed. For closeBlock it is the
// event that a block ends, which closes the session only if the block is the last
// one and a block initialised the session (invariant 9).
//
// The state changes here and not when Close returns: nothing is served from now
// on, although the credential may still have to be revoked (invariant 8).
func (m *machine) close(cfg *setup, how closeMode) closeSteps {
	if how == closeBlock {
		m.blocks--
		if m.blocks > 0 || !m.initByBlock {
			return closeSteps{noop: true}
		}
	}
	if m.state == lifeClosing {
		return closeSteps{otherClose: true}
	}
	// A closed session has something to do for Close only if a late credential
	// was parked or an Init is under way. SignOut also deletes what the store
	// holds, which another process may have saved since.
	if m.state == lifeClosed && m.attempt == nil && m.parked == nil && how != closeForGood {
		return closeSteps{noop: true}
	}
	c := m.current
	if c == nil {
		// The refresh state of a refused credential may still be valid.
		c = m.parkedOrRefused()
	}
	running := m.attempt
	if running == nil {
		running = m.stuck
	} else {
		// What this attempt still obtains is then released in the manner of this
		// Close.
		running.closeMode = how
	}
	fx := m.abort(cfg.annotate(errClosed, ""))
	fx.release = c
	wasClosed := m.state == lifeClosed
	m.epoch++
	m.state, m.initByBlock, m.refusals = lifeClosing, false, nil
	m.current, m.parked, m.refused, m.refusal = nil, nil, nil, refusalNone
	return closeSteps{awaitAttempt: running, wasClosed: wasClosed, effects: fx}
}

// finishClose is the event that Close has done its work. wasClosed says that the
// session was closed already when Close began: it is then not reported again.
func (m *machine) finishClose(wasClosed bool) effects {
	m.state = lifeClosed
	if wasClosed {
		return effects{}
	}
	return effects{events: []Event{{Type: EventClosed}}}
}

// tick is the event that the timer of KeepFresh has fired. The attempt is for
// nobody: a timer must not ask a person (invariant 6).
func (m *machine) tick(at moment, p policy) effects {
	if at.mono < m.timerDue(at.mono, p) {
		return effects{}
	}
	fx, _ := m.begin(at, p, nobody, purposeRenew)
	return fx
}

// timerDue returns when KeepFresh's timer has to fire, or never. The timer is set
// again after each event, so that it needs no state of its own here.
func (m *machine) timerDue(now instant, p policy) instant {
	if !p.keepFresh || m.state != lifeReady || m.attempt != nil {
		return never
	}
	due := m.failures.retryTime(now, nobody)
	if c := m.current; c != nil && c.setup == p.setup {
		due = max(due, c.staleAt)
	}
	return due
}
