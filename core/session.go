package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Session holds the authentication of one external API. It is created without
// sending anything ([New]), authenticated once ([Session.Init]), used by every
// request, renewed before its credential expires, and closed at the end; after
// [Session.Close], Init starts again. The same methods apply to all sessions,
// whatever their provider.
//
//	held → Init → fresh ⇄ stale → expired → … → Close → closed → Init → fresh
//
// A fresh credential is returned at once. A stale one, too, while it is
// renewed behind the caller's back. At an expired one, callers wait for the
// one renewal in flight, each until its own context ends. renew.go has that
// part, transport.go puts the credential on requests.
//
// A Session is safe for concurrent use. It runs a goroutine only while it
// authenticates.
type Session struct {
	name  string
	live  atomic.Pointer[live]  // what callers get; nil: none, or not yet
	setup atomic.Pointer[setup] // written under mu

	transports transportCache    // sends Client's requests
	remembered rememberedHeaders // of answers, for Authorizers

	mu       sync.Mutex // guards all below; never held across I/O
	state    State
	borrowed bool          // initialised by Do, to be closed by the last guest
	guests   int32         // blocks inside Do
	pending  *live         // obtained for an Init whose caller had gone
	previous *live         // the one that was refused, until its successor is there
	flight   *flight       // the renewal going on
	last     *flight       // whose provider call is not back; it may outlive its outcome
	closing  chan struct{} // open while Close works
	timer    *time.Timer   // of KeepFresh
	backoff  *backoff      // failures in a row; nil: none
	refusals *backoff      // refusals in a row; nil: none
	closes   uint32        // how often Close was at work, for an Init that it overtook
	counts   counts
}

// setup is what Reconfigure exchanges as a whole.
type setup struct {
	provider   Provider
	authorizer Authorizer // the provider, if it is one
	opts       *Options
	origins    []origin
}

type counts struct{ authentications, failures, refusals uint32 }

// defaults are the options of sessions that were given none. Never written to.
var defaults Options

// New returns a session for one provider. Nothing is sent and no goroutine
// starts. The name is for errors and logs. Nil options are the defaults. What
// is wrong with them, Init reports as [BadConfig].
func New(name string, p Provider, opts *Options) *Session {
	s := &Session{name: name}
	s.setup.Store(newSetup(p, opts))
	return s
}

func newSetup(p Provider, opts *Options) *setup {
	u := &setup{provider: p, opts: &defaults}
	u.authorizer, _ = p.(Authorizer)
	if opts != nil {
		own := *opts
		own.Origins = slices.Clone(opts.Origins)
		own.RefusedStatus = slices.Clone(opts.RefusedStatus)
		u.opts = &own
	}
	var err error
	if u.origins, err = parseOrigins(u.opts.Origins); err == nil {
		err = u.opts.checkRefusedStatus()
	}
	if err == nil && p == nil {
		err = errors.New("the session has no provider")
	}
	if err != nil {
		u.provider, u.authorizer = ProviderFunc(func(context.Context, Request) (Credential, error) {
			return Credential{}, Errorf(BadConfig, "%w", err)
		}), nil
	}
	return u
}

// Name returns the session's name.
func (s *Session) Name() string { return s.name }

// String returns the name and the state.
func (s *Session) String() string {
	return fmt.Sprintf("session %q (%v)", s.name, s.Status().State)
}

// Init authenticates the session unless it already is. Callers at the same
// time share one attempt; a caller whose ctx ends leaves alone. A failed Init
// leaves the session as it was, and the next one tries again: after a second
// failure in a row it first waits out the back-off of [Unavailable], and
// answers [Denied], [BadConfig] and [Interactive] from memory until their
// cool-down ends, so that a loop around Init is no storm.
func (s *Session) Init(ctx context.Context) error {
	_, err := s.init(ctx, false)
	return err
}

// init reports whether this call made the session ready. With borrow, the last
// of those who borrow closes it.
func (s *Session) init(ctx context.Context, borrow bool) (bool, error) {
	closes, known := uint32(0), false
	for {
		s.mu.Lock()
		if known && closes != s.closes {
			s.mu.Unlock()
			return false, s.wrap(errClosed, "init")
		}
		if closing := s.closing; closing != nil {
			s.mu.Unlock()
			if err := s.await(ctx, closing); err != nil {
				return false, err
			}
			continue
		}
		closes, known = s.closes, true
		if l := s.usable(); l != nil {
			made := s.admit(l, borrow)
			s.borrowed = s.borrowed && borrow
			s.mu.Unlock()
			return made, nil
		}
		if s.flight == nil {
			if wait, err := s.backoff.initWait(s.setup.Load().opts.timeout()); err != nil {
				s.mu.Unlock()
				return false, s.wrap(err, "init")
			} else if wait > 0 {
				s.mu.Unlock()
				if err := s.sleep(ctx, wait); err != nil {
					return false, err
				}
				continue
			}
			if ctx.Err() != nil {
				s.mu.Unlock()
				return false, s.gone(ctx)
			}
			s.start(isQuiet(ctx))
		}
		f := s.flight
		s.mu.Unlock()
		if err := s.await(ctx, f.done); err != nil {
			return false, err
		}
		if f.err != nil && !errors.Is(f.err, errSuperseded) {
			return false, f.err
		}
	}
}

// usable returns a credential that need not be asked for. s.mu is held.
func (s *Session) usable() *live {
	l := s.live.Load()
	if s.state != StateReady {
		l = s.pending
	}
	if l == nil || l.judge(mono()) == expired {
		return nil
	}
	return l
}

// admit makes the session ready with l. s.mu is held.
func (s *Session) admit(l *live, borrow bool) bool {
	if s.state == StateReady {
		return false
	}
	s.state, s.pending, s.borrowed = StateReady, nil, borrow
	s.transports.reopen()
	s.live.Store(l)
	s.keepFresh()
	return true
}

// Credential returns the current credential. It is the hot path: while the
// credential is fresh it takes no lock and allocates nothing. Errors:
// [NotInitialized] before Init (unless Options.Lazy), [Closed] after Close,
// what the provider reported where there is no valid credential, and an error
// that wraps ctx's when ctx ends first.
func (s *Session) Credential(ctx context.Context) (Credential, error) {
	l, err := s.get(ctx)
	if err != nil {
		return Credential{}, err
	}
	return l.cred, nil
}

// Reject tells the session that the API refused c, with the WWW-Authenticate
// header of its answer. If c is still the session's, it is dropped and renewed
// once, whoever asks and however many; otherwise nothing happens. Refusals
// that follow each other closely are spaced like failures: c then stays, so
// that one endpoint's refusals do not take the session from the others.
// A challenge that does not refuse the credential, as Transport reads them,
// changes nothing. Transport reports refusals itself; call Reject where authsession
// does not send the request. Reject does not wait.
func (s *Session) Reject(c Credential, challenge string) {
	l := s.live.Load()
	if l == nil || c.id != l.cred.id {
		return
	}
	if refused, _ := refusal(l.scheme(), challenge); refused {
		s.reject(l, challenge)
	}
}

// Close ends the session: it stops an Init or a renewal that is under way,
// revokes the credential if the provider can, drops it, and closes idle connections that
// are the session's own. A credential in Options.Store stays there, and is not
// revoked ([Session.SignOut] does both); a renewal that may have spent what is
// there is waited for and saved. Close returns by the end of ctx and, apart from that,
// within Options.Timeout for each of these. It returns the error of revoking or
// saving, which leaves the session closed all the same. Close is idempotent;
// afterwards use is [Closed] until the next Init.
func (s *Session) Close(ctx context.Context) error { return s.end(ctx, endForNow) }

// ending says how a session is closed.
type ending uint8

const (
	endForNow  ending = iota
	endForGood        // signed out, too
	endBlock          // only what was borrowed, after the last guest
)

// end closes the session.
func (s *Session) end(ctx context.Context, how ending) error {
	s.mu.Lock()
	if how == endBlock {
		s.guests--
		if s.guests > 0 || !s.borrowed {
			s.mu.Unlock()
			return nil
		}
	}
	for s.closing != nil {
		closing := s.closing
		s.mu.Unlock()
		if err := s.await(ctx, closing); err != nil || how != endForGood {
			return err
		}
		s.mu.Lock()
	}
	if s.state == StateClosed && s.flight == nil && s.pending == nil && how != endForGood {
		s.mu.Unlock()
		return nil
	}
	done, u := make(chan struct{}), s.setup.Load()
	l := s.live.Swap(nil)
	if l == nil {
		l = cmp.Or(s.pending, s.previous) // of a refused one, the refresh token may be good
	}
	s.closes++
	s.state, s.pending, s.previous, s.closing, s.borrowed = StateClosed, nil, nil, done, false
	s.refusals = nil
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
	s.abort(s.wrap(errClosed, ""))
	last := s.last
	s.mu.Unlock()

	if last != nil {
		wait, cancel := context.WithTimeout(ctx, u.opts.timeout())
		_ = s.await(wait, last.returned)
		cancel()
	}
	err := s.letGo(ctx, u, l, how)
	s.transports.end()
	s.mu.Lock()
	s.closing = nil
	close(done)
	s.mu.Unlock()
	s.tell(u, Event{Kind: Ended})
	return err
}

// letGo does what is due at the end of a credential.
func (s *Session) letGo(ctx context.Context, u *setup, l *live, how ending) error {
	switch {
	case u.opts.Store != nil && how == endForGood:
		return s.forget(ctx, u, l)
	case l != nil && l.kept != nil:
		return s.keep(ctx, l.setup, l)
	}
	return s.revoke(ctx, u, l)
}

func (s *Session) revoke(ctx context.Context, u *setup, l *live) error {
	if l == nil {
		return nil
	}
	r, ok := l.setup.provider.(Revoker)
	if !ok {
		return nil
	}
	err := within(ctx, u.opts.timeout(), func(ctx context.Context) error {
		return r.Revoke(ctx, l.cred)
	})
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return s.wrap(err, "revoke")
}

// Reconfigure exchanges the provider and the options, as a configuration does
// when it is loaded again. A ready session stays ready: its old credential is
// served, bound to its old origins, until the new provider's first one takes
// its place.
func (s *Session) Reconfigure(p Provider, opts *Options) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setup.Store(newSetup(p, opts))
	s.backoff, s.refusals, s.pending, s.previous = nil, nil, nil, nil
	s.abort(errSuperseded)
	if s.state != StateReady {
		return
	}
	if l := s.live.Load(); l != nil {
		l.until.Store(0) // look again: step sees that the setup is another
	}
	s.step(context.Background())
}

// wrap adds the session to an error.
func (s *Session) wrap(err error, op string) error {
	return boundary(err, s.name, s.setup.Load().opts.Provider, op)
}

// await waits for a channel to close, or for ctx.
func (s *Session) await(ctx context.Context, c <-chan struct{}) error {
	select {
	case <-c:
		return nil
	default:
	}
	select {
	case <-c:
		return nil
	case <-ctx.Done():
		return s.gone(ctx)
	}
}

// gone is the error of a caller whose context ended.
func (s *Session) gone(ctx context.Context) error {
	return s.wrap(Errorf(Unavailable, "the caller did not wait: %w", context.Cause(ctx)), "")
}

func (s *Session) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return s.gone(ctx)
	}
}

// Client returns an HTTP client whose requests carry the session's
// credential, over Options.Transport or a transport of the session's own.
func (s *Session) Client() *http.Client { return &http.Client{Transport: s.Transport(nil)} }
