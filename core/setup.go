// Read on in providerlogger.go.

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
// provider, the options, and what is derived from them. It is never written to,
// so that an attempt and a credential keep the setup that they began with, while
// the session already has another one.
type setup struct {
	name       string // of the session
	provider   Provider
	authorizer Authorizer // the provider, if it is one
	opts       *Options
	origins    []origin // parsed from opts.Origins
}

// inputSession is another session whose credential a provider needs.
type inputSession interface {
	// supplyInput returns a credential. It initialises the session if necessary.
	supplyInput(ctx context.Context) (Credential, error)
	// rejectInput reports that a server refused a credential which supplyInput
	// returned. ctx is as for supplyInput. It does not wait.
	rejectInput(ctx context.Context, c Credential)
	// mayAskPerson reports whether supplyInput may wait for a person's sign-in.
	mayAskPerson() bool
}

// defaultOptions are the options of sessions that were given none. They are never
// written to.
var defaultOptions Options

// unmadeSetup returns the setup of a Session that New did not make: it has an error
// instead of a nil pointer. A variable would link all of Session into programs that
// have none, such as plugins.
func unmadeSetup() *setup {
	return newSetup("", ProviderFunc(func(context.Context, Request) (Credential, error) {
		return Credential{}, Errorf(CodeBadConfig, "the session was not made by core.New")
	}), nil)
}

// newSetup copies the options, so that the caller may change its own afterwards.
// A constructor that returns an error would have to be called where a program can
// handle it. New does not: if something is wrong with the options, every attempt
// to authenticate returns that as its error.
func newSetup(name string, p Provider, opts *Options) *setup {
	cfg := &setup{name: name, provider: p, opts: &defaultOptions}
	cfg.authorizer, _ = p.(Authorizer)
	if opts != nil {
		copied := *opts
		copied.Origins = slices.Clone(opts.Origins)
		copied.RefusedStatus = slices.Clone(opts.RefusedStatus)
		copied.Inputs = maps.Clone(opts.Inputs)
		if copied.AuthTransport != nil {
			copied.AuthTransport = wrapOnce(copied.AuthTransport)
		}
		cfg.opts = &copied
	}
	err := CheckName(name)
	if err == nil {
		err = cfg.opts.Check()
	}
	if err == nil && p == nil {
		err = Errorf(CodeBadConfig, "the session has no provider")
	}
	if err != nil {
		// Nothing of a wrong setup is used, and one of its inputs may be nil.
		if cfg.authorizer = nil; cfg.opts != &defaultOptions {
			cfg.opts.Inputs = nil
			cfg.opts.Kind = printable(cfg.opts.Kind)
			cfg.opts.Environment = Environment(printable(string(cfg.opts.Environment)))
		}
		cfg.name = printable(name)
		cfg.provider = ProviderFunc(func(context.Context, Request) (Credential, error) {
			return Credential{}, err
		})
		return cfg
	}
	// Check has parsed them, so that there is no error.
	cfg.origins, _ = parseOrigins(cfg.opts.Origins)
	return cfg
}

// inputSessions returns the sessions of Options.Inputs by role.
func (cfg *setup) inputSessions() map[string]inputSession {
	out := make(map[string]inputSession, len(cfg.opts.Inputs))
	for role, s := range cfg.opts.Inputs {
		out[role] = s
	}
	return out
}

// annotate adds the session, the kind and the operation to an error.
func (cfg *setup) annotate(err error, op string) error {
	return annotateError(err, cfg.name, cfg.opts.Kind, op)
}

// warn logs an error that no caller receives.
func (cfg *setup) warn(message string, err error) {
	cfg.logWarning(message,
		slog.String("code", codeText(CodeOf(err))), slog.String("error", err.Error()))
}

// logWarning writes a log record about the session. The logger is code of the
// program: a panic in it is dropped.
func (cfg *setup) logWarning(message string, attrs ...slog.Attr) {
	if cfg.opts.Logger == nil {
		return
	}
	attrs = append([]slog.Attr{
		slog.String("session", cfg.name), slog.String("provider", cfg.opts.Kind),
	}, attrs...)
	recoverPanic(func() {
		cfg.opts.Logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
	})
}

// recoverPanic runs fn and recovers from its panic.
func recoverPanic(fn func()) {
	defer func() { _ = recover() }()
	fn()
}

// grace is how long a call may take to return after its context has ended. Within
// that time its own error is better than one that says that it is late.
const grace = 100 * time.Millisecond

// parentGrace is the same after the end of the caller's own context. The caller
// has left and does not read the error; the time only lets a call return that is
// about to.
const parentGrace = 10 * time.Millisecond

// callWithin runs fn with a time limit, on a goroutine of its own, because fn is
// code of a program that may ignore its context, panic, or end its goroutine. It
// returns when fn does, and otherwise grace after the limit or parentGrace after
// the end of parent. fn then continues alone, so that it must not write to what
// the caller reads.
func callWithin(parent context.Context, limit time.Duration, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		// This stays the error if fn calls runtime.Goexit.
		err := error(Errorf(CodeUnavailable, "the call ended its goroutine"))
		defer func() {
			if r := recover(); r != nil {
				err = Errorf(CodeUnavailable, "the call panicked (%T)", r)
			}
			done <- err
		}()
		err = fn(ctx)
	}()
	timeoutError := func() error {
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
		return timeoutError()
	case <-parent.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(parentGrace):
		return timeoutError()
	}
}

// randomBelow returns a random duration below d, which is more than zero.
func randomBelow(d time.Duration) time.Duration { return rand.N(d) }
