// Read on in report.go.

package core

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Session holds the authentication of one external API. It is created without
// sending anything ([New]), authenticated once ([Session.Init]), used by every
// request, renewed before its credential expires, and closed at the end; after
// [Session.Close], Init starts again. The same methods apply to all sessions,
// whatever their provider.
//
//	new → Init → fresh ⇄ stale → expired → … → Close → closing → closed → Init → fresh
//
// A fresh credential is returned at once. A stale one is returned at once, too,
// and renewed in the background. If it has expired, or the API refused it, callers
// wait for the one renewal in flight, each until its own context ends. [State] has
// the list.
//
// A Session is safe for concurrent use. It runs a goroutine only while it
// authenticates. The zero Session authenticates nothing: Init returns
// [CodeBadConfig].
type Session struct {
	published atomic.Pointer[credential] // machine.current, for callers without the lock
	setup     atomic.Pointer[setup]      // written under mu

	sending atomic.Pointer[sending] // what sends requests; made on first use

	mu      sync.Mutex // guards all below; it is never held across I/O
	machine machine
	rare    *rareState // nil: none was needed yet
	// ownOrigins: a credential had other origins than the options
	ownOrigins bool
}

// extra is what few sessions need, or not for long. Session.mu guards it.
type rareState struct {
	closeDone       chan struct{} // open while Close works
	timer           *time.Timer   // of KeepFresh
	timerDue        instant       // when timer fires; zero: it is not set
	events          eventQueue    // events that have not been delivered
	reportedBackoff instant       // the end of the last back-off that Waiting was reported for
}

// extras returns the session's extra. s.mu is held.
func (s *Session) rareState() *rareState {
	if s.rare == nil {
		s.rare = &rareState{}
	}
	return s.rare
}

// New returns a session for one provider. Nothing is sent and no goroutine
// starts. The name is for errors and logs. Nil options are the defaults. If
// something is wrong with them, Init reports it as [CodeBadConfig].
func New(name string, p Provider, opts *Options) *Session {
	s := &Session{}
	s.setup.Store(newSetup(name, p, opts))
	return s
}

// config returns the setup in effect.
func (s *Session) config() *setup {
	if u := s.setup.Load(); u != nil {
		return u
	}
	return unmadeSetup
}

// Name returns the session's name.
func (s *Session) Name() string { return s.config().name }

// String returns the name and the state.
func (s *Session) String() string {
	return fmt.Sprintf("session %q (%v)", s.Name(), s.Status().State)
}

// Init authenticates the session unless it already is. Callers at the same
// time share one attempt; a caller whose ctx ends leaves alone. A failed Init
// leaves the session as it was, and the next one tries again: after a second
// failure in a row it first waits out the back-off of [CodeUnavailable], and
// answers [CodeDenied], [CodeBadConfig] and [CodeInteractive] from memory until their
// cool-down ends, so that a loop around Init is no storm.
func (s *Session) Init(ctx context.Context) error { return s.init(ctx, false) }

// init makes the session ready. With block, a block does so.
func (s *Session) init(ctx context.Context, asBlock bool) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "init")
	}
	by := caller{audience: s.audience(ctx)}
	var epoch *uint32
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict {
			return s.machine.init(at, p, by, asBlock, epoch)
		})
		if !v.awaitClose {
			epoch = &v.epoch
		}
		if _, done, err := s.followVerdict(ctx, v, by); done {
			return s.config().annotate(err, "init")
		}
	}
}

// Credential returns the current credential. It is the hot path: while the
// credential is fresh it takes no lock and allocates nothing. Errors:
// [CodeNotInitialized] before Init (unless Options.Lazy), [CodeClosed] after Close,
// what the provider reported if there is no valid credential, and an error
// that wraps ctx's when ctx ends first.
func (s *Session) Credential(ctx context.Context) (Credential, error) {
	l, err := s.get(ctx, false)
	if err != nil {
		return Credential{}, err
	}
	return l.cred, nil
}

// get returns a credential that may be used now. answers says that the caller
// sees what the API answers.
func (s *Session) get(ctx context.Context, answers bool) (*credential, error) {
	if l := s.published.Load(); l != nil {
		if until := instant(l.recheckAt.Load()); until == never || monoNow() < until {
			return l, nil
		}
	}
	if ctx == nil {
		return nil, s.config().annotate(errNoContext, "")
	}
	by := caller{audience: s.audience(ctx), seesAnswers: answers}
	for {
		by.contextEnded = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict { return s.machine.use(at, p, by) })
		if l, done, err := s.followVerdict(ctx, v, by); done {
			return l, s.config().annotate(err, "")
		}
		by.seesAnswers = false // it has waited for a replacement
	}
}

// decide tells the machine of a caller's event, and does what it wants. ctx is the
// caller's.
func (s *Session) decide(ctx context.Context, event func(moment, policy) verdict) verdict {
	s.mu.Lock()
	u, now := s.config(), readClocks()
	v := event(now, u.policy())
	if v.serve != nil && v.recheckAt != 0 {
		v.serve.recheckAt.Store(int64(v.recheckAt))
	}
	s.applyEffects(u, v.effects)
	if v.sleep > 0 {
		s.queueBackoffWait(u, now.mono.plus(v.sleep), v.sleep)
	}
	s.mu.Unlock()
	if len(v.events) > 0 || v.sleep > 0 {
		s.deliverEventsSoon()
	}
	s.callBegin(ctx, v.effects)
	return v
}

// begin calls Options.Begin for an attempt that has just started, if one has.
// s.mu is not held. ctx is that of the caller which started it.
func (s *Session) callBegin(ctx context.Context, fx effects) {
	if a := fx.start; a != nil {
		a.begin(ctx)
	}
}

// follow does what a verdict says. If done is false, the caller has waited and
// asks again.
func (s *Session) followVerdict(
	ctx context.Context, v verdict, by caller,
) (c *credential, done bool, err error) {
	switch {
	case v.err == errContextEnded:
		return nil, true, contextError(ctx)
	case v.err != nil:
		return nil, true, v.err
	case v.awaitClose:
		err = s.awaitClosing(ctx)
	case v.sleep > 0:
		err = sleep(ctx, v.sleep)
	case v.wait != nil:
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

// apply does what the machine wants, besides what may block. s.mu is held. u is
// the setup that the events are reported to.
func (s *Session) applyEffects(u *setup, fx effects) {
	if old, next := s.published.Load(), s.machine.current; old != next {
		if parts := s.sending.Load(); old == nil && parts != nil {
			parts.transports.reopen()
		}
		s.published.Store(next)
		if s.originsMayChange(old, next) {
			originsEpoch.Add(1)
		}
	}
	if a := fx.start; a != nil {
		a.launch(s, a.setup.source())
	}
	if a := fx.settled; a != nil {
		close(a.done)
	}
	if fx.cancel != nil {
		fx.cancel.cancel()
	}
	s.setTimer()
	s.queueEvents(u, fx.settled, fx.events)
}

// originsChange reports whether the origins of the session may be others when next
// takes the place of old. While there is no credential they are those of the
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
func (u *setup) source() source {
	if u.opts.Store != nil {
		return stored{direct{u}}
	}
	return direct{u}
}

// setTimer sets KeepFresh's timer to what the machine wants. s.mu is held.
func (s *Session) setTimer() {
	now := monoNow()
	due := s.machine.timerDue(now, s.config().policy())
	if due == never {
		due = 0
	}
	if due == 0 && s.rare == nil {
		return
	}
	x := s.rareState()
	if due == x.timerDue {
		return
	}
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
	if x.timerDue = due; due != 0 {
		x.timer = time.AfterFunc(max(time.Millisecond, due.sub(now)), s.timerFired)
	}
}

func (s *Session) timerFired() {
	s.mu.Lock()
	x := s.rareState()
	x.timer, x.timerDue = nil, 0
	u := s.config()
	fx := s.machine.tick(readClocks(), u.policy())
	s.applyEffects(u, fx)
	s.mu.Unlock()
	s.deliverEventsSoon()
	s.callBegin(context.Background(), fx)
}

// proceed implements owner.
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

// settle implements owner. An attempt that takes the place of a does not hold the
// store's lock of a while Begin runs.
func (s *Session) settle(a *attempt, o obtained, err error, took time.Duration) (bool, closeMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fx := s.machine.settle(readClocks(), s.config().policy(), a, o, took, err)
	s.applyEffects(a.setup, fx)
	if fx.start != nil {
		go s.callBegin(context.Background(), fx)
	}
	return fx.release != nil, a.closeMode
}

// waits implements owner.
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

// Reject tells the session that the API refused c, with the WWW-Authenticate
// header of its answer. If c is still the session's, it is dropped and renewed
// once, whoever asks and however many; otherwise nothing happens. Refusals
// that follow each other closely are spaced like failures: c then stays, so
// that one endpoint's refusals do not take the session from the others.
// A challenge that does not refuse the credential, as Transport reads them,
// changes nothing. Transport reports refusals itself; call Reject where authsession
// does not send the request. Reject does not wait, but for Options.Begin.
func (s *Session) Reject(c Credential, challenge string) {
	l := s.published.Load()
	if l == nil || c.id != l.cred.id {
		return
	}
	if refused, invalid := refusal(l.scheme(), challenge); refused {
		s.refuse(context.Background(), l, invalid, challenge)
	}
}

// refuse tells the session that the API refused l. invalid says that it called
// the credential itself invalid.
func (s *Session) refuse(ctx context.Context, l *credential, invalid bool, challenge string) {
	s.refuseAs(ctx, s.config().audience(), l, invalid, challenge)
}

// refuseFor is refuse with the audience of the attempt that it may start.
func (s *Session) refuseAs(
	ctx context.Context, who audience, l *credential, invalid bool, challenge string,
) {
	s.mu.Lock()
	u := s.config()
	fx := s.machine.refuse(readClocks(), u.policy(), who, l, invalid, challenge)
	s.applyEffects(l.setup, fx)
	s.mu.Unlock()
	s.deliverEventsSoon()
	s.callBegin(ctx, fx)
}

// awaitClosing waits until no Close is at work.
func (s *Session) awaitClosing(ctx context.Context) error {
	s.mu.Lock()
	c := s.rareState().closeDone
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	return await(ctx, c)
}

// supply implements supplier.
func (s *Session) supplyInput(ctx context.Context) (Credential, error) {
	c, err := s.Credential(ctx)
	if CodeOf(err) != CodeNotInitialized {
		return c, err
	}
	if err := s.Init(ctx); err != nil {
		return Credential{}, err
	}
	return s.Credential(ctx)
}

// reject implements supplier.
func (s *Session) rejectInput(ctx context.Context, c Credential) {
	if l := s.published.Load(); l != nil && c.id == l.cred.id {
		s.refuseAs(ctx, s.audience(ctx), l, false, "")
	}
}

// asksPerson implements supplier.
func (s *Session) mayAskPerson() bool { return s.config().audience() == person }

// audience returns for whom a call with ctx asks.
func (s *Session) audience(ctx context.Context) audience {
	if ctx.Value(nobodyKey{}) != nil {
		return nobody
	}
	return s.config().audience()
}

// audience returns for whom a caller asks.
func (u *setup) audience() audience {
	if u.opts.UI != nil && !u.opts.AskOnlyOnSignIn {
		return person
	}
	return program
}

func (u *setup) policy() policy {
	o := u.opts
	return policy{
		setup: u, lazy: o.Lazy, keepFresh: o.KeepFresh, timeout: o.timeout(), random: randomBelow,
	}
}

// errNoContext is the error of a caller that passes nil. A nil context would
// panic later, and leave a block or a Close that does not end.
var errNoContext = Errorf(CodeBadConfig, "the context is nil")

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

// sendingParts returns what sends the session's requests.
func (s *Session) sendingParts() *sending {
	if p := s.sending.Load(); p != nil {
		return p
	}
	s.sending.CompareAndSwap(nil, &sending{})
	return s.sending.Load()
}

// sender returns the part of the session that sends requests.
func (s *Session) sender() sender { return sender{s, s.sendingParts()} }
