// Read on in remotekey.go.

package core

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// setup is the part of a session that Reconfigure replaces as a whole: the
// provider, the options, and what is derived from them. It is never written to.
type setup struct {
	name       string // of the session
	provider   Provider
	authorizer Authorizer // the provider, if it is one
	opts       *Options
	origins    []origin // parsed from opts.Origins
}

// supplier is another session whose credential a provider needs.
type supplier interface {
	// supply returns a credential. It initialises the session if necessary.
	supply(ctx context.Context) (Credential, error)
	// reject tells that a server refused a credential which supply returned. ctx
	// is as for supply. It does not wait.
	reject(ctx context.Context, c Credential)
	// asksPerson reports whether supply may wait for a person's sign-in.
	asksPerson() bool
}

// defaults are the options of sessions that were given none. They are never
// written to.
var defaults Options

// notMade is the setup of a Session that New did not make.
var notMade = newSetup("", ProviderFunc(func(context.Context, Request) (Credential, error) {
	return Credential{}, Errorf(CodeBadConfig, "the session was not made by core.New")
}), nil)

// newSetup copies the options. If something is wrong with them, every attempt
// to authenticate returns that as its error.
func newSetup(name string, p Provider, opts *Options) *setup {
	u := &setup{name: name, provider: p, opts: &defaults}
	u.authorizer, _ = p.(Authorizer)
	if opts != nil {
		own := *opts
		own.Origins = slices.Clone(opts.Origins)
		own.RefusedStatus = slices.Clone(opts.RefusedStatus)
		own.Inputs = maps.Clone(opts.Inputs)
		if own.AuthTransport != nil {
			own.AuthTransport = wrapOnce(own.AuthTransport)
		}
		u.opts = &own
	}
	err := u.opts.Check()
	if err == nil && p == nil {
		err = Errorf(CodeBadConfig, "the session has no provider")
	}
	if err != nil {
		if u.authorizer = nil; u.opts != &defaults {
			u.opts.Inputs = nil // one of them may be nil
		}
		u.provider = ProviderFunc(func(context.Context, Request) (Credential, error) {
			return Credential{}, err
		})
		return u
	}
	u.origins, _ = parseOrigins(u.opts.Origins) // Check has parsed them once
	return u
}

// suppliers returns the sessions of Options.Inputs by role.
func (u *setup) suppliers() map[string]supplier {
	out := make(map[string]supplier, len(u.opts.Inputs))
	for role, s := range u.opts.Inputs {
		out[role] = s
	}
	return out
}

// annotate adds the session, the kind and the operation to an error.
func (u *setup) annotate(err error, op string) error {
	return boundary(err, u.name, u.opts.Kind, op)
}

// warn logs an error that no caller receives.
func (u *setup) warn(message string, err error) {
	u.logWarning(message, slog.String("code", codeText(CodeOf(err))), slog.String("error", err.Error()))
}

// logWarning writes a log record about the session. A panic of the logger is dropped.
func (u *setup) logWarning(message string, attrs ...slog.Attr) {
	if u.opts.Logger == nil {
		return
	}
	attrs = append([]slog.Attr{
		slog.String("session", u.name), slog.String("provider", u.opts.Kind),
	}, attrs...)
	guarded(func() {
		u.opts.Logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
	})
}

// guarded runs fn and survives its panic.
func guarded(fn func()) {
	defer func() { _ = recover() }()
	fn()
}

// grace is how long a call may take to return after its context has ended,
// before its callers are answered without it.
const grace = 100 * time.Millisecond

// brief is how long within waits for fn after the end of its caller's context.
const brief = 10 * time.Millisecond

// within runs fn with a time limit. It returns when fn does, and at the latest
// grace after the limit, or brief after the end of parent: then nobody waits.
func within(parent context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		err := error(Errorf(CodeUnavailable, "the call ended its goroutine"))
		defer func() {
			if r := recover(); r != nil {
				err = Errorf(CodeUnavailable, "the call panicked (%T)", r)
			}
			done <- err
		}()
		err = fn(ctx)
	}()
	late := func() error {
		return Errorf(CodeUnavailable, "the call did not return in time: %w", context.Cause(ctx))
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(grace):
		return late()
	case <-parent.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(brief):
		return late()
	}
}

// randomBelow returns a random duration below d, which is more than zero.
func randomBelow(d time.Duration) time.Duration { return rand.N(d) }
