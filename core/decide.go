// Read on in report.go.

package core

import (
	"context"
	"slices"
	"sync/atomic"
	"time"
)

// rareState is what few sessions need, or not for long. It keeps Session small: a
// program may have a hundred thousand of them. Session.mu guards it.
type rareState struct {
	closeDone       chan struct{} // open while Close runs; nil: none runs
	timer           *time.Timer   // of KeepFresh
	timerDue        instant       // when timer fires; zero: it is not set
	events          eventQueue    // events that have not been delivered
	reportedBackoff instant       // the end of the last back-off that Waiting was reported for
}

// rareState returns the session's rareState. s.mu is held.
func (s *Session) rareState() *rareState {
	if s.rare == nil {
		s.rare = &rareState{}
	}
	return s.rare
}

// decide gives the machine a caller's event and does what the machine wants. ctx
// is the caller's. What may block or call code of the program, such as Observe
// and Begin, is done after the lock was released.
func (s *Session) decide(ctx context.Context, event func(moment, policy) verdict) verdict {
	s.mu.Lock()
	cfg, now := s.config(), readClocks()
	v := event(now, cfg.policy())
	// From here on callers serve the credential without the machine, until
	// recheckAt.
	if v.serve != nil && v.recheckAt != 0 {
		v.serve.recheckAt.Store(int64(v.recheckAt))
	}
	s.applyEffects(cfg, v.effects)
	if v.sleep > 0 {
		s.queueBackoffWait(cfg, now.mono.plus(v.sleep), v.sleep)
	}
	s.mu.Unlock()
	if len(v.events) > 0 || v.sleep > 0 {
		s.deliverEventsSoon()
	}
	s.callBegin(ctx, v.effects)
	return v
}

// callBegin calls Options.Begin for an attempt that has just started, if one has.
// s.mu is not held. ctx is that of the caller which started it. If that caller is
// an attempt of another session, Begin does not hold it: others wait for it.
func (s *Session) callBegin(ctx context.Context, fx effects) {
	a := fx.start
	if a == nil || a.beginCall == nil {
		return
	}
	if ctx.Value(inputKey{}) != nil {
		go a.begin(ctx)
		return
	}
	a.begin(ctx)
}

// followVerdict does what a verdict says. If done is false, the caller has waited
// and asks the machine again.
func (s *Session) followVerdict(
	ctx context.Context, v verdict, by caller,
) (c *credential, done bool, err error) {
	switch {
	// The machine does not know the caller's context, so that its cause is added
	// here.
	case v.err == errContextEnded:
		return nil, true, contextError(ctx)
	case v.err != nil:
		return nil, true, v.err
	case v.awaitClose:
		err = s.awaitClosing(ctx)
	case v.sleep > 0:
		err = sleep(ctx, v.sleep)
	case v.wait != nil:
		// The attempt settles with an error for this caller, or the caller asks
		// again: the machine then serves what the attempt obtained.
		var last *attempt
		if last, err = v.wait.awaitSettled(ctx); err == nil {
			again := false
			if err, again = last.outcome(by.audience); again {
				return nil, false, nil
			}
		}
	default:
		return v.serve, true, nil
	}
	return nil, err != nil, err
}

// originsEpoch counts the times that the origins of a session may have changed,
// for each [OriginIndex]. It is written after the change.
var originsEpoch atomic.Uint64

// applyEffects does what the machine wants, except for what may block. s.mu is
// held from the event until here, so that the published credential always is that
// of the machine. cfg is the setup that the events are reported to.
func (s *Session) applyEffects(cfg *setup, fx effects) {
	if old, next := s.published.Load(), s.machine.current; old != next {
		// Close has closed the transports. A session that is ready again opens
		// them.
		if parts := s.sending.Load(); old == nil && parts != nil {
			parts.transports.reopen()
		}
		s.published.Store(next)
		// This comes after the new credential was stored, so that an index which
		// sees the new count also sees the new origins.
		if s.originsMayChange(old, next) {
			originsEpoch.Add(1)
		}
	}
	if a := fx.start; a != nil {
		a.launch(s, a.setup.source())
	}
	if a := fx.settled; a != nil {
		// All callers of the attempt continue, and ask the machine as soon as the
		// lock is released.
		close(a.done)
	}
	if fx.cancel != nil {
		fx.cancel.cancel()
	}
	s.setTimer()
	s.queueEvents(cfg, fx.settled, fx.events)
}

// originsMayChange reports whether the origins of the session may be others when
// next takes the place of old. While there is no credential they are those of the
// options, which are also the credential's unless something else names its
// origins. s.mu is held.
func (s *Session) originsMayChange(old, next *credential) bool {
	for _, c := range []*credential{old, next} {
		if c != nil && (c.ownOrigins != nil || c.setup != s.config()) {
			s.ownOrigins = true
		}
	}
	if old != nil && next != nil {
		return !slices.Equal(old.origins(), next.origins())
	}
	return s.ownOrigins
}

// source returns where the setup's credentials come from.
func (cfg *setup) source() source {
	if cfg.opts.Store != nil {
		return stored{direct{cfg}}
	}
	return direct{cfg}
}

// setTimer sets KeepFresh's timer to what the machine wants. It runs after every
// event, and does nothing if the time is the same. s.mu is held.
func (s *Session) setTimer() {
	now := monoNow()
	due := s.machine.timerDue(now, s.config().policy())
	if due == never {
		due = 0
	}
	// No timer is wanted and none is set: rareState is not created for that.
	if due == 0 && s.rare == nil {
		return
	}
	rare := s.rareState()
	if due == rare.timerDue {
		return
	}
	if rare.timer != nil {
		rare.timer.Stop()
		rare.timer = nil
	}
	if rare.timerDue = due; due != 0 {
		// The delay is positive, so that an event which makes nothing due cannot
		// repeat without a pause.
		rare.timer = time.AfterFunc(max(time.Millisecond, due.sub(now)), s.timerFired)
	}
}

// timerFired is the function of KeepFresh's timer.
func (s *Session) timerFired() {
	s.mu.Lock()
	rare := s.rareState()
	rare.timer, rare.timerDue = nil, 0
	cfg := s.config()
	fx := s.machine.tick(readClocks(), cfg.policy())
	s.applyEffects(cfg, fx)
	s.mu.Unlock()
	s.deliverEventsSoon()
	s.callBegin(context.Background(), fx)
}

// enterPhase implements attemptOwner.
func (s *Session) enterPhase(a *attempt, p phase) bool {
	s.mu.Lock()
	ok, fx := s.machine.enterPhase(a, p)
	s.queueEvents(a.setup, a, fx.events)
	s.mu.Unlock()
	if len(fx.events) > 0 {
		s.deliverEventsSoon()
	}
	return ok
}

// settle implements attemptOwner. If another attempt replaces a, Begin is called
// for it on another goroutine: a still holds the store's lock here, which the new
// attempt needs.
func (s *Session) settle(a *attempt, o obtained, err error, took time.Duration) (bool, closeMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fx := s.machine.settle(readClocks(), s.config().policy(), a, o, took, err)
	// Events are for the logger and Observe of the attempt's own setup, even if
	// Reconfigure has replaced it since.
	s.applyEffects(a.setup, fx)
	if fx.start != nil {
		go s.callBegin(context.Background(), fx)
	}
	return fx.release != nil, a.closeMode
}

// noteWait implements attemptOwner.
func (s *Session) noteWait(a *attempt, what WaitFor, limit time.Duration) {
	s.mu.Lock()
	if !a.settled {
		ev := a.newEvent(EventWaiting)
		ev.WaitFor, ev.Wait = what, limit
		s.queueEvents(a.setup, a, []Event{ev})
	}
	s.mu.Unlock()
	s.deliverEventsSoon()
}

// refuse implements credentialOwner. It tells the machine that the API refused c. invalid
// says that the API called the credential itself invalid.
func (s *Session) refuse(ctx context.Context, c *credential, invalid bool, challenge string) {
	s.refuseAs(ctx, s.config().audience(), c, invalid, challenge)
}

// refuseAs is refuse with the audience of the attempt that it may start.
func (s *Session) refuseAs(
	ctx context.Context, who audience, c *credential, invalid bool, challenge string,
) {
	r := apiRefusal{invalid: invalid, challenge: challenge, asked: challengeKey(challenge)}
	s.mu.Lock()
	cfg := s.config()
	fx := s.machine.refuse(readClocks(), cfg.policy(), who, c, r)
	s.applyEffects(c.setup, fx)
	s.mu.Unlock()
	s.deliverEventsSoon()
	s.callBegin(ctx, fx)
}

// awaitClosing waits until no Close runs.
func (s *Session) awaitClosing(ctx context.Context) error {
	s.mu.Lock()
	c := s.rareState().closeDone
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	return await(ctx, c)
}

// policy returns what the machine needs to know of the setup.
func (cfg *setup) policy() policy {
	o := cfg.opts
	return policy{
		setup: cfg, lazy: o.Lazy, keepFresh: o.KeepFresh, timeout: o.timeout(), random: randomBelow,
	}
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return contextError(ctx)
	}
}
