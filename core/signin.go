// Read on in attempt.go.

package core

import (
	"context"
	"sync"
	"time"
)

// This file is what a session gives a provider for a sign-in: the UI of the program,
// and a context whose end can move to that of a device code.

// maxSignIn bounds a sign-in whose device code is valid for longer.
const maxSignIn = 24 * time.Hour

// signInContext is the context of one sign-in. It has no deadline, as its end may
// move; after that end its error is [context.DeadlineExceeded].
type signInContext struct {
	context.Context // the values of the attempt's context
	setup           *setup
	resetLimit      func(time.Duration) // gives the attempt a new limit that begins now
	done            chan struct{}

	mu       sync.Mutex // guards all fields below
	err      error
	deadline time.Time
	timer    *time.Timer
	isOver   bool // SignIn has returned
}

// newSignInContext returns a context that ends with parent or at the deadline, which is
// that of the attempt. The caller calls stop when SignIn has returned.
func newSignInContext(
	parent context.Context, setup *setup, deadline time.Time, resetLimit func(time.Duration),
) (c *signInContext, stop func()) {
	c = &signInContext{
		Context: context.WithoutCancel(parent), setup: setup, resetLimit: resetLimit,
		done: make(chan struct{}), deadline: deadline,
	}
	c.mu.Lock()
	c.timer = time.AfterFunc(time.Until(deadline), func() { c.end(context.DeadlineExceeded) })
	c.mu.Unlock()
	unregister := context.AfterFunc(parent, func() { c.end(parent.Err()) })
	return c, func() {
		unregister()
		c.mu.Lock()
		c.isOver = true
		c.timer.Stop()
		c.mu.Unlock()
		c.end(context.Canceled)
	}
}

func (c *signInContext) end(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
		close(c.done)
	}
}

// Done implements [context.Context].
func (c *signInContext) Done() <-chan struct{} { return c.done }

// Err implements [context.Context].
func (c *signInContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// extend moves the end of the sign-in to that of a device code, if that is later and
// the program sets no limit of its own. It returns the end that holds. A provider may
// call it, through its UI, on any goroutine, and after SignIn has returned.
func (c *signInContext) extend(until time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	left := min(time.Until(until), maxSignIn)
	if c.isOver || c.err != nil || c.setup.opts.SignInTimeout > 0 ||
		left <= time.Until(c.deadline) {
		return c.deadline
	}
	c.deadline = time.Now().Add(left)
	c.timer.Reset(left)
	c.resetLimit(left)
	return c.deadline
}

// signInUI returns the program's UI as the provider gets it for a sign-in with ctx. Its
// contexts name the session (see [SignInSession]).
func signInUI(ctx context.Context, program UI) UI {
	c, _ := ctx.(*signInContext)
	out := UI{ShowDevicePrompt: c.showDevicePrompt(program)}
	if program.Show != nil {
		out.Show = func(ctx context.Context, message string) error {
			return program.Show(c.named(ctx), message)
		}
	}
	if program.Ask != nil {
		out.Ask = func(ctx context.Context, prompt string, hidden bool) (Secret, error) {
			return program.Ask(c.named(ctx), prompt, hidden)
		}
	}
	if program.Open != nil {
		out.Open = func(ctx context.Context, url string) error {
			return program.Open(c.named(ctx), url)
		}
	}
	return out
}

// named returns ctx with the name of the session.
func (c *signInContext) named(ctx context.Context) context.Context {
	return context.WithValue(ctx, signInSessionKey{}, c.setup.name)
}

// showDevicePrompt returns ShowDevicePrompt of the UI that the provider gets. A prompt
// is checked, and its end is that of the code or of the sign-in, whichever comes first.
func (c *signInContext) showDevicePrompt(
	program UI,
) func(ctx context.Context, v DevicePrompt) error {
	show := program.ShowDevicePrompt
	switch {
	case show == nil && program.Show == nil:
		return nil
	case show == nil:
		show = func(ctx context.Context, v DevicePrompt) error { return program.Show(ctx, v.Text()) }
	}
	return func(ctx context.Context, v DevicePrompt) error {
		v, err := CheckDevicePrompt(v)
		if err != nil {
			return err
		}
		if end := c.extend(v.ExpiresAt); v.ExpiresAt.IsZero() || end.Before(v.ExpiresAt) {
			v.ExpiresAt = end
		}
		return show(c.named(ctx), v)
	}
}

// signInSessionKey is the key of the name of the session that a person signs in to.
type signInSessionKey struct{}

func (signInSessionKey) ownKey() {}

// SignInSession returns the name of the session for which a function of a [UI] is
// called, from the context of the call, so that a program with one UI for several
// sessions can name it to the person. Empty: ctx is not that of a sign-in.
func SignInSession(ctx context.Context) string {
	name, _ := ctx.Value(signInSessionKey{}).(string)
	return name
}
