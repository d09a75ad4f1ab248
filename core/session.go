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
	live  atomic.Pointer[credential] // machine.current, for callers without the lock
	setup atomic.Pointer[setup]      // written under mu

	sending atomic.Pointer[sending] // what sends requests; made on first use

	mu      sync.Mutex // guards all below; it is never held across I/O
	machine machine
	extra   *extra // nil: none was needed yet
	// ownOrigins: a credential had other origins than the options
	ownOrigins bool
}

// extra is what few sessions need, or not for long. Session.mu guards it.
type extra struct {
	closing chan struct{} // open while Close works
	timer   *time.Timer   // of KeepFresh
	due     instant       // when timer fires; zero: it is not set
	reports reports       // events that have not been delivered
	pause   instant       // the end of the last back-off that Waiting was reported for
}

// extras returns the session's extra. s.mu is held.
func (s *Session) extras() *extra {
	if s.extra == nil {
		s.extra = &extra{}
	}
	return s.extra
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
	return notMade
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
func (s *Session) init(ctx context.Context, block bool) error {
	if ctx == nil {
		return s.config().annotate(errNoContext, "init")
	}
	by := asker{who: s.audience(ctx)}
	var epoch *uint32
	for {
		by.gone = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict {
			return s.machine.init(at, p, by, block, epoch)
		})
		if !v.closing {
			epoch = &v.epoch
		}
		if _, done, err := s.follow(ctx, v, by); done {
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
	if l := s.live.Load(); l != nil {
		if until := instant(l.until.Load()); until == never || mono() < until {
			return l, nil
		}
	}
	if ctx == nil {
		return nil, s.config().annotate(errNoContext, "")
	}
	by := asker{who: s.audience(ctx), answers: answers}
	for {
		by.gone = ctx.Err() != nil
		v := s.decide(ctx, func(at moment, p policy) verdict { return s.machine.use(at, p, by) })
		if l, done, err := s.follow(ctx, v, by); done {
			return l, s.config().annotate(err, "")
		}
		by.answers = false // it has waited for a replacement
	}
}

// decide tells the machine of a caller's event, and does what it wants. ctx is the
// caller's.
func (s *Session) decide(ctx context.Context, event func(moment, policy) verdict) verdict {
	s.mu.Lock()
	u, now := s.config(), present()
	v := event(now, u.policy())
	if v.serve != nil && v.recheck != 0 {
		v.serve.until.Store(int64(v.recheck))
	}
	s.apply(u, v.effects)
	if v.sleep > 0 {
		s.notePause(u, now.mono.plus(v.sleep), v.sleep)
	}
	s.mu.Unlock()
	if len(v.events) > 0 || v.sleep > 0 {
		s.reportSoon()
	}
	s.begin(ctx, v.effects)
	return v
}

// begin calls Options.Begin for an attempt that has just started, if one has.
// s.mu is not held. ctx is that of the caller which started it. A caller that is an
// attempt itself is not held by Begin: others wait for it.
func (s *Session) begin(ctx context.Context, fx effects) {
	a := fx.start
	if a == nil || a.beginning == nil {
		return
	}
	if ctx.Value(inputKey{}) != nil {
		go a.begin(ctx)
		return
	}
	a.begin(ctx)
}

// follow does what a verdict says. If done is false, the caller has waited and
// asks again.
func (s *Session) follow(
	ctx context.Context, v verdict, by asker,
) (c *credential, done bool, err error) {
	switch {
	case v.err == errGone:
		return nil, true, gone(ctx)
	case v.err != nil:
		return nil, true, v.err
	case v.closing:
		err = s.awaitClosing(ctx)
	case v.sleep > 0:
		err = sleep(ctx, v.sleep)
	case v.wait != nil:
		var last *attempt
		if last, err = v.wait.settles(ctx); err == nil {
			again := false
			if err, again = last.outcome(by.who); again {
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
func (s *Session) apply(u *setup, fx effects) {
	if old, next := s.live.Load(), s.machine.current; old != next {
		if to := s.sending.Load(); old == nil && to != nil {
			to.transports.reopen()
		}
		s.live.Store(next)
		if s.originsChange(old, next) {
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
	s.note(u, fx.settled, fx.events)
}

// originsChange reports whether the origins of the session may be others when next
// takes the place of old. While there is no credential they are those of the
// options, which are also the credential's unless something else names its
// origins. s.mu is held.
func (s *Session) originsChange(old, next *credential) bool {
	for _, c := range []*credential{old, next} {
		if c != nil && (c.named != nil || c.setup != s.config()) {
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
	now := mono()
	due := s.machine.wake(now, s.config().policy())
	if due == never {
		due = 0
	}
	if due == 0 && s.extra == nil {
		return
	}
	x := s.extras()
	if due == x.due {
		return
	}
	if x.timer != nil {
		x.timer.Stop()
		x.timer = nil
	}
	if x.due = due; due != 0 {
		x.timer = time.AfterFunc(max(time.Millisecond, due.until(now)), s.tick)
	}
}

func (s *Session) tick() {
	s.mu.Lock()
	x := s.extras()
	x.timer, x.due = nil, 0
	u := s.config()
	fx := s.machine.tick(present(), u.policy())
	s.apply(u, fx)
	s.mu.Unlock()
	s.reportSoon()
	s.begin(context.Background(), fx)
}

// proceed implements owner.
func (s *Session) proceed(a *attempt, p phase) bool {
	s.mu.Lock()
	ok, fx := s.machine.proceed(a, p)
	s.note(a.setup, a, fx.events)
	s.mu.Unlock()
	if len(fx.events) > 0 {
		s.reportSoon()
	}
	return ok
}

// settle implements owner. An attempt that takes the place of a does not hold the
// store's lock of a while Begin runs.
func (s *Session) settle(a *attempt, o obtained, err error, took time.Duration) (bool, closeMode) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fx := s.machine.settle(present(), s.config().policy(), a, o, took, err)
	s.apply(a.setup, fx)
	if fx.start != nil {
		go s.begin(context.Background(), fx)
	}
	return fx.release != nil, a.ended
}

// waits implements owner.
func (s *Session) waits(a *attempt, what WaitFor, limit time.Duration) {
	s.mu.Lock()
	if !a.settled {
		ev := a.event(EventWaiting)
		ev.WaitFor, ev.Wait = what, limit
		s.note(a.setup, a, []Event{ev})
	}
	s.mu.Unlock()
	s.reportSoon()
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
	l := s.live.Load()
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
	s.refuseFor(ctx, s.config().audience(), l, invalid, challenge)
}

// refuseFor is refuse with the audience of the attempt that it may start.
func (s *Session) refuseFor(
	ctx context.Context, who audience, l *credential, invalid bool, challenge string,
) {
	s.mu.Lock()
	u := s.config()
	fx := s.machine.refuse(present(), u.policy(), who, l, invalid, challenge)
	s.apply(l.setup, fx)
	s.mu.Unlock()
	s.reportSoon()
	s.begin(ctx, fx)
}

// awaitClosing waits until no Close is at work.
func (s *Session) awaitClosing(ctx context.Context) error {
	s.mu.Lock()
	c := s.extras().closing
	s.mu.Unlock()
	if c == nil {
		return nil
	}
	return await(ctx, c)
}

// supply implements supplier.
func (s *Session) supply(ctx context.Context) (Credential, error) {
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
func (s *Session) reject(ctx context.Context, c Credential) {
	if l := s.live.Load(); l != nil && c.id == l.cred.id {
		s.refuseFor(ctx, s.audience(ctx), l, false, "")
	}
}

// asksPerson implements supplier.
func (s *Session) asksPerson() bool { return s.config().audience() == person }

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
		return gone(ctx)
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
