package providertest

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// run is one run of a check. Its methods are for the goroutine of the check,
// errorf and the calls into the provider for any.
type run struct {
	*kit
	check
	ctx       context.Context
	server    Server   // that the last provider was opened for
	addresses []string // host and port of all that were
	skipped   string
	cleanup   []func()

	mu   sync.Mutex // guards errs
	errs []error
}

func (k *kit) runOne(ctx context.Context, c check) (skipped string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := &run{kit: k, check: c, ctx: ctx}
	defer func() {
		if p := recover(); p != nil {
			r.errorf("panic: %v\n%s", p, debug.Stack())
		}
		for i := len(r.cleanup) - 1; i >= 0; i-- {
			r.cleanup[i]()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		skipped, err = r.skipped, errors.Join(r.errs...)
	}()
	c.run(r)
	return
}

func (r *run) errorf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, fmt.Errorf(format, args...))
}

func (r *run) failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.errs) > 0
}

// errStuck is the error of a call that did not return.
var errStuck = errors.New("the call has not returned")

// call runs fn, which calls into the provider, on a goroutine that carries
// this check's label, and waits at most maxDelay after the end of ctx. It
// turns a panic into an error and notes errors for the checks of their text.
func (r *run) call(ctx context.Context, fn func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	done := make(chan error, 1)
	go pprof.Do(ctx, pprof.Labels("providertest", r.label()), func(ctx context.Context) {
		defer func() {
			if p := recover(); p != nil {
				r.errorf("the provider panicked: %v\n%s", p, debug.Stack())
				done <- fmt.Errorf("panic")
			}
		}()
		done <- fn(ctx)
	})
	var ended time.Time
	select {
	case err := <-done:
		r.note(err)
		return 0, err
	case <-ctx.Done():
		ended = time.Now()
	}
	late := time.NewTimer(maxDelay + maxDelay/10)
	defer late.Stop()
	select {
	case err := <-done:
		r.note(err)
		return time.Since(ended), err
	case <-late.C:
		return time.Since(ended), errStuck
	}
}

func (r *run) label() string { return r.id + " " + r.name }

// note records an error for the checks of the text of all errors.
func (r *run) note(err error) {
	if err == nil {
		return
	}
	r.kit.mu.Lock()
	defer r.kit.mu.Unlock()
	r.kit.errs = append(r.kit.errs, returnedError{r.name, err})
}

// open makes a provider for a server; nil after reporting an error.
func (r *run) open(s Server) core.Provider {
	var p core.Provider
	r.server = s
	for _, at := range []string{s.URL, s.TLSURL} {
		if _, host, ok := strings.Cut(at, "://"); ok {
			r.addresses = append(r.addresses, host)
		}
	}
	_, err := r.call(r.ctx, func(ctx context.Context) (err error) {
		p, err = r.factory.Open(ctx, r.Environment, r.settings(s))
		return err
	})
	switch {
	case err != nil:
		r.errorf("Open with the good settings: %w", err)
		return nil
	case p == nil:
		r.errorf("Open with the good settings returned neither a provider nor an error")
	}
	return p
}

// ask obtains a credential as a session does, from a person if it needs one and the
// fixture has one, and adds what it holds to the secrets. The duration is how
// long after the end of ctx the call returned, zero if before.
func (r *run) ask(ctx context.Context, p core.Provider, req core.Request) (
	cred core.Credential, late time.Duration, err error,
) {
	var c core.Credential // separate from cred, as the call may never return
	if req.Inputs == nil {
		req.Inputs = r.Inputs
	}
	ui := r.person(r.server, true)
	late, err = r.call(ctx, func(ctx context.Context) (err error) {
		c, err = p.Authenticate(ctx, req)
		in, ok := p.(core.InteractiveProvider)
		if ok && ui != nil && core.CodeOf(err) == core.CodeInteractive {
			c, err = in.SignIn(ctx, req, *ui)
		}
		return err
	})
	if err == nil {
		cred = c
		r.addCredentialSecrets(cred)
	}
	return cred, late, err
}

// obtain makes a good server and a provider for it, and obtains a credential. It returns
// false after reporting an error.
func (r *run) obtain() (*testServer, core.Provider, core.Credential, bool) {
	st := r.serve(nil)
	p := r.open(st.server())
	if p == nil {
		return nil, nil, core.Credential{}, false
	}
	cred, _, err := r.ask(r.ctx, p, core.Request{})
	if err != nil {
		r.errorf("Authenticate with a good server: %w", err)
		return nil, nil, core.Credential{}, false
	}
	return st, p, cred, true
}
