// Read on in attempt.go.

package core

import (
	"context"
	"time"
)

// This file is Options.Begin. The goroutine that started an attempt calls it, and
// the attempt waits for that for a short while. What the attempt takes from the
// context that Begin returns are its values; its own end stays the attempt's.

// beginLimit is how long an attempt waits for Options.Begin.
const beginLimit = 100 * time.Millisecond

// beginning is the call of Options.Begin for one attempt.
type beginning struct {
	limit  time.Time       // nothing waits for the call beyond it
	done   chan struct{}   // closed when the call has ended, in whatever way
	values context.Context // nil: there are none; written before done is closed
}

// run calls begin. Its end is noted even if begin ends the goroutine
// (runtime.Goexit).
func (b *beginning) run(
	ctx context.Context, begin func(context.Context, Event) context.Context, ev Event,
) {
	defer close(b.done)
	defer func() { _ = recover() }()
	values := begin(ctx, ev)
	if values == nil {
		return
	}
	values = context.WithoutCancel(values)
	_ = values.Value(nobodyKey{}) // a context that panics is none
	b.values = values
}

// await returns ctx with the values of what Begin returned. It waits for that until
// beginLimit, most or the end of ctx, whichever is first. b may be nil.
func (b *beginning) await(ctx context.Context, most time.Duration) context.Context {
	if b == nil {
		return ctx
	}
	b.wait(ctx, most)
	if values := b.result(); values != nil {
		return attemptContext{ctx, values}
	}
	return ctx
}

// wait waits until the call has ended, until its limit, most or the end of ctx.
func (b *beginning) wait(ctx context.Context, most time.Duration) {
	t := time.NewTimer(min(time.Until(b.limit), most))
	defer t.Stop()
	select {
	case <-b.done:
	case <-t.C:
	case <-ctx.Done():
	}
}

// forEvent returns what Begin has returned for an event about the attempt. If the
// event ends the attempt, it waits for Begin like an attempt: Close may end one
// while its Begin runs, and a span that this begins has to end, too. b may be nil.
func (b *beginning) forEvent(kind EventType) context.Context {
	if b != nil && kind.EndsAttempt() {
		b.wait(context.Background(), beginLimit)
	}
	return b.result()
}

// result returns what Begin has returned by now, or nil. b may be nil.
func (b *beginning) result() context.Context {
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

// attemptContext is the context of an attempt, with further values.
type attemptContext struct {
	context.Context
	values context.Context
}

// Value implements [context.Context]. What core keeps in contexts of callers,
// such as their scope, is not the attempt's.
func (c attemptContext) Value(key any) any {
	if v := c.Context.Value(key); v != nil {
		return v
	}
	if _, ok := key.(ownKey); ok {
		return nil
	}
	return c.values.Value(key)
}

// ownKey marks the keys of core's own context values.
type ownKey interface{ ownKey() }

// nobodyKey marks the context of what an attempt of the audience nobody asks
// for.
type nobodyKey struct{}

// inputKey marks the context of what an attempt asks of the sessions that it needs.
type inputKey struct{}

func (nobodyKey) ownKey() {}
func (inputKey) ownKey()  {}
