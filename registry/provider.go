// Read on in abilities.go.

package registry

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/lazy"
)

// provider is the proxy of a provider that is opened when it is first needed.
// It has all the optional abilities, because the settings decide which of them
// the opened provider has: oauth2 authorizes requests only with DPoP. For those
// that it lacks, the proxy returns [errors.ErrUnsupported], which a session
// treats as an absent ability.
//
// The opened provider is closed when its session is, or after a reload replaced
// it. A replaced provider is still needed for as long as the session serves its
// credential, so that its successor holds it: the successor's first credential
// retires it, and the last call that uses it closes it.
type provider struct {
	factory  core.Factory
	opened   *lazy.Value[core.Provider]
	replaced atomic.Bool // the last use closes the provider

	mu sync.Mutex // guards all below
	// predecessors are the providers whose credential the session may still
	// serve.
	predecessors []*provider
	uses         int // calls that use the opened provider or open it
}

// closeLimit bounds the closing of a provider that no caller waits for.
const closeLimit = 10 * time.Second

func newProvider(f core.Factory, env core.Environment, settings map[string]any) *provider {
	open := func(ctx context.Context) (core.Provider, error) {
		opened, err := f.Open(ctx, env, settings)
		if err != nil {
			return nil, openError{err}
		}
		if opened == nil {
			return nil, openError{core.Errorf(core.CodeBadConfig,
				"the factory of kind %q made no provider", f.Info().Kind)}
		}
		return opened, nil
	}
	return &provider{factory: f, opened: lazy.New(open)}
}

// openError marks the error of a factory, so that it is not taken for the end
// of a caller's context.
type openError struct{ err error }

// Error implements error.
func (e openError) Error() string { return e.err.Error() }

// open returns the opened provider. Of several callers one opens it, and the
// others wait, each until its own ctx ends. A failure is not remembered: the
// session spaces its attempts.
func (p *provider) open(ctx context.Context) (core.Provider, error) {
	opened, err := p.opened.Get(ctx)
	if err == nil {
		return opened, nil
	}
	if failed, ok := err.(openError); ok {
		return nil, failed.err
	}
	return nil, core.Errorf(core.CodeUnavailable, "waiting for the provider to open: %w", err)
}

// use begins a use of the provider, before it is opened, and returns the
// function that ends it. That does not wait for the closing of a replaced
// provider.
func (p *provider) use() (end func()) {
	p.mu.Lock()
	p.uses++
	p.mu.Unlock()
	return p.endUse
}

func (p *provider) endUse() {
	p.mu.Lock()
	p.uses--
	opened, ok := p.takeUnused()
	p.mu.Unlock()
	if !ok {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		closeOpened(ctx, opened)
	}()
}

// takeUnused takes the opened provider if p is replaced and no call uses it.
// Another use opens it again. The caller holds p.mu.
func (p *provider) takeUnused() (core.Provider, bool) {
	if p.uses > 0 || !p.replaced.Load() {
		return nil, false
	}
	return p.opened.Take()
}

// succeed makes p the successor of old, which is retired once the session has a
// credential of p. Until then the session serves old's credential, and may call
// old to authorize and to sign.
func (p *provider) succeed(old *provider) {
	p.predecessors = append(old.takePredecessors(), old)
}

func (p *provider) takePredecessors() []*provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	taken := p.predecessors
	p.predecessors = nil
	return taken
}

// observing returns opts with an observer that retires p's predecessors at the
// first credential of p.
func (p *provider) observing(opts core.Options) *core.Options {
	observe := opts.Observe
	opts.Observe = func(ev core.Event) {
		if ev.Type == core.EventAuthenticated || ev.Type == core.EventRestored {
			if olds := p.takePredecessors(); len(olds) > 0 {
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
					defer cancel()
					retireAll(ctx, olds)
				}()
			}
		}
		if observe != nil {
			observe(ev)
		}
	}
	return &opts
}

// retire closes a provider that has a successor, at once or after the last of
// the calls that use it. A later use, such as the revocation of a credential
// that no session needs any more, opens it for itself alone.
func (p *provider) retire(ctx context.Context) {
	p.replaced.Store(true)
	retireAll(ctx, p.takePredecessors())
	p.mu.Lock()
	opened, ok := p.takeUnused()
	p.mu.Unlock()
	if ok {
		closeOpened(ctx, opened)
	}
}

func retireAll(ctx context.Context, providers []*provider) {
	for _, p := range providers {
		p.retire(ctx)
	}
}

// close closes the opened provider and retires its predecessors. Another use
// opens it again.
func (p *provider) close(ctx context.Context) {
	retireAll(ctx, p.takePredecessors())
	if opened, ok := p.opened.Take(); ok {
		closeOpened(ctx, opened)
	}
}

func closeOpened(ctx context.Context, opened core.Provider) {
	if c, ok := opened.(core.Closer); ok {
		_ = c.Close(ctx)
	}
}
