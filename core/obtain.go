package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// run makes the attempt: within the time limit, with a panic turned into an
// error, and settled shortly after the limit even if the provider is not back.
func (s *Session) run(ctx context.Context, f *flight) {
	defer s.returned(f)
	began := time.Now()
	obtain := s.ask
	if f.setup.opts.Store != nil {
		obtain = s.askStored
	}
	l, err := obtain(ctx, f, f.req)
	s.mu.Lock()
	f.back = true
	s.mu.Unlock()
	s.finish(f, l, err, time.Since(began))
}

// ask asks the provider, and then the person if it takes one.
func (s *Session) ask(ctx context.Context, f *flight, req Request) (*live, error) {
	var err error
	if req.Inputs, err = f.setup.inputs(ctx, f.quiet); err != nil {
		return nil, err
	}
	if f.unlock != nil && !s.spend(f, !req.Previous.Renewal.IsZero()) {
		return nil, errSuperseded
	}
	cred, err := s.attempt(ctx, f, f.setup.opts.timeout(), func(ctx context.Context) (Credential, error) {
		return f.setup.provider.Authenticate(ctx, req)
	})
	if CodeOf(err) == Interactive {
		cred, err = s.signIn(ctx, f, req, err)
	}
	if err != nil {
		return nil, err
	}
	l, err := prepare(f.setup, cred, f.held)
	if err == nil {
		s.tellForeign(f.setup, cred)
	}
	return l, err
}

// signIn lets the provider ask the person, or returns why, which is the reason
// for it, where that cannot be done.
func (s *Session) signIn(ctx context.Context, f *flight, req Request, why error) (Credential, error) {
	ui := f.setup.opts.UI
	if ui == nil {
		return Credential{}, withoutUI(why)
	}
	p, ok := f.setup.provider.(SignIn)
	if !ok || f.quiet || f.unsaved || !s.spend(f, false) || ctx.Err() != nil {
		return Credential{}, why
	}
	cred, err := s.attempt(ctx, f, signInTimeout, func(ctx context.Context) (Credential, error) {
		return p.SignIn(ctx, req, *ui)
	})
	if errors.Is(err, errors.ErrUnsupported) {
		return Credential{}, why
	}
	return cred, err
}

// withoutUI adds to an error why nobody was asked.
func withoutUI(why error) error {
	var e *Error
	if !errors.As(why, &e) || e != why || e.Err == nil {
		return why
	}
	out := *e
	out.Err = fmt.Errorf("%w; the program cannot ask anybody (it sets no Options.UI)", e.Err)
	return &out
}

// quietKey marks the context of what nobody asked for.
type quietKey struct{}

func isQuiet(ctx context.Context) bool { return ctx.Value(quietKey{}) != nil }

// inputs returns the credentials of the sessions that the provider needs.
func (u *setup) inputs(ctx context.Context, quiet bool) (map[string]Credential, error) {
	if len(u.opts.Inputs) == 0 {
		return nil, nil
	}
	if err := u.opts.checkInputs(); err != nil {
		return nil, err
	}
	if quiet {
		ctx = context.WithValue(ctx, quietKey{}, true)
	}
	out := make(map[string]Credential, len(u.opts.Inputs))
	for role, s := range u.opts.Inputs {
		limit := u.opts.timeout()
		if s.setup.Load().opts.UI != nil && !quiet {
			limit = signInTimeout
		}
		ctx, cancel := context.WithTimeout(ctx, limit)
		l, err := s.input(ctx)
		cancel()
		if err != nil {
			return nil, Errorf(CodeOf(err), "the input %q: %w", role, err)
		}
		out[role] = l.cred
	}
	return out, nil
}

// input is get for another session, which Init may not have been called for.
func (s *Session) input(ctx context.Context) (*live, error) {
	l, err := s.get(ctx)
	if CodeOf(err) != NotInitialized {
		return l, err
	}
	if _, err := s.init(ctx, false); err != nil {
		return nil, err
	}
	return s.get(ctx)
}

// attempt calls the provider, within a limit.
func (s *Session) attempt(ctx context.Context, f *flight, limit time.Duration, call func(context.Context) (Credential, error)) (cred Credential, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	watch := time.AfterFunc(limit+grace, func() {
		f.late.Store(true)
		f.cancel() // no sign-in for callers who have their answer
		if f.unlock != nil {
			f.unlock() // nor does another process wait for it
		}
		s.finish(f, nil, Errorf(Unavailable, "the provider did not return within %v: %w", limit, context.DeadlineExceeded), limit)
	})
	defer watch.Stop()
	defer func() {
		if r := recover(); r != nil {
			cred, err = Credential{}, Errorf(Unavailable, "the provider panicked (%T)", r)
		}
	}()
	cred, err = call(ctx)
	var coded *Error
	if err != nil && ctx.Err() != nil && !errors.As(err, &coded) {
		err = Errorf(Unavailable, "the provider did not finish within %v: %w", limit, ctx.Err())
	}
	return cred, err
}
