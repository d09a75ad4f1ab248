package core_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// act does something with the session and checks how it ends.
func (c *chaosSession) act(dice *chaosDice) {
	op, n := chaosOp(0), dice.n(104)
	for ; n >= chaosOpWeights[op]; op++ {
		n -= chaosOpWeights[op]
	}
	ctx, patience := context.Background(), time.Duration(-1)
	if dice.n(3) > 0 {
		patience = dice.under(2*c.timeout) - 1
		var cancel context.CancelFunc
		if dice.n(2) == 0 {
			ctx, cancel = context.WithTimeout(ctx, patience)
		} else {
			ctx, cancel = context.WithCancel(ctx)
			defer time.AfterFunc(patience, cancel).Stop()
		}
		defer cancel()
	}
	wasClosed, began := c.isClosed(), time.Now()
	before := c.begin(op)
	hung := time.AfterFunc(4*time.Hour, func() {
		fmt.Printf("%v hangs with -chaos.seed=%d\n", op, c.w.seed)
	})
	c.w.trace("%s: %v begins, patience %v", c.name, op, patience)
	err := c.perform(ctx, op, dice)
	hung.Stop()
	during := c.end(op, before)
	took := time.Since(began)
	c.w.trace("%s: %v ends after %v: %v", c.name, op, took, err)
	if limit, why := c.limit(op, patience, during, err); took > limit {
		c.w.violate(fmt.Sprintf("%v is late (%s)", op, why),
			"%v instead of %v, %s, %+v, error: %v", took, limit, c.name, during, err)
	}
	c.checkError(op, err)
	uses := op == opCredential || op == opClient
	unused := core.CodeOf(err) == core.CodeClosed || core.CodeOf(err) == core.CodeOriginRefused
	if uses && wasClosed && c.isClosed() && during.inits == 0 && !unused {
		c.w.violate("a closed session serves", "%s: %v gets the error %v", c.name, op, err)
	}
}

// limit is how long an operation may take at most, and for which reason.
func (c *chaosSession) limit(
	op chaosOp, patience time.Duration, during chaosCounts, err error,
) (time.Duration, string) {
	if op == opReject || op == opReconfigure || op == opStatus {
		return lateBy, "it does not wait"
	}
	// A caller waits for one attempt: within its limit, which is that of a sign-in where a person
	// may be signing in, here or in another process that has the store's lock. Each configuration
	// meanwhile begins another attempt. One that a timer began ends with Interactive sooner.
	attempt, attempts := c.timeout+graceOf, 2+during.reconfigures
	if c.person && (c.id.stored || during.signIns > 0) || c.input != nil && c.input.person {
		attempt += signInLimit
	}
	asking := time.Duration(attempts) * attempt
	// Init also waits out a back-off no longer than Options.Timeout, again after each failed
	// attempt that it did not take part in, and for each Close that is under way.
	closing := 3 * (c.timeout + graceOf) // the attempt, the store, revoking
	signOut := 4 * (c.timeout + graceOf) // and revoking what the store had
	others := during.failures
	if err != nil && others > 0 {
		others-- // the one that err reports
	}
	initing := asking + time.Duration(during.delayed+others)*(c.timeout+attempt) +
		time.Duration(during.closes)*signOut
	limit, after := asking, time.Duration(0)
	switch op {
	case opInit:
		limit = initing
	case opClient:
		limit = 2*asking + 2*apiLimit + lateBy
	case opClose:
		limit = closing + time.Duration(during.closes-1)*signOut
	case opSignOut:
		limit = time.Duration(during.closes) * signOut
	case opDo: // its Close does not end with the context
		limit, after = initing+time.Second, time.Duration(during.closes)*signOut
	}
	if patience >= 0 && patience+lateBy < limit {
		return patience + lateBy + after, "the deadline was before"
	}
	return limit + after, "the attempt's limit was before"
}

func (c *chaosSession) checkError(op chaosOp, err error) {
	if err == nil || errors.Is(err, errAPI) {
		return
	}
	var e *core.Error
	if !errors.As(err, &e) || e.Code < core.CodeBadConfig || e.Code > core.CodeOriginRefused {
		c.w.violate(fmt.Sprintf("an error of %v has no code", op), "%T %v", err, err)
	}
}

func (c *chaosSession) perform(ctx context.Context, op chaosOp, dice *chaosDice) error {
	switch op {
	case opInit:
		return c.session.Init(ctx)
	case opCredential:
		return c.credential(ctx)
	case opClient:
		return c.request(ctx, dice)
	case opDo:
		return c.w.scope.Do(ctx, c.session, func(ctx context.Context) error {
			_ = pause(ctx, dice.under(time.Second))
			return nil
		})
	case opReject:
		c.mu.Lock()
		last := c.last
		c.mu.Unlock()
		c.session.Reject(last, []string{"", `Bearer error="invalid_token"`}[dice.n(2)])
	case opReconfigure:
		c.session.Reconfigure(c.configure())
	case opClose:
		return c.session.Close(ctx)
	case opSignOut:
		return c.session.SignOut(ctx)
	case opStatus:
		c.session.Status()
	}
	return nil
}

func (c *chaosSession) credential(ctx context.Context) error {
	cred, err := c.session.Credential(ctx)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(token(cred), c.id.name+".t") {
		c.w.violate("a caller gets another session's credential", "%s gets %q", c.name, token(cred))
	}
	if left := time.Until(cred.Expiry); !cred.Expiry.IsZero() && left <= 0 {
		c.w.violate("a caller gets an expired credential", "%s, %v", c.name, left)
	}
	c.mu.Lock()
	c.last = cred
	c.mu.Unlock()
	return nil
}

// request sends a request, one in eight to another session's API.
func (c *chaosSession) request(ctx context.Context, dice *chaosDice) error {
	host := c.id.name
	if dice.n(8) == 0 {
		host = c.w.sessions[dice.n(len(c.w.sessions))].id.name
	}
	client := c.session.Client()
	if dice.n(2) == 0 {
		ctx, client = c.w.scope.With(ctx, c.session), c.w.scope.Client()
	}
	var body *strings.Reader
	method := http.MethodGet
	r, err := http.NewRequestWithContext(ctx, method, "https://"+host+".test/", http.NoBody)
	if dice.n(2) == 0 {
		body = strings.NewReader("a body")
		r, err = http.NewRequestWithContext(ctx, http.MethodPost, "https://"+host+".test/", body)
	}
	if err != nil {
		return err
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}
