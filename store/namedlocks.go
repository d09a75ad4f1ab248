package store

import (
	"context"
	"sync"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
)

// namedLocks are locks by name among the goroutines of this process. The zero
// value is ready to use. A lock exists only while a goroutine holds it or waits
// for it.
type namedLocks struct {
	mu sync.Mutex // guards m and the users of each lock
	m  map[string]*namedLock
}

// namedLock is the lock of one name.
type namedLock struct {
	ctxmutex.Mutex
	users int // goroutines that hold the lock or wait for it
}

// lock locks a name and returns the function that unlocks it. If ctx ends
// first, the error is [core.CodeUnavailable].
func (n *namedLocks) lock(ctx context.Context, name string) (unlock func(), err error) {
	l := n.enter(name)
	if err := l.Lock(ctx); err != nil {
		n.leave(name, l)
		return nil, core.Errorf(core.CodeUnavailable,
			"waiting for the lock of a stored credential: %w", err)
	}
	return sync.OnceFunc(func() {
		l.Unlock()
		n.leave(name, l)
	}), nil
}

// enter returns the lock of a name and counts the caller among its users.
func (n *namedLocks) enter(name string) *namedLock {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.m == nil {
		n.m = map[string]*namedLock{}
	}
	l := n.m[name]
	if l == nil {
		l = &namedLock{Mutex: ctxmutex.New()}
		n.m[name] = l
	}
	l.users++
	return l
}

// leave removes the lock of a name if the caller was its last user.
func (n *namedLocks) leave(name string, l *namedLock) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(n.m, name)
	}
}
