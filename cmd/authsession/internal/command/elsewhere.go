package command

import (
	"sync"

	"github.com/authsession/authsession/core"
)

// elsewhere knows which sessions wait for the lock of their store: another process renews the
// credential, or a person signs in there. It is safe for concurrent use.
type elsewhere struct {
	mu    sync.Mutex
	waits map[string]func() // what to do when a session begins to wait
	seen  map[string]bool   // the sessions that have waited
}

// observe is the Observe of all sessions.
func (e *elsewhere) observe(ev core.Event) {
	if ev.Type != core.EventWaiting || ev.WaitFor != core.WaitForStore {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.seen == nil {
		e.seen = map[string]bool{}
	}
	e.seen[ev.Session] = true
	if tell := e.waits[ev.Session]; tell != nil {
		tell()
	}
}

// tell sets what to do when a session begins to wait. Nil: nothing.
func (e *elsewhere) tell(session string, do func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waits == nil {
		e.waits = map[string]func(){}
	}
	e.waits[session] = do
}

// hasWaited reports whether a session has waited.
func (e *elsewhere) hasWaited(session string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[session]
}
