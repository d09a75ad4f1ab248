package providertest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime/debug"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

const (
	// prompt is how soon after the end of its context a call must be back.
	prompt = 500 * time.Millisecond
	// limit bounds every call, so that a stuck provider does not stop the kit.
	limit = 5 * time.Second
	// short is the time limit of calls to a server that hangs.
	short = 60 * time.Millisecond
	// settle is how long goroutines and connections may take to end.
	settle = 2 * time.Second
)

// factory is what the kit uses of a core.Factory.
type factory interface {
	Info() core.Info
	Settings() []core.Setting
	Check(core.Environment, map[string]any) error
	Open(context.Context, core.Environment, map[string]any) (core.Provider, error)
}

// kit is one run over one provider.
type kit struct {
	Fixture
	factory factory
	id      string // also the label of the provider's goroutines
	canary  string
	logs    syncBuffer

	mu      sync.Mutex // guards all below
	secrets []secret
	errs    []seenError
}

// seenError is an error that a provider returned during a check.
type seenError struct {
	check string
	err   error
}

func newKit(f Fixture, made factory) *kit {
	k := &kit{Fixture: f, factory: made, id: rand.Text(), canary: "Canary" + rand.Text()}
	k.addSecret("the planted secret", k.canary)
	for i, s := range f.Secrets {
		k.addSecret(fmt.Sprintf("Fixture.Secrets[%d]", i), s)
	}
	return k
}

// running keeps runs apart: each redirects the process's log.
var running sync.Mutex

func (k *kit) runAll(ctx context.Context) []Result {
	running.Lock()
	defer running.Unlock()
	out := log.Writer()
	log.SetOutput(io.MultiWriter(out, &k.logs))
	defer log.SetOutput(out)

	var results []Result
	var broken string // the check without which the rest makes no sense
	for _, c := range checks {
		res := Result{Name: c.name, Promise: c.promise}
		switch why, waived := k.Waive[c.name]; {
		case broken != "":
			res.Skipped = fmt.Sprintf("%s failed", broken)
		case waived:
			res.Skipped = why
		case c.remote && k.Good == nil:
			res.Skipped = "the fixture has no server"
		case ctx.Err() != nil:
			res.Err = ctx.Err()
		default:
			res.Skipped, res.Err = k.runOne(ctx, c)
			if c.vital && res.Err != nil {
				broken = c.name
			}
		}
		results = append(results, res)
	}
	for name := range k.Waive {
		if !known(name) {
			results = append(results, Result{Name: "fixture", Promise: "a fixture waives checks that exist", Err: fmt.Errorf("Fixture.Waive: there is no check %q", name)})
		}
	}
	return results
}

func known(name string) bool {
	for _, c := range checks {
		if c.name == name {
			return true
		}
	}
	return false
}

// run is one check being made. Its methods are for the goroutine of the check,
// errorf and the calls into the provider for any.
type run struct {
	*kit
	check
	ctx     context.Context
	skipped string
	cleanup []func()

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

// errStuck is the outcome of a call that did not come back.
var errStuck = errors.New("the call is still not back")

// call runs fn, which calls into the provider, on a goroutine that carries
// this check's label, and waits until prompt after the end of ctx at most. It
// turns a panic into an error and notes errors for the checks of their text.
func (r *run) call(ctx context.Context, fn func(context.Context) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
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
	late := time.NewTimer(2 * prompt)
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

// note keeps an error for the checks that look at the text of all errors.
func (r *run) note(err error) {
	if err == nil {
		return
	}
	r.kit.mu.Lock()
	defer r.kit.mu.Unlock()
	r.kit.errs = append(r.kit.errs, seenError{r.name, err})
}

// settings returns fresh good settings for a server.
func (k *kit) settings(s Server) map[string]any {
	if k.Settings == nil {
		return map[string]any{}
	}
	settings, _ := clone(k.Settings(s)).(map[string]any)
	if settings == nil {
		settings = map[string]any{}
	}
	return settings
}

// open makes a provider for a server; nil after reporting an error.
func (r *run) open(s Server) core.Provider {
	var p core.Provider
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

// ask calls Authenticate and notes what it returns. The duration is how long
// after the end of ctx the call came back, zero if before.
func (r *run) ask(ctx context.Context, p core.Provider, req core.Request) (cred core.Credential, late time.Duration, err error) {
	var c core.Credential // the call's own, in case it never comes back
	late, err = r.call(ctx, func(ctx context.Context) (err error) {
		c, err = p.Authenticate(ctx, req)
		return err
	})
	if err == nil {
		cred = c
		r.learn(cred)
	}
	return cred, late, err
}

// good makes a good server and a provider for it, and obtains a credential.
// False after reporting an error.
func (r *run) good() (*stage, core.Provider, core.Credential, bool) {
	st := r.stage(nil)
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

// syncBuffer is a bytes.Buffer for many goroutines.
type syncBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
