package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// able opens the instance and reports whether it has an ability.
func (r *remote) able(ctx context.Context, a v1.Ability, name string) error {
	o := r.opened.Load()
	if o == nil {
		p, err := r.bound(ctx, true)
		if err != nil {
			return err
		}
		p.release()
		if o = r.opened.Load(); o == nil {
			return core.Errorf(core.Unavailable, "plugin %q was closed meanwhile", r.plugin)
		}
	}
	if !slices.Contains(o.abilities, a) {
		return r.lacks(name)
	}
	return nil
}

func (r *remote) lacks(name string) error {
	return fmt.Errorf("plugin %q: kind %q: %s: %w", r.plugin, r.kind, name, errors.ErrUnsupported)
}

// optional sorts the outcome of an optional call.
func (r *remote) optional(ctx context.Context, name string, err error, m *v1.Error) error {
	switch {
	case err != nil && status.Code(err) == codes.Unimplemented:
		return r.lacks(name)
	case err != nil:
		return err
	case m != nil:
		return &meant{r.meant(ctx, m)}
	}
	return nil
}

const (
	maxLearn  = 16  // headers that Authorize wants to see
	maxLearnt = 256 // bytes of such a name
)

// Authorize implements [core.Authorizer].
func (r *remote) Authorize(ctx context.Context, c core.Credential, out core.Outgoing) (a core.Attachment, err error) {
	if err := r.able(ctx, v1.Ability_ABILITY_AUTHORIZE, "Authorize"); err != nil {
		return a, err
	}
	req := wire.FromOutgoing(r.open.Instance, c, out)
	if err := r.sendable(req, "the request's description"); err != nil {
		return a, err
	}
	err = r.call(ctx, true, func(p *process) error {
		m, err := p.client.Authorize(ctx, req)
		if err = r.optional(ctx, "Authorize", err, m.GetError()); err != nil {
			return err
		}
		if learn := m.GetAttachment().GetLearn(); len(learn) > maxLearn || slices.ContainsFunc(learn, func(name string) bool { return !shown(name, maxLearnt) }) {
			return r.bad("it wants to learn more than it can use: tell its author")
		}
		a = wire.ToAttachment(m.GetAttachment())
		return nil
	})
	return a, err
}

// Sign implements [core.Signer].
func (r *remote) Sign(ctx context.Context, req core.SignRequest) (signature []byte, err error) {
	if err := r.able(ctx, v1.Ability_ABILITY_SIGN, "Sign"); err != nil {
		return nil, err
	}
	out := wire.FromSignRequest(r.open.Instance, req)
	if err := r.sendable(out, "the credential"); err != nil {
		return nil, err
	}
	err = r.call(ctx, true, func(p *process) error {
		m, err := p.client.Sign(ctx, out)
		if err = r.optional(ctx, "Sign", err, m.GetError()); err == nil {
			if signature = m.GetSignature(); len(signature) == 0 || len(signature) > maxSignature {
				return r.bad("it answered with no signature")
			}
		}
		return err
	})
	return signature, err
}

// maxSignature is more than any signature has.
const maxSignature = 64 << 10

// Revoke implements [core.Revoker]. It is not repeated: nobody knows how far
// it came.
func (r *remote) Revoke(ctx context.Context, c core.Credential) error {
	if err := r.able(ctx, v1.Ability_ABILITY_REVOKE, "Revoke"); err != nil {
		return err
	}
	req := &v1.RevokeRequest{Instance: r.open.Instance, Credential: wire.FromCredential(c)}
	if err := r.sendable(req, "the credential"); err != nil {
		return err
	}
	return r.call(ctx, false, func(p *process) error {
		m, err := p.client.Revoke(ctx, req)
		return r.optional(ctx, "Revoke", err, m.GetError())
	})
}
