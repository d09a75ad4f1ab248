package core

import "fmt"

// event is something that may occur in a world. do reports whether it can.
type event struct {
	name string
	do   func(*world) bool
}

// events returns what may occur next.
func (w *world) events() []event {
	out := []event{{"time passes", (*world).pass}, {"the timer fires", (*world).tick}}
	if w.cfg.refusals {
		out = append(
			out,
			event{"the API accepts", (*world).accept},
			event{"the API refuses", func(w *world) bool { return w.refuse(false, false, 'a') }},
			event{
				"the API calls the credential invalid",
				func(w *world) bool { return w.refuse(true, false, 'a') },
			},
			event{"a program reports it", func(w *world) bool { return w.refuse(true, true, 'a') }},
		)
	}
	if w.cfg.scopes {
		out = append(out,
			event{"the API refuses on a path of another scope", func(w *world) bool {
				return w.refuse(false, false, 'b')
			}},
			event{"the API refuses without a word", func(w *world) bool {
				return w.refuse(false, false, 0)
			}})
	}
	if w.cfg.reconfigure {
		out = append(out, event{"a new configuration", (*world).reconfigure})
	}
	if w.cfg.ends {
		out = append(out,
			event{"close", func(w *world) bool { return w.close(closeForNow) }},
			event{"sign out", func(w *world) bool { return w.close(closeForGood) }},
			event{"close has ended", (*world).closed})
	}
	if w.cfg.blocks {
		out = append(out, event{"a block begins", (*world).enter},
			event{"a block ends", (*world).leave})
	}
	if w.cfg.elsewhere {
		out = append(out,
			event{"another process has renewed", (*world).adopt},
			event{"rest", func(w *world) bool {
				w.m.dropFromMemory()
				w.checkEvents(effects{}) // what left the memory has no subject
				return true
			}})
	}
	for _, by := range w.cfg.callers {
		for _, kind := range w.cfg.calls {
			out = append(
				out,
				event{
					kind + " by " + audienceNames[by.audience],
					func(w *world) bool { return w.call(kind, by) },
				},
			)
		}
	}
	out = append(out, event{"use by a caller that is gone", func(w *world) bool {
		return w.call("use", caller{audience: w.cfg.callers[0].audience, contextEnded: true})
	}})
	for i := range w.running {
		out = append(out, w.runnerEvents(i)...)
	}
	return out
}

var audienceNames = []string{"nobody", "a program", "a person"}

// runnerEvents returns what may occur to the i-th attempt that runs.
func (w *world) runnerEvents(i int) []event {
	on := func(fn func(*world, *runner) bool) func(*world) bool {
		return func(w *world) bool { return i < len(w.running) && fn(w, w.running[i]) }
	}
	out := []event{
		{fmt.Sprint("attempt ", i, ": calls the provider"), on((*world).callProvider)},
		{fmt.Sprint("attempt ", i, ": asks the person"), on((*world).askPerson)},
		{fmt.Sprint("attempt ", i, ": reaches its limit"), on((*world).overdue)},
		{fmt.Sprint("attempt ", i, ": finds a stored credential"), on((*world).findStored)},
		{fmt.Sprint("attempt ", i, ": an input was refused"), on((*world).refuseInput)},
		{
			fmt.Sprint("attempt ", i, ": fails before it asks"),
			on(
				func(w *world, r *runner) bool {
					return r.stage == stageStart && w.finish(r, CodeUnavailable, false)
				}),
		},
	}
	for _, code := range append([]Code{0}, w.cfg.codes...) {
		out = append(
			out,
			event{
				fmt.Sprint("attempt ", i, ": the provider answers ", code),
				on(func(w *world, r *runner) bool { return w.answer(r, code) }),
			},
		)
	}
	return append(out, event{fmt.Sprint("attempt ", i, ": ends"), on((*world).deliver)})
}

func (w *world) call(kind string, by caller) bool {
	if w.full() {
		return false
	}
	w.ask(kind, by, nil)
	return true
}

// full reports whether no attempt may begin, so that the world stays small.
func (w *world) full() bool {
	most := maxRunning
	if w.cfg.single {
		most = 1
	}
	return w.m.attempt == nil && len(w.running) >= most
}

// pass lets time pass until the next moment that makes a difference.
func (w *world) pass() bool {
	next := never
	look := func(i instant) {
		if i > w.now.mono {
			next = min(next, i)
		}
	}
	for _, c := range []*credential{w.m.current, w.m.parked, w.m.refused} {
		if c != nil {
			look(c.staleAt)
			look(c.expiresAt)
			look(w.settles(c))
		}
	}
	for _, b := range w.waits {
		look(b.until)
	}
	look(w.m.refusals.retryTime())
	if next == never {
		return false
	}
	w.now.wall += int64(next - w.now.mono)
	w.now.mono = next
	return true
}

func (w *world) tick() bool {
	if w.full() {
		return false
	}
	w.apply(w.m.tick(w.now, w.policy()), nobody, false)
	return true
}

func (w *world) accept() bool {
	if w.m.current == nil || w.m.current.acceptedByAPI.Load() {
		return false
	}
	w.m.current.acceptedByAPI.Store(true)
	return true
}

// refuse lets the API refuse the credential. With reported, a program says so that may end at once:
// nothing is renewed. scope is what the challenge asks for; zero: it does not say.
func (w *world) refuse(invalid, reported bool, scope byte) bool {
	c := w.m.current
	if c == nil {
		c = w.m.refused
	}
	if c == nil || w.full() {
		return false
	}
	who := w.cfg.callers[len(w.cfg.callers)-1].audience
	quiet := c == w.m.current && w.now.mono-c.createdAt > instant(maxRefusalWait)
	r := apiRefusal{invalid: invalid, challenge: "challenge"}
	if scope != 0 {
		r.asked = string(scope)
	}
	if w.m.refusals == nil || quiet {
		w.asked, w.inRow, w.repeated = 0, 0, false
	}
	must := w.spacing(c, scope)
	var fx effects
	if reported {
		if fx, _ = w.m.dropRefused(w.now, w.policy(), c, r); fx.start != nil {
			violated(5, "a credential is renewed for a program that may end")
		}
	} else {
		fx = w.m.refuse(w.now, w.policy(), who, c, r)
	}
	w.checkSpacing(c, must, scope)
	if quiet && (w.m.current == c || w.refusalCount() != 1) {
		violated(7, "a refusal after a quiet minute counts as one soon after another")
	}
	switch {
	case w.m.refused != c: // too soon after another refusal
	case w.refused != c:
		w.refused, w.refusal = c, refusalUndecided
		fallthrough
	default:
		if invalid {
			w.refusal = refusalFinal
		}
	}
	if code := w.binding(who); w.m.refused == c && w.m.attempt == nil && code != 0 &&
		w.refusal == refusalUndecided {
		w.noteRefusal(&runner{}, code, obtained{presentedRefresh: !c.cred.RefreshState.IsZero()})
	}
	w.apply(fx, who, false)
	return true
}

// spacing returns what the rules say about a refusal of c that asks for scope: it drops
// c (1), it is too soon after another one (-1), or it is about a credential that was
// dropped before (0).
func (w *world) spacing(c *credential, scope byte) int {
	switch {
	case c != w.m.current:
		return 0
	case w.inRow == 0 || w.now.mono >= w.m.refusals.retryTime():
		return 1
	case scope != 0 && scope != w.asked && !(w.repeated && w.inRow >= maxUnhelpful):
		return 1
	}
	return -1
}

// checkSpacing verifies what a refusal of c has done, and keeps the rules' own record
// of the last one.
func (w *world) checkSpacing(c *credential, must int, scope byte) {
	switch {
	case must > 0 && w.m.current == c:
		violated(7, "a refusal that asks for something else is spaced")
	case must < 0 && w.m.current != c:
		violated(10, "refusals soon after each other are not spaced")
	case must < 0:
		w.repeated = true
	case must > 0:
		if !w.repeated && scope != 0 && scope != w.asked {
			w.inRow = 0
		}
		w.asked, w.inRow, w.repeated = scope, min(w.inRow+1, maxUnhelpful), false
		if min(w.refusalCount(), maxUnhelpful) != w.inRow {
			violated(10, "%d refusals in a row count as %d", w.inRow, w.refusalCount())
		}
	}
}

// binding returns the code of the wait that ends last for an audience, or zero.
func (w *world) binding(who audience) (out Code) {
	var until instant
	for code, b := range w.waits {
		if b.until > max(w.now.mono, until) && !(Code(code) == CodeInteractive && b.who < who) {
			out, until = Code(code), b.until
		}
	}
	return out
}

func (w *world) reconfigure() bool {
	if len(w.running) >= maxRunning || w.closing {
		return false
	}
	left := w.m.parkedOrRefused()
	w.waits = [numCodes]wait{}
	w.setup = walkSetup()
	fx := w.m.reconfigure(w.now, w.policy())
	w.refused, w.refusal = nil, refusalNone
	if w.m.failures.binding(w.now.mono, nobody) != nil || w.m.refusals.retryTime() > w.now.mono {
		violated(10, "a new configuration does not end the waits")
	}
	if left != fx.release {
		violated(8, "a credential that a new configuration drops is not released")
	}
	w.apply(fx, nobody, false)
	return true
}

func (w *world) close(how closeMode) bool {
	m := &w.m
	have := m.current
	if have == nil {
		have = m.parkedOrRefused()
	}
	mustClose := w.blocks == 0 && w.owned
	var saves *attempt
	for _, r := range w.running {
		if r.spent && r.stage != stageAnswer && !r.a.settled {
			saves = r.a
		}
	}
	c := m.close(w.setup, how)
	if how == closeBlock && w.blocks >= 0 {
		closes := !c.noop && !c.otherClose
		if closes != mustClose && !c.otherClose {
			violated(9, "the end of the last block closes: %v, want %v", closes, mustClose)
		}
	}
	if c.noop || c.otherClose {
		return how == closeBlock
	}
	if m.refusals.retryTime() > w.now.mono {
		violated(7, "refusals are counted over Close")
	}
	w.closing, w.owned = true, false
	w.refused, w.refusal = nil, refusalNone
	if have != c.release {
		violated(8, "a credential is not released when the session is closed")
	}
	if saves != nil && c.awaitAttempt != saves {
		violated(5, "Close does not wait for an attempt that spends what is stored")
	}
	w.apply(c.effects, nobody, false)
	return true
}

func (w *world) closed() bool {
	if !w.closing {
		return false
	}
	w.closing = false
	w.m.finishClose(false)
	return true
}

func (w *world) enter() bool {
	if w.blocks == maxBlocks || w.full() {
		return false
	}
	w.blocks++
	w.m.enterBlock()
	w.ask("block", caller{audience: program}, nil)
	return true
}

func (w *world) leave() bool {
	if w.blocks == 0 {
		return false
	}
	w.blocks--
	return w.close(closeBlock)
}

func (w *world) adopt() bool {
	if !w.cfg.stored || w.m.state != lifeReady {
		return false
	}
	w.apply(w.m.adopt(w.newCredential(w.setup, true)), nobody, false)
	return true
}

// callProvider lets an attempt call Authenticate.
func (w *world) callProvider(r *runner) bool {
	if r.stage != stageStart || r.a.purpose != purposeRenew {
		return false
	}
	r.presented = !r.a.request.Previous.RefreshState.IsZero()
	p := phaseAsking
	if r.presented && w.cfg.stored {
		p = phaseSpending
	}
	if ok, _ := w.proceed(r.a, p); !ok {
		return w.finish(r, 0, true)
	}
	w.checkCall(r)
	r.stage, r.spent = stageCall, p == phaseSpending
	return true
}

// askPerson lets an attempt call SignIn, if it may.
func (w *world) askPerson(r *runner) bool {
	ready := r.a.purpose == purposeSignIn && r.stage == stageStart ||
		r.stage == stageAnswer && r.last == CodeInteractive
	if !ready || r.a.audience < person {
		return false
	}
	ok, told := w.proceed(r.a, phaseSigningIn)
	if !ok {
		return w.finish(r, CodeInteractive, true)
	}
	if told != 1 {
		violated(13, "a person is asked and %d events say so", told)
	}
	if r.cause < person {
		violated(6, "an attempt reaches SignIn although no person is there")
	}
	w.checkCall(r)
	r.stage, r.spent = stagePerson, false
	return true
}

// proceed moves an attempt to a phase. It returns how many events say that a
// person is asked.
func (w *world) proceed(a *attempt, p phase) (ok bool, told int) {
	ok, fx := w.m.enterPhase(a, p)
	for _, ev := range fx.events {
		if ev.Type != EventSigningIn || p != phaseSigningIn || ev.Wait <= 0 {
			violated(13, "phase %d is reported as %v", p, ev.Type)
		}
		told++
	}
	return ok, told
}

// checkCall verifies that the provider may be called.
func (w *world) checkCall(r *runner) {
	if r.cancelled || r.a.settled {
		violated(8, "the provider is called for an attempt that has settled")
	}
	for _, other := range w.running {
		if other != r && other.a.setup == r.a.setup &&
			(other.stage == stageCall || other.stage == stagePerson) {
			violated(4, "two calls into one provider")
		}
	}
}

// answer lets the provider's call return.
func (w *world) answer(r *runner, code Code) bool {
	switch r.stage {
	case stageCall:
		r.stage = stageAnswer
	case stagePerson:
		if code == CodeInteractive {
			return false
		}
		r.stage = stageSigned
	default:
		return false
	}
	r.last = code
	_, _ = w.proceed(r.a, phaseSaving)
	return true
}

// deliver lets an attempt settle with what the provider answered.
func (w *world) deliver(r *runner) bool {
	if r.stage != stageAnswer && r.stage != stageSigned {
		return false
	}
	return w.finish(r, r.last, false)
}

// refuseInput lets an attempt settle with what the provider answered about an input.
func (w *world) refuseInput(r *runner) bool {
	if r.stage != stageAnswer || r.last != CodeDenied {
		return false
	}
	o := obtained{presentedRefresh: r.presented, refusedInput: &refusedInput{role: "subject"}}
	return w.settle(r, o, Errorf(CodeDenied, "no"))
}

// findStored lets an attempt take what the store holds.
func (w *world) findStored(r *runner) bool {
	if !w.cfg.stored || r.stage != stageStart || r.a.purpose == purposeSignIn {
		return false
	}
	c := w.newCredential(r.a.setup, true)
	c.cred.Subject = "bob" // another process has signed in somebody else
	return w.settle(r, obtained{credential: c, restored: true}, nil)
}

// overdue lets the limit of an attempt pass.
func (w *world) overdue(r *runner) bool {
	if r.a.settled {
		return false
	}
	err := Errorf(CodeUnavailable, "overdue")
	w.noteRefusal(r, CodeUnavailable, obtained{})
	fx := w.m.settle(w.now, w.policy(), r.a, obtained{}, 0, err)
	w.apply(fx, r.cause, false)
	return true
}

// finish lets an attempt end with a code, or with a credential for zero.
func (w *world) finish(r *runner, code Code, superseded bool) bool {
	o := obtained{
		presentedRefresh: r.presented, refreshRefused: r.presented && r.last == CodeInteractive,
	}
	switch {
	case superseded:
		return w.settle(r, o, errSuperseded)
	case r.a.purpose == purposeRestore:
		return w.settle(r, o, errNotStored)
	case code != 0:
		return w.settle(r, o, Errorf(code, "no"))
	}
	o.credential = w.newCredential(r.a.setup, w.cfg.stored)
	return w.settle(r, o, nil)
}

// settle delivers the outcome of an attempt whose goroutine ends.
func (w *world) settle(r *runner, o obtained, err error) bool {
	late, have := r.a.settled, r.a.previous
	again := o.refusedInput != nil && r.a.rejectedInput == nil
	if err != nil && !late && r.a.purpose != purposeRestore && !again {
		w.noteRefusal(r, CodeOf(err), o)
	}
	current := w.m.current
	fx := w.m.settle(w.now, w.policy(), r.a, o, 0, err)
	if late && o.credential != nil && o.credential != w.m.current && o.credential != w.m.parked &&
		fx.release != o.credential {
		violated(8, "a credential that arrives late is neither used nor released")
	}
	if late && o.credential != nil && r.a.epoch != w.m.epoch && fx.release != o.credential {
		violated(8, "a credential that arrives after Close is used")
	}
	if late && o.credential == w.m.current && o.credential != nil && current != nil &&
		current != have {
		violated(8, "a credential that arrives late replaces a newer one")
	}
	if !late && o.credential != nil && o.credential != w.m.current && o.credential != w.m.parked {
		violated(5, "a credential that was obtained is dropped")
	}
	if o.refusedInput != nil && fx.start != nil && !again {
		violated(10, "an input that is refused a second time begins a third attempt")
	}
	if again && !late &&
		(fx.start == nil || fx.start.purpose != r.a.purpose || r.a.successor != fx.start) {
		violated(12, "no attempt takes the place of one whose input was refused")
	}
	w.apply(fx, r.cause, r.init)
	for i, other := range w.running {
		if other == r {
			w.running = append(w.running[:i:i], w.running[i+1:]...)
			break
		}
	}
	return true
}

// noteRefusal keeps the rules' own record of what a refused credential may be
// used for after an attempt to replace it has failed.
func (w *world) noteRefusal(r *runner, code Code, o obtained) {
	if w.refused == nil || w.refusal == refusalFinal {
		return
	}
	harmless := code == CodeUnavailable || code == CodeBadConfig ||
		code == CodeInteractive && !o.presentedRefresh
	if o.refreshRefused || !harmless {
		w.refusal = refusalFinal
		return
	}
	w.refusal = refusalTolerated
}
