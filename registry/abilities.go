// Read on in kinds.go.

package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/authsession/authsession/core"
)

// facade reports whether the kind has a facade, as far as that is known: a
// plugin describes its kinds once it was started.
func (p *provider) facade() bool { return p.factory.Info().Facade }

// ability opens the provider and returns one of its optional interfaces.
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
func (p *provider) Authorize(
	ctx context.Context, c core.Credential, out core.Outgoing,
) (core.Attachment, error) {
	defer p.use()()
	a, err := ability[core.Authorizer](ctx, p)
	if err != nil {
		return core.Attachment{}, err
	}
	return a.Authorize(ctx, c, out)
}

// Sign implements [core.TLSSigner].
func (p *provider) SignDigest(ctx context.Context, req core.SignatureRequest) ([]byte, error) {
	defer p.use()()
	s, err := ability[core.TLSSigner](ctx, p)
	if err != nil {
		return nil, err
	}
	return s.SignDigest(ctx, req)
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

// SignIn implements [core.InteractiveProvider].
func (p *provider) SignIn(
	ctx context.Context, req core.Request, ui core.UI,
) (core.Credential, error) {
	defer p.use()()
	s, err := ability[core.InteractiveProvider](ctx, p)
	if err != nil {
		return core.Credential{}, err
	}
	return s.SignIn(ctx, req, ui)
}
