// Read on in signin.go.

package core

import (
	"context"
	"time"
)

// This file is Options.Begin. The goroutine that started an attempt calls it, and
// the attempt waits for that for a short while. What the attempt takes from the
// context that Begin returns are its values; its own end stays the attempt's.

// beginLimit is how long an attempt waits for Options.Begin. A Begin that hangs
// must not prevent authentication; the attempt then runs without a span.
const beginLimit = 100 * time.Millisecond

// beginCall is the call of Options.Begin for one attempt. Two goroutines share
// it: the one that runs it and the attempt's, which reads values only after done
// is closed.
type beginCall struct {
	deadline time.Time       // nothing waits for the call any longer
	done     chan struct{}   // closed when the call has ended, in whatever way
	values   context.Context // nil: there are none; written before done is closed
}

// run calls begin. The call's end is recorded even if begin panics or ends the
// goroutine (runtime.Goexit): both count as a Begin that returns nothing. Only
// the values of the returned context are taken. Its end belongs to the caller,
// and the attempt must not end with the caller.
func (b *beginCall) run(
	ctx context.Context, begin func(context.Context, Event) context.Context, ev Event,
) {
	defer close(b.done)
	defer func() { _ = recover() }()
	values := begin(ctx, ev)
	if values == nil {
		return
	}
	values = context.WithoutCancel(values)
	// A context of the program's own may panic. It does so here, and counts as
	// none.
	_ = values.Value(nobodyKey{})
	b.values = values
}

// addValues returns ctx with the values of what Begin returned. It waits for
// Begin until the call's deadline, limit or the end of ctx, whichever comes
// first. b may be nil.
func (b *beginCall) addValues(ctx context.Context, limit time.Duration) context.Context {
	if b == nil {
		return ctx
	}
	b.wait(ctx, limit)
	if values := b.result(); values != nil {
		return attemptContext{ctx, values}
	}
	return ctx
}

// wait waits until the call has ended, or until its deadline, limit or the end of
// ctx, whichever comes first.
func (b *beginCall) wait(ctx context.Context, limit time.Duration) {
	t := time.NewTimer(min(time.Until(b.deadline), limit))
	defer t.Stop()
	select {
	case <-b.done:
	case <-t.C:
	case <-ctx.Done():
	}
}

// eventContext returns what Begin has returned for an event about the attempt. If
// the event ends the attempt, it waits for Begin as the attempt does: Close may
// end an attempt while its Begin runs, and a span that Begin starts has to end,
// too. b may be nil.
func (b *beginCall) eventContext(kind EventType) context.Context {
	if b != nil && kind.EndsAttempt() {
		b.wait(context.Background(), beginLimit)
	}
	return b.result()
}

// result returns what Begin has returned by now, or nil. It does not wait. b may
// be nil.
func (b *beginCall) result() context.Context {
	if b == nil {
		return nil
	}
	select {
	case <-b.done:
		return b.values
	default:
		return nil
	}
}

// attemptContext is the context of an attempt with further values.
type attemptContext struct {
	context.Context
	values context.Context
}

// Value implements [context.Context]. The attempt's own values come first. What
// core itself keeps in the contexts of callers, such as their scope, is left out:
// an attempt serves all callers, and must not depend on which one started it.
func (c attemptContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if _, ok := key.(coreKey); ok {
		return nil
	}
	return c.values.Value(key)
}

// coreKey marks the keys of core's own context values.
type coreKey interface{ ownKey() }

// nobodyKey marks the context in which an attempt for nobody asks other sessions
// for their credentials, so that these do not ask a person, either.
type nobodyKey struct{}

// inputKey marks the context in which an attempt asks other sessions for their
// credentials: a Begin of theirs must not hold that attempt.
type inputKey struct{}

func (nobodyKey) ownKey() {}
func (inputKey) ownKey()  {}
