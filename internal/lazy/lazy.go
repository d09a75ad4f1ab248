// Package lazy has a value that is opened when it is first needed, such as a
// provider or the process of a plugin.
//
// It differs from [sync.OnceValues] in three ways: each goroutine that waits for
// the value keeps its own deadline, a failure is not remembered, and the value
// can be taken out, so that the next use opens another one.
package lazy

import (
	"context"
	"sync/atomic"

	"github.com/authsession/authsession/internal/ctxmutex"
)

// Value holds a value of type T that is opened at the first [Value.Get]. Make
// one with [New]. It is safe for concurrent use and must not be copied.
type Value[T any] struct {
	open    func(context.Context) (T, error)
	opening ctxmutex.Mutex // held by the Get that calls open
	opened  atomic.Pointer[T]
}

// New returns a value that open makes. open is not called before the first
// [Value.Get], and never by two goroutines at once.
func New[T any](open func(context.Context) (T, error)) *Value[T] {
	return &Value[T]{open: open, opening: ctxmutex.New()}
}

// Get returns the value and opens it if need be, under the context of one
// caller; the other callers wait for that one. A caller whose own ctx ends while
// it waits gets the cause of ctx, not wrapped. A failure of open goes to the
// caller that called it and is not remembered: the next caller, or one that
// waited, opens again.
func (v *Value[T]) Get(ctx context.Context) (T, error) {
	if opened, ok := v.Loaded(); ok {
		return opened, nil
	}
	var none T
	if err := v.opening.Lock(ctx); err != nil {
		return none, err
	}
	defer v.opening.Unlock()
	if opened, ok := v.Loaded(); ok {
		return opened, nil
	}
	opened, err := v.open(ctx)
	if err != nil {
		return none, err
	}
	v.opened.Store(&opened)
	return opened, nil
}

// Loaded returns the value if it is open and reports whether it is. It is one
// atomic load and never waits.
func (v *Value[T]) Loaded() (T, bool) { return contents(v.opened.Load()) }

// Take removes the value and returns it, if it is open; the caller closes what
// it gets. The next [Value.Get] opens again. Take does not wait for a Get that
// is opening: what that one opens stays.
func (v *Value[T]) Take() (T, bool) { return contents(v.opened.Swap(nil)) }

// Close removes the value, if it is open, and calls release with it. Unlike
// [Value.Take] it waits for a Get that is opening, so that nothing stays open;
// if ctx ends before, Close returns its cause, not wrapped, and removes nothing.
// A Get that comes meanwhile waits for release and opens again.
func (v *Value[T]) Close(ctx context.Context, release func(T)) error {
	if err := v.opening.Lock(ctx); err != nil {
		return err
	}
	defer v.opening.Unlock()
	if opened, ok := v.Take(); ok {
		release(opened)
	}
	return nil
}

func contents[T any](opened *T) (value T, ok bool) {
	if opened == nil {
		return value, false
	}
	return *opened, true
}
