package registry

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
)

// provider stands for a provider that is opened when it is first needed. It
// has all the optional abilities and answers [errors.ErrUnsupported] for those
// that the opened provider lacks, which a session takes as absent.
type provider struct {
	factory  core.Factory
	env      core.Environment
	settings map[string]any
	opened   atomic.Pointer[core.Provider]
	turn     chan struct{} // holds one element while someone opens
	retired  atomic.Bool   // a successor has taken its place; its last use closes it

	mu     sync.Mutex  // guards all below
	before []*provider // whose credential the session may still serve
	uses   int         // calls into the opened provider, and those that open it
}

// closeLimit bounds the closing of a provider that nobody waits for.
const closeLimit = 10 * time.Second

// replace makes p the successor of another one, which is closed once the
// session has a credential of p: until then it serves the other's, and may ask
// the other to authorize and to sign.
func (p *provider) replace(old *provider) {
	p.before = append(old.take(), old)
}

// observe returns opts with an observer that closes p's predecessors when it
// is time.
func (p *provider) observe(opts core.Options) *core.Options {
	observe := opts.Observe
	opts.Observe = func(ev core.Event) {
		if ev.Kind == core.Authenticated || ev.Kind == core.Restored {
			if olds := p.take(); len(olds) > 0 {
				go func() {
					ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
					defer cancel()
					for _, old := range olds {
						old.retire(ctx)
					}
				}()
			}
		}
		if observe != nil {
			observe(ev)
		}
	}
	return &opts
}

func (p *provider) take() []*provider {
	p.mu.Lock()
	defer p.mu.Unlock()
	olds := p.before
	p.before = nil
	return olds
}

// close lets go of what the opened provider holds, and of its predecessors.
// Another use opens it again.
func (p *provider) close(ctx context.Context) {
	for _, old := range p.take() {
		old.retire(ctx)
	}
	closeOpened(ctx, p.opened.Swap(nil))
}

// retire closes a provider for which there is a successor, now or after the last
// of the calls that use it. A use that comes late, such as the revocation of a
// credential that nobody needed any more, opens it only for itself.
func (p *provider) retire(ctx context.Context) {
	p.retired.Store(true)
	for _, old := range p.take() {
		old.retire(ctx)
	}
	p.mu.Lock()
	opened := p.takeUnused()
	p.mu.Unlock()
	closeOpened(ctx, opened)
}

// takeUnused returns the opened provider if p is retired and nothing uses it;
// another use opens it again. p.mu is held.
func (p *provider) takeUnused() *core.Provider {
	if p.uses > 0 || !p.retired.Load() {
		return nil
	}
	return p.opened.Swap(nil)
}

func closeOpened(ctx context.Context, opened *core.Provider) {
	if opened == nil {
		return
	}
	if c, ok := (*opened).(core.Closer); ok {
		_ = c.Close(ctx)
	}
}

// use begins a use of the provider, before it is opened, and returns what ends
// it. The end does not wait for the closing of a retired provider.
func (p *provider) use() (end func()) {
	p.mu.Lock()
	p.uses++
	p.mu.Unlock()
	return p.used
}

func (p *provider) used() {
	p.mu.Lock()
	p.uses--
	opened := p.takeUnused()
	p.mu.Unlock()
	if opened == nil {
		return
	}
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		closeOpened(ctx, opened)
	}()
}

// open returns the provider. Of several callers one opens it, and the others
// wait, each until its own ctx ends. A failure is not remembered: the session
// spaces its attempts.
func (p *provider) open(ctx context.Context) (core.Provider, error) {
	if opened := p.opened.Load(); opened != nil {
		return *opened, nil
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return nil, core.Errorf(core.Unavailable, "waiting for the provider to open: %w", context.Cause(ctx))
	}
	if opened := p.opened.Load(); opened != nil {
		return *opened, nil
	}
	opened, err := p.factory.Open(ctx, p.env, p.settings)
	if err != nil {
		return nil, err
	}
	if opened == nil {
		return nil, core.Errorf(core.BadConfig, "the factory of kind %q made no provider", p.factory.Info().Kind)
	}
	p.opened.Store(&opened)
	return opened, nil
}

// facade reports whether the kind has a facade, as far as that is known: what a
// plugin serves is described once the plugin was started.
func (p *provider) facade() bool { return p.factory.Info().Facade }

// ability opens the provider and looks for one of its optional interfaces.
func ability[A any](ctx context.Context, p *provider) (a A, err error) {
	opened, err := p.open(ctx)
	if err != nil {
		return a, err
	}
	a, ok := opened.(A)
	if !ok {
		return a, fmt.Errorf("kind %q: %w", p.factory.Info().Kind, errors.ErrUnsupported)
	}
	return a, nil
}

// Authenticate implements [core.Provider].
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	defer p.use()()
	opened, err := p.open(ctx)
	if err != nil {
		return core.Credential{}, err
	}
	return opened.Authenticate(ctx, req)
}

// Authorize implements [core.Authorizer].
func (p *provider) Authorize(ctx context.Context, c core.Credential, out core.Outgoing) (core.Attachment, error) {
	defer p.use()()
	a, err := ability[core.Authorizer](ctx, p)
	if err != nil {
		return core.Attachment{}, err
	}
	return a.Authorize(ctx, c, out)
}

// Sign implements [core.Signer].
func (p *provider) Sign(ctx context.Context, req core.SignRequest) ([]byte, error) {
	defer p.use()()
	s, err := ability[core.Signer](ctx, p)
	if err != nil {
		return nil, err
	}
	return s.Sign(ctx, req)
}

// Revoke implements [core.Revoker]. It opens the provider if need be: the
// credential may come from a store.
func (p *provider) Revoke(ctx context.Context, c core.Credential) error {
	defer p.use()()
	r, err := ability[core.Revoker](ctx, p)
	if err != nil {
		return err
	}
	return r.Revoke(ctx, c)
}

// SignIn implements [core.SignIn].
func (p *provider) SignIn(ctx context.Context, req core.Request, ui core.UI) (core.Credential, error) {
	defer p.use()()
	s, err := ability[core.SignIn](ctx, p)
	if err != nil {
		return core.Credential{}, err
	}
	return s.SignIn(ctx, req, ui)
}
