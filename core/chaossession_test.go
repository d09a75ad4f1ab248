package core_test

import (
	"fmt"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// chaosOp is what a program does with a session.
type chaosOp int

const (
	opInit chaosOp = iota
	opCredential
	opClient
	opDo
	opReject
	opReconfigure
	opClose
	opSignOut
	opStatus
	chaosOps
)

var (
	chaosOpNames = [...]string{
		"Init", "Credential", "Client", "Do", "Reject", "Reconfigure", "Close", "SignOut", "Status",
	}
	chaosOpWeights = [...]int{18, 14, 14, 10, 10, 10, 9, 9, 10}
)

func (o chaosOp) String() string { return chaosOpNames[o] }

const (
	apiLimit    = 6 * time.Second        // of an answer of an API
	lateBy      = 50 * time.Millisecond  // how late a caller with a deadline may return
	graceOf     = 100 * time.Millisecond // what an attempt gets beyond its limit
	signInLimit = 10 * time.Minute
)

// chaosSession is a session and what the test knows about it.
type chaosSession struct {
	w       *chaosWorld
	id      *chaosIdentity
	name    string
	session *core.Session
	dice    *chaosDice
	timeout time.Duration // the longest of all its options
	person  bool          // there is a UI
	input   *chaosSession // whose credential the provider needs; nil: none
	outer   *chaosSession // whose input this session is; nil: none

	mu      sync.Mutex
	gen     int // how often it was configured
	ops     [chaosOps]int
	faults  [chaosFaults]int
	last    core.Credential // that a caller got
	closed  bool            // Close has returned, and nothing that initialises has begun since
	lastUse time.Time       // when the last caller left; zero: none was there
	inARow  int             // failures since the last success
	chaosCounts
}

// chaosCounts only grow.
type chaosCounts struct {
	inits, closes, reconfigures, failures, signIns int // begun
	initsOver, closesOver, signInsOver             int
	delayed                                        int // 1: Init may have to wait out a back-off
}

func newChaosSession(w *chaosWorld, id *chaosIdentity, dice *chaosDice) *chaosSession {
	n := len(w.sessions)
	c := &chaosSession{w: w, id: id, name: fmt.Sprintf("s%d", n),
		dice:    newDice(w.seed, uint64(1000+n)),
		timeout: time.Second + dice.under(9*time.Second), person: dice.n(2) == 0}
	if n > 0 && dice.n(3) == 0 {
		if in := w.sessions[dice.n(n)]; in.outer == nil {
			c.input, in.outer = in, c
		}
	}
	p, opts := c.configure()
	c.session = core.New(c.name, p, opts)
	return c
}

// configure makes the next provider and options.
func (c *chaosSession) configure() (core.Provider, *core.Options) {
	c.mu.Lock()
	c.gen++
	gen := c.gen
	c.mu.Unlock()
	o := &core.Options{
		Lazy: c.dice.n(4) == 0, KeepFresh: c.dice.n(3) == 0, NoReplay: c.dice.n(4) == 0,
		Timeout: c.timeout - c.dice.under(c.timeout/2), Transport: chaosAPI{c},
		StoreKey: c.id.name, Observe: c.observe,
	}
	if c.dice.n(2) == 0 {
		o.Origins = []string{"https://" + c.id.name + ".test"}
	}
	if c.dice.n(3) == 0 {
		o.Early = c.dice.under(time.Minute)
	}
	if c.id.stored {
		o.Store = chaosStore{c}
	}
	if c.person {
		o.UI = &core.UI{}
	}
	if c.input != nil {
		o.Inputs = map[string]*core.Session{"subject": c.input.session}
	}
	p := &chaosProvider{c: c, gen: gen}
	if !c.person && c.dice.n(3) == 0 {
		return core.ProviderFunc(p.Authenticate), o
	}
	return p, o
}

func (c *chaosSession) observe(ev core.Event) {
	c.w.trace("%s: event %v %v", c.name, ev.Type, ev.Err)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch ev.Type {
	case core.EventFailed:
		c.failures++
		c.inARow++
	case core.EventAuthenticated, core.EventRestored:
		c.inARow = 0
	}
}

// fault notes that a fault is under way, until the returned function is called.
func (c *chaosSession) fault(f chaosFault) (over func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults[f]++
	for op, n := range c.ops {
		c.w.report.meet(chaosOp(op), f, n)
	}
	return func() { c.mu.Lock(); c.faults[f]--; c.mu.Unlock() }
}

// signIn notes that a person is asked, in an attempt that called the provider at a moment.
func (c *chaosSession) signIn(attempt time.Time) (over func()) {
	if c.id.stored || c.input != nil {
		attempt = attempt.Add(-signInLimit - 4*c.timeout) // the store or the input came first
	}
	if !c.usedSince(attempt) {
		c.w.violate("a person is asked although nobody uses the session",
			"%s, used before %v", c.name, attempt.Sub(c.w.began))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.signIns++
	return func() { c.mu.Lock(); c.signInsOver++; c.mu.Unlock() }
}

// usedSince reports whether a caller asked for a credential after a moment, also as an input.
func (c *chaosSession) usedSince(moment time.Time) bool {
	c.mu.Lock()
	users := c.ops[opInit] + c.ops[opCredential] + c.ops[opClient] + c.ops[opDo] + c.ops[opReject]
	used := users > 0 || !c.lastUse.Before(moment)
	c.mu.Unlock()
	if !used && c.outer != nil {
		return c.outer.usedSince(moment.Add(-signInLimit)) // its attempt began earlier
	}
	return used
}

func (w *chaosWorld) checkEnded(c *chaosSession) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended {
		w.violate("a provider is called after Close", "%s", c.name)
	}
}

// begin notes that an operation is under way.
func (c *chaosSession) begin(op chaosOp) chaosCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.chaosCounts
	if c.inARow > 1 {
		before.delayed = 1
	}
	c.ops[op]++
	for f, n := range c.faults {
		if n > 0 {
			c.w.report.meet(op, chaosFault(f), 1)
		}
	}
	switch op {
	case opInit, opDo:
		c.inits++
		c.closed = false
	case opReconfigure:
		c.reconfigures++
	}
	if op == opDo || op == opClose || op == opSignOut {
		c.closes++
	}
	return before
}

// end notes that an operation is over, and returns what began or ended during it.
func (c *chaosSession) end(op chaosOp, before chaosCounts) chaosCounts {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ops[op]--
	if op != opClose && op != opSignOut && op != opStatus && op != opReconfigure {
		c.lastUse = time.Now()
	}
	if op == opInit || op == opDo {
		c.initsOver++
	}
	if op == opDo || op == opClose || op == opSignOut {
		c.closesOver++
	}
	noInit := before.inits == before.initsOver && c.inits == before.inits
	if (op == opClose || op == opSignOut) && noInit {
		c.closed = true
	}
	return chaosCounts{
		inits:        c.inits - before.initsOver,
		closes:       c.closes - before.closesOver,
		reconfigures: c.reconfigures - before.reconfigures,
		failures:     c.failures - before.failures,
		signIns:      c.signIns - before.signInsOver,
		delayed:      before.delayed,
	}
}

func (c *chaosSession) isClosed() bool { c.mu.Lock(); defer c.mu.Unlock(); return c.closed }
