package core

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"
)

// errSuperseded ends a renewal whose setup was exchanged; its waiters ask again.
var errSuperseded = errors.New("reconfigured")

var (
	errHeld   = Errorf(NotInitialized, "call Init first")
	errClosed = Errorf(Closed, "call Init again")
)

// grace is what a provider gets to return after its context ended, before its
// callers are answered without it.
const grace = 100 * time.Millisecond

// flight is one attempt to obtain a credential. It belongs to the session, not
// to the caller that started it.
type flight struct {
	req      Request
	setup    *setup
	cancel   context.CancelFunc
	done     chan struct{} // closed when err is set
	err      error
	over     bool          // guarded by Session.mu: the outcome is settled
	back     bool          // guarded by Session.mu: the provider is done
	spending bool          // guarded by Session.mu: the provider may be spending a stored renewal
	late     atomic.Bool   // the provider is over its time, and the lock let go
	quiet    bool          // nobody asked, so that nobody is asked to sign in
	held     *live         // what the session had when it began; nil: nothing
	unlock   func()        // lets go of the store's lock; nil: not held
	unsaved  bool          // the store cannot be used, so that nobody is asked to sign in
	returned chan struct{} // closed when the provider's call is back
}

// get returns a credential that may be used now.
func (s *Session) get(ctx context.Context) (*live, error) {
	if l := s.live.Load(); l != nil {
		if until := l.until.Load(); until == never || mono() < until {
			return l, nil
		}
	}
	return s.slow(ctx)
}

func (s *Session) slow(ctx context.Context) (*live, error) {
	for {
		s.mu.Lock()
		l, f, err := s.step(ctx)
		s.mu.Unlock()
		if f == nil {
			return l, err
		}
		if err := s.await(ctx, f.done); err != nil {
			return nil, err
		}
		if f.err != nil && !errors.Is(f.err, errSuperseded) {
			return nil, f.err
		}
	}
}

// step decides what a caller gets: a credential, a flight to wait for, or an
// error. s.mu is held.
func (s *Session) step(ctx context.Context) (*live, *flight, error) {
	u := s.setup.Load()
	if s.state == StateClosed || s.closing != nil {
		return nil, nil, s.wrap(errClosed, "")
	}
	if s.state == StateHeld && !u.opts.Lazy {
		return nil, nil, s.wrap(errHeld, "")
	}
	if l := s.usable(); l != nil {
		s.admit(l, false)
	}
	now := mono()
	if l := s.live.Load(); l != nil {
		age := l.judge(now)
		if age == fresh && l.setup != u {
			age = stale
		}
		switch age {
		case fresh:
			l.until.Store(l.next(now))
			return l, nil, nil
		case stale:
			if s.flight == nil && now >= s.backoff.end() {
				s.start(isQuiet(ctx))
			}
			next := now + wallCheck
			if s.flight == nil {
				next = min(next, s.backoff.end())
			}
			l.until.Store(min(next, l.expired))
			return l, nil, nil
		}
	}
	if s.flight == nil {
		if err := s.backoff.remembered(now); err != nil {
			return nil, nil, s.wrap(err, "")
		}
		if ctx.Err() != nil {
			return nil, nil, s.gone(ctx)
		}
		s.start(isQuiet(ctx))
	}
	return nil, s.flight, nil
}

// reject drops l, if it is still the one in use, and starts its renewal.
func (s *Session) reject(l *live, challenge string) {
	s.mu.Lock()
	if s.live.Load() != l || s.state != StateReady {
		s.mu.Unlock()
		return
	}
	s.counts.refusals++
	now := mono()
	if now-l.born > int64(maxRefusalWait) {
		s.refusals = nil
	}
	if now >= s.refusals.end() {
		s.refusals = s.refusals.fail(now, Unavailable)
		s.live.Store(nil)
		s.previous = l
		if s.flight == nil {
			s.startWith(Request{Reason: Rejected, Previous: l.cred, Challenge: challenge}, false)
		}
	}
	s.mu.Unlock()
	s.tell(l.setup, Event{Kind: Refused, Reason: Rejected, Expiry: l.cred.Expiry})
}

// start begins a flight for the reason that the session's state gives. s.mu is
// held and there is no flight.
func (s *Session) start(quiet bool) {
	u, req := s.setup.Load(), Request{}
	if l := s.live.Load(); l != nil && l.setup == u {
		req = Request{Reason: Expiring, Previous: l.cred}
	} else if l := s.previous; l != nil && l.setup == u {
		req = Request{Reason: Rejected, Previous: l.cred}
	}
	s.startWith(req, quiet)
}

func (s *Session) startWith(req Request, quiet bool) {
	u := s.setup.Load()
	f := &flight{req: req, setup: u, quiet: quiet, done: make(chan struct{}), returned: make(chan struct{})}
	if f.held = s.live.Load(); f.held == nil {
		f.held = s.previous
	}
	ctx, cancel := context.WithCancel(context.Background())
	f.cancel = cancel
	s.flight = f
	if s.last != nil && s.last.setup == u && !s.last.back { // a second call into a provider that never came back helps nobody
		close(f.returned)
		go s.finish(f, nil, Errorf(Unavailable, "the provider has not returned from an earlier call"), 0)
		return
	}
	s.last = f
	go s.run(ctx, f)
}

// returned notes that the provider's call is back.
func (s *Session) returned(f *flight) {
	f.cancel()
	// Settled already, unless the provider ended the goroutine (runtime.Goexit).
	s.finish(f, nil, Errorf(Unavailable, "the provider ended its goroutine"), 0)
	s.mu.Lock()
	if s.last == f {
		s.last = nil
	}
	s.mu.Unlock()
	close(f.returned)
}

// finish settles a flight, once.
func (s *Session) finish(f *flight, l *live, err error, took time.Duration) {
	op := "renew"
	if f.req.Reason == Initial {
		op = "init"
	}
	s.mu.Lock()
	if f.over {
		s.mu.Unlock()
		return
	}
	f.over, s.flight = true, nil
	if err != nil {
		s.counts.failures++
		e := boundary(err, s.name, f.setup.opts.Provider, op).(*Error)
		now := mono()
		s.backoff = s.backoff.fail(now, e)
		s.backoff.quiet = f.quiet && e.Code == Interactive
		e.RetryAfter = time.Duration(s.backoff.until - now)
		f.err = e
		if l := s.live.Load(); l != nil {
			l.until.Store(min(s.backoff.until, l.next(now), l.expired))
		}
	} else {
		if !l.kept.wasRestored() {
			s.counts.authentications++
		}
		s.backoff, s.previous = nil, nil
		if s.state == StateReady {
			s.live.Store(l)
		} else {
			s.pending = l
		}
	}
	s.keepFresh()
	s.mu.Unlock()

	defer close(f.done) // after the event, so that who waited finds it reported
	ev := Event{Kind: Authenticated, Reason: f.req.Reason, Took: took, Err: f.err}
	if f.err != nil {
		ev.Kind = Failed
	} else {
		ev.Expiry = l.cred.Expiry
		if l.kept.wasRestored() {
			ev.Kind = Restored
		}
	}
	s.tell(f.setup, ev)
}

// abort settles the flight, if there is one, without its outcome. s.mu is held.
func (s *Session) abort(err error) {
	if f := s.flight; f != nil {
		f.over, f.err, s.flight = true, err, nil
		close(f.done)
		if !f.spending { // else its outcome must reach the store
			f.cancel()
		}
	}
}

// keepFresh sets the timer for the next renewal that nobody asks for. s.mu is
// held.
func (s *Session) keepFresh() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	l := s.live.Load()
	if !s.setup.Load().opts.KeepFresh || s.state != StateReady || l != nil && l.stale == never {
		return
	}
	at := s.backoff.end()
	if l != nil {
		at = max(at, l.stale)
	}
	s.timer = time.AfterFunc(max(time.Millisecond, time.Duration(at-mono())), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		due := s.live.Load() == l // else this timer came too late to be stopped
		if due && s.state == StateReady && s.flight == nil && s.setup.Load().opts.KeepFresh {
			s.start(true)
		}
	})
}

// tell reports an event to the logger and the observer, without a lock.
func (s *Session) tell(u *setup, ev Event) {
	ev.Session, ev.Provider = s.name, u.opts.Provider
	if log := u.opts.Logger; log != nil {
		level := slog.LevelDebug
		attrs := []slog.Attr{slog.String("session", ev.Session), slog.String("provider", ev.Provider), slog.String("reason", ev.Reason.String())}
		switch ev.Kind {
		case Failed:
			level = slog.LevelWarn
			attrs = append(attrs, slog.String("error", ev.Err.Error()))
		case Authenticated, Restored:
			attrs = append(attrs, slog.Duration("took", ev.Took), slog.Time("expiry", ev.Expiry))
		}
		log.LogAttrs(context.Background(), level, "session "+ev.Kind.String(), attrs...)
	}
	if u.opts.Observe != nil {
		u.opts.Observe(ev)
	}
}

// within runs fn with a time limit and does not wait for it any longer.
func within(ctx context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				done <- Errorf(Unavailable, "the call panicked (%T)", r)
			}
		}()
		done <- fn(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	t := time.NewTimer(grace)
	defer t.Stop()
	select {
	case err := <-done:
		return err
	case <-t.C:
		return Errorf(Unavailable, "the call did not return in time: %w", context.Cause(ctx))
	}
}
