package store

import (
	"context"
	"sync"

	"github.com/authsession/authsession/core"
)

// turns are locks by name among the goroutines of this process. The zero value
// works.
type turns struct {
	mu sync.Mutex // guards all
	m  map[string]*turn
}

type turn struct {
	held  chan struct{} // holds one element while someone has the turn
	users int           // that have or want it
}

// take waits for the turn of a name, until ctx ends.
func (t *turns) take(ctx context.Context, name string) (release func(), err error) {
	t.mu.Lock()
	if t.m == nil {
		t.m = map[string]*turn{}
	}
	u := t.m[name]
	if u == nil {
		u = &turn{held: make(chan struct{}, 1)}
		t.m[name] = u
	}
	u.users++
	t.mu.Unlock()
	leave := func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if u.users--; u.users == 0 {
			delete(t.m, name)
		}
	}
	select {
	case u.held <- struct{}{}:
		return sync.OnceFunc(func() { <-u.held; leave() }), nil
	case <-ctx.Done():
		leave()
		return nil, core.Errorf(core.Unavailable, "waiting for the lock of a stored credential: %w", context.Cause(ctx))
	}
}
