package core_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// chaosIdentity is one account with its issuer, its API and its place in the store. What belongs
// to it must reach no other.
type chaosIdentity struct {
	w       *chaosWorld
	name    string
	refresh bool          // credentials come with refresh state, which rotates
	stored  bool          // its sessions have a store
	lock    chan struct{} // holds a value while somebody has the store's lock

	mu     sync.Mutex
	issued int
	spent  map[string]spending // by refresh state
	upsets int                 // how often a fault of the store began or ended
	value  core.Secret         // in the store
}

// spending says how a refresh state was spent.
type spending struct {
	kept   bool // the answer, with the next refresh state, arrived in time
	upsets int  // of the identity at that moment
}

func newChaosIdentity(w *chaosWorld, i int, dice *chaosDice) *chaosIdentity {
	return &chaosIdentity{w: w, name: fmt.Sprintf("id%d", i),
		refresh: dice.n(3) > 0, stored: dice.n(2) == 0,
		lock: make(chan struct{}, 1), spent: map[string]spending{}}
}

// spend notes that refresh state arrived at the issuer. Presenting it twice is only right where
// the answer to the first time was lost: at the provider, by a fault of the store, or by another
// session's SignOut, which deletes it there.
func (id *chaosIdentity) spend(c *chaosSession, gen int, state string) {
	if state == "" {
		return
	}
	id.mu.Lock()
	defer id.mu.Unlock()
	if was, ok := id.spent[state]; ok && was.kept && was.upsets == id.upsets {
		id.w.violate("spent refresh state is presented again", "%s by %s", state, c.name)
	}
	if !strings.HasPrefix(state, id.name+".") {
		id.w.violate("refresh state reaches another issuer", "%s by %s", state, c.name)
	}
	if !id.stored && !strings.HasPrefix(state, fmt.Sprintf("%s.%s.g%d.", id.name, c.name, gen)) {
		id.w.violate("a new provider gets the old one's refresh state",
			"%s by %s, generation %d", state, c.name, gen)
	}
	id.spent[state] = spending{upsets: id.upsets}
}

func (id *chaosIdentity) upset() {
	id.mu.Lock()
	id.upsets++
	id.mu.Unlock()
}

// issue makes a credential in exchange for refresh state. In time: the caller gets it.
func (id *chaosIdentity) issue(
	c *chaosSession, gen int, state string, inTime bool,
) core.Credential {
	id.mu.Lock()
	defer id.mu.Unlock()
	id.issued++
	cred := bearer(fmt.Sprintf("%s.t%d", id.name, id.issued))
	if was, ok := id.spent[state]; ok && inTime {
		was.kept = true
		id.spent[state] = was
	}
	if id.refresh {
		cred.RefreshState = core.NewSecret(fmt.Sprintf("%s.%s.g%d.r%d", id.name, c.name, gen, id.issued))
	}
	if c.dice.n(6) > 0 {
		cred.Expiry = time.Now().Add(15*time.Second + c.dice.under(5*time.Minute))
	}
	cred.Origins = []string{"https://" + id.name + ".test"}
	return cred
}

// chaosProvider has every ability that a session looks for; one without them wraps it.
type chaosProvider struct {
	c   *chaosSession
	gen int

	mu      sync.Mutex
	busy    int
	arrived time.Time
}

func (p *chaosProvider) Authenticate(
	ctx context.Context, req core.Request,
) (core.Credential, error) {
	f := p.c.dice.pick(p.c.w.calm, answersBadConfig, answersUnavailable, answersDenied,
		answersInteractive, answersInteractive, answersNoCode, hangs, ignoresEnd, panics, exits)
	p.mu.Lock()
	p.arrived = time.Now()
	p.mu.Unlock()
	return p.call(ctx, req, f, p.c.timeout)
}

func (p *chaosProvider) SignIn(
	ctx context.Context, req core.Request, _ core.UI,
) (core.Credential, error) {
	p.mu.Lock()
	arrived := p.arrived
	p.mu.Unlock()
	defer p.c.signIn(arrived)()
	f := p.c.dice.pick(0.1, personSlow, personSlow, personNo, personNo, personNo,
		personHangs, personHangs, ignoresEnd, panics, exits)
	return p.call(ctx, req, f, time.Minute)
}

// call is one call into the provider. Refresh state is spent when the call arrives.
func (p *chaosProvider) call(
	ctx context.Context, req core.Request, f chaosFault, limit time.Duration,
) (core.Credential, error) {
	p.mu.Lock()
	p.busy++
	if p.busy > 1 {
		p.c.w.violate("a provider is called while a call runs", "%s", p.c.name)
	}
	p.mu.Unlock()
	defer func() { p.mu.Lock(); p.busy--; p.mu.Unlock() }()
	p.c.w.checkEnded(p.c)
	defer p.c.fault(f)()
	state := req.Previous.RefreshState.Reveal()
	p.c.w.trace("%s: provider %d is asked: %v %q, %v", p.c.name, p.gen, req.Reason, state, f)
	p.c.id.spend(p.c, p.gen, state)
	if in := p.c.input; in != nil {
		got := token(req.Inputs["subject"])
		if !strings.HasPrefix(got, in.id.name+".t") {
			p.c.w.violate("a provider gets the wrong input", "%s gets %q", p.c.name, got)
		}
	}
	var err error
	switch f {
	case hangs, personHangs:
		<-ctx.Done()
		return core.Credential{}, ctx.Err()
	case ignoresEnd:
		time.Sleep(p.c.dice.under(3 * limit))
	case personSlow, personNo:
		err = pause(ctx, limit/2+p.c.dice.under(limit/2))
	default:
		err = pause(ctx, p.c.dice.under(limit))
	}
	if err == nil {
		err = p.answer(f)
	}
	p.c.w.trace("%s: provider %d answers %v", p.c.name, p.gen, err)
	if err != nil {
		return core.Credential{}, err
	}
	return p.c.id.issue(p.c, p.gen, state, ctx.Err() == nil), nil
}

func (p *chaosProvider) answer(f chaosFault) error {
	codes := map[chaosFault]core.Code{
		answersBadConfig: core.CodeBadConfig, answersUnavailable: core.CodeUnavailable,
		answersDenied: core.CodeDenied, answersInteractive: core.CodeInteractive, personNo: core.CodeDenied,
	}
	switch f {
	case answersNoCode:
		return errors.New("an error without a code")
	case panics:
		panic("a provider")
	case exits:
		runtime.Goexit()
	}
	if code, ok := codes[f]; ok {
		return core.Errorf(code, "a fault: %v", f)
	}
	return nil
}

func (p *chaosProvider) Revoke(ctx context.Context, _ core.Credential) error {
	f := p.c.dice.pick(p.c.w.calm, answersUnavailable, hangs, ignoresEnd, panics)
	defer p.c.fault(f)()
	switch f {
	case hangs:
		<-ctx.Done()
		return ctx.Err()
	case ignoresEnd:
		time.Sleep(p.c.dice.under(3 * p.c.timeout))
	default:
		if err := pause(ctx, p.c.dice.under(p.c.timeout)); err != nil {
			return err
		}
	}
	return p.answer(f)
}
