// Package ctxmutex has a mutex whose Lock ends when a context ends.
//
// It is for code that holds a mutex while it does I/O, such as opening a
// provider or a file: each goroutine that waits for it keeps its own deadline.
// For anything shorter, use [sync.Mutex].
package ctxmutex

import "context"

// Mutex is a mutual exclusion lock. A goroutine that waits for it stops waiting
// when its context ends. Make one with [New]. It is safe for concurrent use.
type Mutex struct {
	held chan struct{} // holds one element while the mutex is locked
}

// New returns a mutex that is not locked.
func New() Mutex { return Mutex{held: make(chan struct{}, 1)} }

// Lock locks m. If ctx ends first, Lock returns its cause, and m is not locked
// by the caller. A mutex that is free is locked whatever ctx says.
func (m Mutex) Lock(ctx context.Context) error {
	if m.TryLock() {
		return nil
	}
	select {
	case m.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// TryLock locks m if it is free and reports whether it did.
func (m Mutex) TryLock() bool {
	select {
	case m.held <- struct{}{}:
		return true
	default:
		return false
	}
}

// Unlock unlocks m. It panics if m is not locked. As with [sync.Mutex], any
// goroutine may unlock it.
func (m Mutex) Unlock() {
	select {
	case <-m.held:
	default:
		panic("ctxmutex: Unlock of a mutex that is not locked")
	}
}
