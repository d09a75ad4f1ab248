package core

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// world is the machine and what surrounds it.
type world struct {
	cfg     walkConfig
	m       machine
	now     moment
	setup   *setup
	running []*runner
	closing bool // Close runs

	// What the rules say, kept apart from the machine's own variables.
	waits   [numCodes]wait
	owned   bool // a block made the session ready, and nobody took it over
	blocks  int
	refused *credential
	refusal refusedUse
	// asked is what the last refusal that dropped a credential asked for, and repeated
	// says that another one followed which the wait after it kept from that.
	asked    byte
	inRow    int // refusals in a row, up to maxUnhelpful
	repeated bool
	got      error // what the last caller got; nil: anything else
	subject  string
}

// wait is a wait after a failure.
type wait struct {
	count int
	until instant
	who   audience
}

// runner is an attempt whose goroutine has not ended.
type runner struct {
	a         *attempt
	cause     audience // who is there, whatever the attempt says
	init      bool     // an Init started it
	stage     stage
	cancelled bool
	spent     bool // what it spends or saves is the store's
	settled   bool // its waiters were released
	presented bool
	last      Code // of the provider's answer; zero: a credential
}

// stage is how far an attempt's goroutine is.
type stage uint8

const (
	stageStart  stage = iota // before the provider is called
	stageCall                // in Authenticate
	stageAnswer              // Authenticate has returned
	stagePerson              // in SignIn
	stageSigned              // SignIn has returned
)

const (
	walkStale   = 5 * time.Second
	walkExpired = 12 * time.Second
	maxRunning  = 2
	maxBlocks   = 2
)

func newWorld(cfg walkConfig) *world {
	w := &world{cfg: cfg, now: moment{mono: 1 << 40, wall: 1 << 50}}
	w.setup = walkSetup()
	return w
}

func walkSetup() *setup { return &setup{name: "walk", opts: &defaultOptions} }

func (w *world) policy() policy {
	return policy{
		setup: w.setup, lazy: w.cfg.lazy, keepFresh: w.cfg.keepFresh, timeout: 10 * time.Second,
		random: func(time.Duration) time.Duration { return 0 },
	}
}

// newCredential returns what a provider of u would return now.
func (w *world) newCredential(u *setup, renewal bool) *credential {
	c := &credential{setup: u}
	c.createdAt = w.now.mono
	c.staleAt, c.expiresAt = w.now.mono.plus(walkStale), w.now.mono.plus(walkExpired)
	if w.cfg.long {
		c.staleAt, c.expiresAt = w.now.mono.plus(20*walkStale), w.now.mono.plus(20*walkExpired)
	}
	c.wallExpiresAt = int64(never)
	c.cred.Subject = "ada"
	if renewal {
		c.cred.RefreshState = NewSecret("r")
	}
	return c
}

func violated(invariant int, format string, args ...any) {
	panic(&walkViolation{invariant: invariant, what: fmt.Sprintf(format, args...)})
}

// clone copies the world. Setups, failures and lifetimes are never written to.
func (w *world) clone() *world {
	out := *w
	attempts := map[*attempt]*attempt{nil: nil}
	creds := map[*credential]*credential{nil: nil}
	cred := func(c *credential) *credential {
		if creds[c] == nil && c != nil {
			n := &credential{lifetime: c.lifetime, setup: c.setup, cred: c.cred}
			n.acceptedByAPI.Store(c.acceptedByAPI.Load())
			creds[c] = n
		}
		return creds[c]
	}
	att := func(a *attempt) *attempt {
		if attempts[a] == nil && a != nil {
			attempts[a] = &attempt{
				setup: a.setup, audience: a.audience, purpose: a.purpose, request: a.request,
				previous: cred(a.previous), epoch: a.epoch,
				phase: a.phase, settled: a.settled, closeMode: a.closeMode, err: a.err,
				rejectedInput: a.rejectedInput,
			}
		}
		return attempts[a]
	}
	m := &out.m
	m.current, m.parked, m.refused = cred(m.current), cred(m.parked), cred(m.refused)
	m.attempt, m.stuck = att(m.attempt), att(m.stuck)
	out.refused = cred(w.refused)
	out.running = make([]*runner, len(w.running))
	for i, r := range w.running {
		n := *r
		n.a = att(r.a)
		out.running[i] = &n
	}
	return &out
}

// keyText is a world's key while it is written.
type keyText []byte

func (k *keyText) add(values ...int) {
	for _, v := range values {
		*k = append(*k, byte(v+1))
	}
}

func (k *keyText) flags(values ...bool) {
	for _, v := range values {
		if v {
			*k = append(*k, '+')
		} else {
			*k = append(*k, '-')
		}
	}
}

// key describes the world without what makes no difference.
func (w *world) key() string {
	m := &w.m
	rank := w.ranks()
	k := make(keyText, 0, 128)
	k.add(int(m.state), int(m.refusal), int(min(m.blocks, 3)), int(w.refusal), w.blocks)
	k.flags(m.initByBlock, w.closing, w.owned)
	for _, c := range []*credential{m.current, m.parked, m.refused} {
		if c == nil {
			k.add(0)
			continue
		}
		k.add(1, rank(c.staleAt), rank(c.expiresAt), rank(w.settles(c)))
		k.flags(c.setup == w.setup, c.acceptedByAPI.Load(), c.cred.RefreshState.IsZero(),
			c == w.refused)
	}
	if f := m.failures; f != nil {
		for i, one := range f.byCode {
			k.add(i, min(one.count, 3), rank(one.retryAt), int(one.audience))
		}
		k.add(int(f.last))
	}
	k.add(min(w.refusalCount(), 3), rank(m.refusals.retryTime()), len(w.running))
	if w.cfg.scopes && w.m.refusals != nil {
		k.add(int(w.asked), w.inRow)
		k.flags(w.repeated, w.m.refusals.repeated)
	}
	for _, r := range w.running {
		a := r.a
		k.add(int(a.audience), int(a.purpose), int(a.request.Reason), int(a.phase),
			int(a.closeMode), int(r.cause), int(r.stage), int(r.last))
		k.flags(a == m.attempt, a == m.stuck, a.setup == w.setup, a.epoch == m.epoch, a.settled,
			a.previous == m.current, a.previous == m.refused, a.previous == nil,
			a.request.Previous.RefreshState.IsZero(), r.cancelled, r.spent, r.settled, r.presented,
			a.rejectedInput != nil, r.init)
	}
	return string(k)
}

func (w *world) refusalCount() int {
	if w.m.refusals == nil {
		return 0
	}
	return w.m.refusals.count
}

// settles returns when a refusal of c is no longer one soon after another.
func (w *world) settles(c *credential) instant {
	if !w.cfg.refusals || w.m.refusals == nil {
		return 0
	}
	return c.createdAt.plus(maxRefusalWait) + 1
}

// ranks returns a function that tells the order of the instants to come: zero
// for those that have passed, and minus one for never.
func (w *world) ranks() func(instant) int {
	var buffer [24]instant
	to := buffer[:0]
	at := func(i instant) {
		if i > w.now.mono && i != never && !slices.Contains(to, i) {
			to = append(to, i)
		}
	}
	m := &w.m
	for _, c := range []*credential{m.current, m.parked, m.refused} {
		if c != nil {
			at(c.staleAt)
			at(c.expiresAt)
			at(w.settles(c))
		}
	}
	if m.failures != nil {
		for _, f := range m.failures.byCode {
			at(f.retryAt)
		}
	}
	at(m.refusals.retryTime())
	slices.Sort(to)
	return func(i instant) int {
		if i == never {
			return -1
		}
		return slices.Index(to, i) + 1
	}
}

// check verifies what must hold in every state.
func (w *world) check() {
	m := &w.m
	unsettled := 0
	for _, r := range w.running {
		if !r.a.settled {
			unsettled++
			if r.a != m.attempt {
				violated(1, "an attempt has not settled, and the machine does not know it")
			}
		}
	}
	if unsettled > 1 || m.attempt != nil && (unsettled != 1 || m.attempt.settled) {
		violated(1, "%d attempts have not settled", unsettled)
	}
	if m.current != nil && m.state != lifeReady || m.parked != nil && m.state == lifeReady ||
		m.refused != nil && (m.state != lifeReady || m.current != nil) ||
		(m.refused == nil) != (m.refusal == refusalNone) {
		violated(3, "state %d, current %v, parked %v, refused %v (%d)", m.state, m.current != nil,
			m.parked != nil, m.refused != nil, m.refusal)
	}
	if m.initByBlock != w.owned {
		violated(9, "owned is %v, want %v", m.initByBlock, w.owned)
	}
	if m.stuck != nil && !(m.stuck.settled && m.stuck.phase.calling()) {
		violated(4, "an attempt is stuck and does not call the provider")
	}
	if m.state == lifeClosing && m.attempt != nil {
		violated(8, "an attempt runs while Close works")
	}
	if m.refused != nil && m.refusal == refusalTolerated && w.refusal != refusalTolerated {
		violated(7, "a refusal is tolerated that must not be")
	}
}

// apply does what a session does about effects. cause is who was there when an
// attempt was started; init says that an Init started it.
func (w *world) apply(fx effects, cause audience, init bool) {
	w.noteEvents(fx, cause)
	w.checkEvents(fx)
	if a := fx.start; a != nil {
		w.checkStart(a, cause, init)
		w.running = append(w.running, &runner{a: a, cause: cause, init: init})
	}
	if a := fx.cancel; a != nil {
		if a.phase == phaseSpending {
			violated(5, "an attempt that spends what is stored is cancelled")
		}
		w.runner(a).cancelled = true
	}
	if a := fx.settled; a != nil {
		r := w.runner(a)
		if r.settled {
			violated(2, "an attempt settles twice")
		}
		r.settled = true
		w.wake(a)
	}
}

func (w *world) runner(a *attempt) *runner {
	for _, r := range w.running {
		if r.a == a {
			return r
		}
	}
	violated(2, "an attempt that has ended is heard of again")
	return nil
}

// checkStart verifies that an attempt may begin now.
func (w *world) checkStart(a *attempt, cause audience, init bool) {
	if w.m.state == lifeClosing {
		violated(8, "an attempt begins while Close works")
	}
	if a.request.Reason != ReasonInitial && a.previous.setup != a.setup {
		violated(8, "a provider is given the credential of another one")
	}
	if a.audience != cause && a.purpose != purposeRestore {
		violated(6, "an attempt begins for audience %d, and %d is there", a.audience, cause)
	}
	for _, r := range w.running {
		if r.a.setup == a.setup && (r.stage == stageCall || r.stage == stagePerson) &&
			a.purpose != purposeRestore {
			violated(4, "an attempt begins while the provider has not returned from another")
		}
	}
	if a.purpose == purposeRestore {
		return
	}
	for code, b := range w.waits {
		binds := b.until > w.now.mono && !(Code(code) == CodeInteractive && b.who < cause)
		if binds && !(init && b.count < 2) {
			violated(10, "an attempt begins %v before a wait ends", b.until.sub(w.now.mono))
		}
	}
}

// wake checks what callers get that waited for a: any caller may have. Those that
// ask again do so in a world of their own, so that waiting callers do not multiply
// the worlds. What they start there, a new caller starts here.
func (w *world) wake(a *attempt) {
	if a.successor != nil {
		return // they wait for that
	}
	for _, by := range w.cfg.callers {
		for _, kind := range append([]string{"block"}, w.cfg.calls...) {
			err, again := a.outcome(by.audience)
			if !again {
				w.checkOutcome(a, by.audience, err)
				continue
			}
			if kind == "restore" && a.purpose == purposeRestore ||
				kind == "renew" && a.err == nil ||
				kind == "signIn" && a.purpose == purposeSignIn {
				continue // it has what it wanted, or knows that there is nothing
			}
			epoch := a.epoch
			elsewhere := w.clone()
			elsewhere.ask(kind, caller{audience: by.audience}, &epoch)
			if epoch != w.m.epoch && (kind == "init" || kind == "block") &&
				CodeOf(elsewhere.got) != CodeClosed {
				violated(8, "an Init that a Close overtook goes on")
			}
			elsewhere.check()
		}
	}
}

// checkOutcome verifies the error that a caller gets from an attempt.
func (w *world) checkOutcome(a *attempt, who audience, err error) {
	if CodeOf(err) == CodeInteractive && a.audience < who {
		violated(6, "a caller gets the Interactive of an attempt for a lower audience")
	}
	var e *Error
	if !errors.As(err, &e) {
		violated(11, "an error without a code: %v", err)
	}
	if e.Code != CodeClosed && e.RetryAfter <= 0 {
		violated(11, "an error does not say when the next attempt may be: %v", err)
	}
}

// ask lets a caller ask the machine, and does what the verdict says.
func (w *world) ask(kind string, by caller, epoch *uint32) {
	var v verdict
	state, parked := w.m.state, w.m.usable(w.now)
	switch kind {
	case "use":
		v = w.m.use(w.now, w.policy(), by)
	case "init", "block":
		v = w.m.init(w.now, w.policy(), by, kind == "block", epoch)
	case "restore":
		v = w.m.restore(w.now, w.policy(), by)
	case "renew":
		v = w.m.renew(w.now, w.policy(), by)
	case "signIn":
		v = w.m.signIn(w.now, w.policy(), by)
	}
	w.checkVerdict(kind, by, v, state)
	if kind == "use" && state != lifeClosing && state != lifeClosed {
		w.checkUse(by, v)
	}
	if state != lifeReady && w.m.state == lifeReady && v.serve == nil {
		violated(3, "a session is ready without a credential")
	}
	if parked != nil && (kind == "init" || kind == "use" && w.cfg.lazy && state == lifeNew) &&
		v.serve != parked {
		violated(8, "a credential that was obtained is not used")
	}
	w.got = v.err
	if v.serve != nil {
		w.noteReady(kind, state)
	}
	cause := by.audience
	if kind == "signIn" {
		cause = person
	}
	w.apply(v.effects, cause, kind == "init" || kind == "block" || kind == "signIn")
}

// checkVerdict verifies what a caller gets.
func (w *world) checkVerdict(kind string, by caller, v verdict, state lifecycle) {
	set := 0
	for _, is := range []bool{
		v.serve != nil, v.wait != nil, v.sleep > 0, v.awaitClose, v.err != nil,
	} {
		if is {
			set++
		}
	}
	if set != 1 {
		violated(12, "a verdict says %d things", set)
	}
	if v.wait != nil && (v.wait != w.m.attempt || v.wait.settled) {
		violated(12, "a caller is to wait for an attempt that is not under way")
	}
	if v.serve == nil {
		return
	}
	closed := state == lifeClosed || state == lifeClosing
	if closed && kind == "use" || state == lifeClosing {
		violated(8, "a closed session serves")
	}
	if v.serve.age(w.now) == ageExpired {
		violated(7, "an expired credential is served")
	}
	if v.serve != w.refused {
		return
	}
	if !by.seesAnswers || w.refusal != refusalTolerated || !v.serve.acceptedByAPI.Load() {
		violated(7, "a refused credential is served (%+v, refusal %d, accepted %v)", by, w.refusal,
			v.serve.acceptedByAPI.Load())
	}
}

// checkUse verifies when a caller has to ask again, and that it gets what it may
// have.
func (w *world) checkUse(by caller, v verdict) {
	c := w.refused
	if c != nil && by.seesAnswers && w.refusal == refusalTolerated && c.acceptedByAPI.Load() &&
		c.age(w.now) != ageExpired && v.serve != c {
		violated(7, "a refused credential is not served although its refusal is tolerated")
	}
	if v.serve == nil || v.serve != w.m.current {
		return
	}
	latest := v.serve.expiresAt
	switch {
	case v.serve.age(w.now) == ageFresh && v.serve.setup == w.setup:
		latest = v.serve.staleAt
	case w.m.attempt == nil:
		if code := w.binding(by.audience); code != 0 {
			latest = min(latest, w.waits[code].until)
		}
	default:
		latest = min(latest, w.now.mono.plus(wallCheckInterval))
	}
	if v.recheckAt > latest || v.recheckAt <= w.now.mono {
		violated(10, "the next decision is due %v from now, want at most %v",
			v.recheckAt.sub(w.now.mono), latest.sub(w.now.mono))
	}
}

// noteReady keeps the rules' own record of who made the session ready.
func (w *world) noteReady(kind string, before lifecycle) {
	switch {
	case before != lifeReady:
		w.owned = kind == "block"
	case kind == "init":
		w.owned = false
	}
}

// checkEvents verifies that what happens to attempts and subjects is reported.
func (w *world) checkEvents(fx effects) {
	ends, changed := 0, false
	for _, ev := range fx.events {
		if ev.Type.EndsAttempt() {
			ends++
		}
		changed = changed || ev.Type == EventSubjectChanged
		if ev.Type != EventAuthenticated && ev.Type != EventRestored {
			continue
		}
		if want := w.subject != "" && w.subject != ev.Subject; changed != want {
			violated(13, "the subject was %q and is %q: reported is %v", w.subject, ev.Subject,
				changed)
		}
	}
	if a := fx.settled; a != nil && ends != 1 {
		violated(13, "an attempt settles with %d events that end it", ends)
	}
	w.subject = ""
	for _, c := range []*credential{w.m.current, w.m.parked, w.m.refused} {
		if c != nil {
			w.subject = c.cred.Subject
		}
	}
}

// noteEvents keeps the rules' own record of failures and successes. cause is who
// was there when the attempt began.
func (w *world) noteEvents(fx effects, cause audience) {
	for _, ev := range fx.events {
		switch ev.Type {
		case EventAuthenticated, EventRestored:
			w.waits, w.refused, w.refusal = [numCodes]wait{}, nil, refusalNone
		case EventFailed:
			var e *Error
			if !errors.As(ev.Err, &e) || e.RetryAfter <= 0 {
				violated(11, "a failure does not say when the next attempt may be")
			}
			one := &w.waits[e.Code]
			*one = wait{count: one.count + 1, until: w.now.mono.plus(e.RetryAfter), who: cause}
		}
	}
}
