package core

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
)

// Scope answers which session a request uses: the innermost of its context,
// else the one set for all. Every goroutine sees the one set for all; a
// context's sessions go where the context goes. The zero Scope is ready for
// use, and safe for concurrent use; do not copy it after first use.
//
// Most programs need no Scope of their own: the functions of this package use
// the process's.
type Scope struct {
	current atomic.Pointer[Session]
	_       byte // so that two Scopes never share an address
}

// scopeKey finds a scope's sessions in a context.
type scopeKey struct{ scope *Scope }

// frame is one With: its sessions, the preferred one first, and the frame
// around it.
type frame struct {
	sessions []*Session
	outer    *frame
}

func (c *Scope) frame(ctx context.Context) *frame {
	f, _ := ctx.Value(scopeKey{c}).(*frame)
	return f
}

// SetCurrent makes s the session of all requests that have none in their
// context, and returns the one before, which it does not close. Nil sets none.
func (c *Scope) SetCurrent(s *Session) (previous *Session) { return c.current.Swap(s) }

// Current returns the innermost session of ctx, else the one set for all, else
// [NotInitialized].
func (c *Scope) Current(ctx context.Context) (*Session, error) {
	if f := c.frame(ctx); f != nil {
		return f.sessions[0], nil
	}
	if s := c.current.Load(); s != nil {
		return s, nil
	}
	return nil, Errorf(NotInitialized, "there is no current session: use core.SetCurrent, core.Use or core.Do")
}

// Use initialises s and makes it the session of all. Where Init fails, the
// session of all stays what it was.
func (c *Scope) Use(ctx context.Context, s *Session) error {
	if err := s.Init(ctx); err != nil {
		return err
	}
	c.SetCurrent(s)
	return nil
}

// With returns a context in which the sessions are current, the first one
// before the others. Sessions of an outer With stay in reach for origins that
// none of these covers. It initialises nothing. Nil sessions are left out.
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
// not run. The error is that of Init, else of fn, else of Close.
func (c *Scope) Do(ctx context.Context, s *Session, fn func(context.Context) error) (err error) {
	if ctx == nil {
		return s.config().annotate(errNoContext, "")
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer func() {
		if e := s.leave(ctx); err == nil {
			err = e
		}
	}()
	return fn(c.With(ctx, s))
}

func (s *Session) enter(ctx context.Context) error {
	s.mu.Lock()
	s.machine.enter()
	s.mu.Unlock()
	err := s.init(ctx, true)
	if err != nil {
		_ = s.leave(ctx)
	}
	return err
}

// leave ends a block. Its context may be over; closing is not.
func (s *Session) leave(ctx context.Context) error {
	return s.end(context.WithoutCancel(ctx), closeBlock)
}

// Client returns an HTTP client that chooses a session for each request: the
// innermost of the request's context whose origins cover the URL, else the one
// set for all if its origins do. A session without origins covers every URL.
// If there is none, the request is [OriginRefused], or [NotInitialized] where
// there is no session at all. A redirect stays with the session of the first
// request.
func (c *Scope) Client() *http.Client { return &http.Client{Transport: scoped{c}} }

type scoped struct{ scope *Scope }

// RoundTrip implements [http.RoundTripper].
func (t scoped) RoundTrip(r *http.Request) (*http.Response, error) {
	s, err := t.scope.choose(r)
	if err != nil {
		closeBody(r)
		return nil, err
	}
	return s.roundTrip(nil, r)
}

func (c *Scope) choose(r *http.Request) (*Session, error) {
	first := r
	if hop := firstHop(r); hop != nil {
		first = hop
	}
	var seen []string
	for f := c.frame(r.Context()); f != nil; f = f.outer {
		for _, s := range f.sessions {
			if s.covers(first) {
				return s, nil
			}
			seen = append(seen, s.Name())
		}
	}
	if s := c.current.Load(); s != nil {
		if s.covers(first) {
			return s, nil
		}
		seen = append(seen, s.Name())
	}
	if len(seen) == 0 {
		_, err := c.Current(r.Context())
		return nil, err
	}
	return nil, &Error{Code: OriginRefused, Err: fmt.Errorf("%s is none of the origins of the sessions in scope: %q", where(r.URL), seen)}
}

// covers reports whether a request is the session's business, as far as that
// is known before it has authenticated.
func (s *Session) covers(r *http.Request) bool {
	if r.URL == nil {
		return true
	}
	return s.latest().covers(r.URL)
}

// latest returns the credential that says what the session is for: the current
// one, otherwise the one that the API refused, otherwise one that has nothing
// but the options' origins.
func (s *Session) latest() *credential {
	if l := s.live.Load(); l != nil {
		return l
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.machine.refused; l != nil {
		return l
	}
	return &credential{setup: s.config()}
}

// process is the scope of the package functions.
var process Scope

// SetCurrent is [Scope.SetCurrent] of the process's scope.
func SetCurrent(s *Session) (previous *Session) { return process.SetCurrent(s) }

// Current is [Scope.Current] of the process's scope.
func Current(ctx context.Context) (*Session, error) { return process.Current(ctx) }

// Use is [Scope.Use] of the process's scope.
func Use(ctx context.Context, s *Session) error { return process.Use(ctx, s) }

// With is [Scope.With] of the process's scope.
func With(ctx context.Context, sessions ...*Session) context.Context {
	return process.With(ctx, sessions...)
}

// Do is [Scope.Do] of the process's scope.
func Do(ctx context.Context, s *Session, fn func(context.Context) error) error {
	return process.Do(ctx, s, fn)
}

// Client is [Scope.Client] of the process's scope.
func Client() *http.Client { return process.Client() }
