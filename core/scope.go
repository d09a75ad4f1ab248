package core

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Scope says which session a request uses: the innermost one of its context, otherwise
// one of those that are current for the whole process. The latter are the same in every
// goroutine; the former are values of the context.
//
// Several sessions are current for the process at once, each in a slot. A slot belongs
// to the kind if the kind has a facade (see Options.Facade), otherwise to the
// session's name. This is decided when a session is set that is in no slot, and
// stays until it has left its slot.
//
// The zero Scope is ready for use, and safe for concurrent use; do not copy it
// after first use. Most programs need no Scope of their own: the functions of
// this package use the process's.
type Scope struct {
	slots atomic.Pointer[slots] // nil: all are empty
	_     byte                  // so that two Scopes never share an address
}

// scopeKey finds a scope's sessions in a context.
type scopeKey struct{ scope *Scope }

func (scopeKey) ownKey() {}

// frame holds the sessions of one With, the preferred one first. The frames of nested
// calls are a list, from the innermost outwards.
type frame struct {
	sessions []*Session
	outer    *frame
}

func (c *Scope) frame(ctx context.Context) *frame {
	f, _ := ctx.Value(scopeKey{c}).(*frame)
	return f
}

// current returns the sessions in slots.
func (c *Scope) current() slots {
	if l := c.slots.Load(); l != nil {
		return *l
	}
	return nil
}

// updateSlots replaces the slots by the result of fn, and returns fn's second result. It
// may call fn more than once.
func (c *Scope) updateSlots(fn func(slots) (slots, *Session)) *Session {
	for {
		old := c.slots.Load()
		var l slots
		if old != nil {
			l = *old
		}
		next, previous := fn(l)
		if c.slots.CompareAndSwap(old, &next) {
			return previous
		}
	}
}

// SetCurrent puts s into its slot, and returns the session that was there, nil
// if there was none. It closes neither. Current returns s until another session
// is set. The other slots keep their sessions. Nil empties all slots and returns
// the session that was set last.
//
// A slot keeps its session until the next SetCurrent of the slot or until
// [Scope.RemoveCurrent], also after the session was closed.
func (c *Scope) SetCurrent(s *Session) (previous *Session) {
	if s == nil {
		return c.updateSlots(func(l slots) (slots, *Session) { return nil, l.lastSet() })
	}
	key := s.slotKey()
	return c.updateSlots(func(l slots) (slots, *Session) { return l.set(key, s) })
}

// SetCurrentOf puts s into the slot of a kind, whatever the kind of s, and
// returns the session that CurrentOf returned without a context. It is for the
// facade of the kind. Nil empties the slot.
func (c *Scope) SetCurrentOf(kind string, s *Session) (previous *Session) {
	return c.updateSlots(func(l slots) (slots, *Session) { return l.setKind(kind, s) })
}

// RemoveCurrent empties the slot that holds s, and reports whether there was
// one. Nil is in no slot.
func (c *Scope) RemoveCurrent(s *Session) bool {
	return c.updateSlots(func(l slots) (slots, *Session) {
		out := l.without(s)
		if len(out) == len(l) {
			return l, nil
		}
		return out, s
	}) != nil
}

// Current returns the innermost session of ctx, otherwise the one that was set
// last of those in a slot, otherwise [CodeNotInitialized].
func (c *Scope) Current(ctx context.Context) (*Session, error) {
	if f := c.frame(ctx); f != nil {
		return f.sessions[0], nil
	}
	if s := c.current().lastSet(); s != nil {
		return s, nil
	}
	return nil, Errorf(CodeNotInitialized,
		"there is no current session: use core.SetCurrent, core.Use or core.Do")
}

// CurrentOf returns the innermost session of a kind of ctx, through the blocks of
// other kinds, otherwise the one in the kind's slot, otherwise [CodeNotInitialized].
// It is for the facade of the kind. The kind of a session is Options.Kind.
func (c *Scope) CurrentOf(ctx context.Context, kind string) (*Session, error) {
	for f := c.frame(ctx); f != nil; f = f.outer {
		for _, s := range f.sessions {
			if s.kind() == kind {
				return s, nil
			}
		}
	}
	if s := c.current().ofKind(kind); s != nil {
		return s, nil
	}
	return nil, Errorf(CodeNotInitialized, "there is no current session of kind %q", kind)
}

// Use initialises s and puts it into its slot, as SetCurrent does. If Init fails,
// the slot keeps its session. If s is nil, the error is [CodeBadConfig].
func (c *Scope) Use(ctx context.Context, s *Session) error {
	if s == nil {
		return errNilSession()
	}
	if err := s.Init(ctx); err != nil {
		return err
	}
	c.SetCurrent(s)
	return nil
}

func errNilSession() error { return Errorf(CodeBadConfig, "the session is nil") }

// With returns a context in which the sessions are current, the first one
// before the others. A request that none of them covers uses a session of an outer
// With. It initialises nothing. Nil sessions are ignored.
func (c *Scope) With(ctx context.Context, sessions ...*Session) context.Context {
	f := &frame{outer: c.frame(ctx)}
	for _, s := range sessions {
		if s != nil {
			f.sessions = append(f.sessions, s)
		}
	}
	if len(f.sessions) == 0 {
		return ctx
	}
	return context.WithValue(ctx, scopeKey{c}, f)
}

// Do runs fn with a context in which s is current. It initialises s unless it
// already is, and at the end, also of a panic, closes what it initialised; of
// several blocks at the same time the last one closes. If Init fails, fn is
// not run. The error is that of Init, else of fn, else of Close; [CodeBadConfig] if s
// is nil.
func (c *Scope) Do(ctx context.Context, s *Session, fn func(context.Context) error) (err error) {
	if s == nil {
		return errNilSession()
	}
	if ctx == nil {
		return s.config().annotate(errNoContext, "")
	}
	if err := s.enterBlock(ctx); err != nil {
		return err
	}
	defer func() {
		if e := s.leaveBlock(ctx); err == nil {
			err = e
		}
	}()
	return fn(c.With(ctx, s))
}

// enterBlock begins a block of Do, and initialises the session if need be. The
// block ends again if that fails, or if Options.Begin ends the goroutine
// (runtime.Goexit).
func (s *Session) enterBlock(ctx context.Context) error {
	s.mu.Lock()
	s.machine.enterBlock()
	s.mu.Unlock()
	entered := false
	defer func() {
		if !entered {
			_ = s.leaveBlock(ctx)
		}
	}()
	err := s.init(ctx, true)
	entered = err == nil
	return err
}

// leaveBlock ends a block. It closes the session if need be, also after the end of ctx.
func (s *Session) leaveBlock(ctx context.Context) error {
	return s.closeAs(context.WithoutCancel(ctx), closeBlock)
}

// Client returns an HTTP client that chooses a session for each request: the
// innermost of the request's context whose origins cover the URL, otherwise, of
// the sessions in the slots whose origins do, the one that was set last. A
// session without origins covers every URL. If no session covers the URL, the
// error is [CodeOriginRefused]; if there is no session at all, [CodeNotInitialized]. A
// redirect stays with the session of the first request.
func (c *Scope) Client() *http.Client { return &http.Client{Transport: scopeTransport{c}} }

type scopeTransport struct{ scope *Scope }

// RoundTrip implements [http.RoundTripper].
func (t scopeTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s, err := t.scope.sessionFor(r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	return s.roundTrip(nil, r)
}

// sessionFor returns the session that Client uses for r.
func (c *Scope) sessionFor(r *http.Request) (*Session, error) {
	first := r
	if hop := originalRequest(r); hop != nil {
		first = hop
	}
	for f := c.frame(r.Context()); f != nil; f = f.outer {
		for _, s := range f.sessions {
			if s.covers(first) {
				return s, nil
			}
		}
	}
	for _, in := range c.current() {
		if in.session.covers(first) {
			return in.session, nil
		}
	}
	return nil, c.notCovered(r)
}

// notCovered returns the error for a request that no session covers.
func (c *Scope) notCovered(r *http.Request) error {
	var names []string
	for f := c.frame(r.Context()); f != nil; f = f.outer {
		for _, s := range f.sessions {
			names = append(names, s.Name())
		}
	}
	for _, in := range c.current() {
		names = append(names, in.session.Name())
	}
	if len(names) == 0 {
		_, err := c.Current(r.Context())
		return err
	}
	return Errorf(CodeOriginRefused, "%s is none of the origins of the sessions in scope: %s",
		OriginText(r.URL), listNames(names))
}

// covers reports whether the session's requests may go where r goes, as far as
// that is known before it has authenticated. It takes a lock only if the session
// has no credential in use and its options name no origins: then the provider's
// are those of a credential that the API refused.
func (s *Session) covers(r *http.Request) bool {
	if r.URL == nil {
		return true
	}
	if l := s.published.Load(); l != nil {
		return l.covers(r.URL)
	}
	origins := s.config().origins
	if len(origins) == 0 {
		origins = s.currentOrigins()
	}
	for i := range origins {
		if origins[i].matches(r.URL) {
			return true
		}
	}
	return len(origins) == 0
}

// processScope is the scope of the package's functions.
var processScope Scope

// SetCurrent is [Scope.SetCurrent] of the process's scope.
func SetCurrent(s *Session) (previous *Session) { return processScope.SetCurrent(s) }

// SetCurrentOf is [Scope.SetCurrentOf] of the process's scope.
func SetCurrentOf(kind string, s *Session) (previous *Session) {
	return processScope.SetCurrentOf(kind, s)
}

// RemoveCurrent is [Scope.RemoveCurrent] of the process's scope.
func RemoveCurrent(s *Session) bool { return processScope.RemoveCurrent(s) }

// Current is [Scope.Current] of the process's scope.
func Current(ctx context.Context) (*Session, error) { return processScope.Current(ctx) }

// CurrentOf is [Scope.CurrentOf] of the process's scope.
func CurrentOf(ctx context.Context, kind string) (*Session, error) {
	return processScope.CurrentOf(ctx, kind)
}

// Use is [Scope.Use] of the process's scope.
func Use(ctx context.Context, s *Session) error { return processScope.Use(ctx, s) }

// With is [Scope.With] of the process's scope.
func With(ctx context.Context, sessions ...*Session) context.Context {
	return processScope.With(ctx, sessions...)
}

// Do is [Scope.Do] of the process's scope.
func Do(ctx context.Context, s *Session, fn func(context.Context) error) error {
	return processScope.Do(ctx, s, fn)
}

// Client is [Scope.Client] of the process's scope.
func Client() *http.Client { return processScope.Client() }
