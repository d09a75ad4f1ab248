// Read on in authenticate.go.

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

// requireAbility opens the provider and reports whether it lacks an ability,
// whose method has the given name.
func (r *remote) requireAbility(ctx context.Context, ability v1.Ability, method string) error {
	var abilities []v1.Ability
	isOpen := false
	if in := r.instance.Load(); in != nil {
		abilities, isOpen = in.abilities.Loaded()
	}
	if !isOpen {
		in, err := r.acquire(ctx, true)
		if err != nil {
			return err
		}
		in.process.Release()
		if abilities, isOpen = in.abilities.Loaded(); !isOpen {
			return core.Errorf(core.CodeUnavailable, "plugin %q was closed meanwhile", r.plugin)
		}
	}
	if !slices.Contains(abilities, ability) {
		return r.unsupported(method)
	}
	return nil
}

func (r *remote) unsupported(method string) error {
	return fmt.Errorf("plugin %q: kind %q: %s: %w", r.plugin, r.kind, method, errors.ErrUnsupported)
}

// optionalError returns the error of a call of an optional method: err is that
// of the call itself, m that of the answer.
func (r *remote) optionalError(ctx context.Context, method string, err error, m *v1.Error) error {
	switch {
	case err != nil && status.Code(err) == codes.Unimplemented:
		return r.unsupported(method)
	case err != nil:
		return err
	case m != nil:
		return &answerError{r.toError(ctx, m)}
	}
	return nil
}

// Authorize implements [core.Authorizer].
func (r *remote) Authorize(ctx context.Context, c core.Credential,
	out core.Outgoing) (a core.Attachment, err error) {
	if err := r.requireAbility(ctx, v1.Ability_ABILITY_AUTHORIZE, "Authorize"); err != nil {
		return a, err
	}
	req := wire.FromOutgoing(r.open.Instance, c, out)
	if err := r.checkRequest(req, "the request's description"); err != nil {
		return a, err
	}
	err = r.call(ctx, true, func(in *instance) error {
		m, err := in.client.Authorize(ctx, req)
		if err = r.optionalError(ctx, "Authorize", err, m.GetError()); err != nil {
			return err
		}
		if r.secrets.isIn(func() string { return shownNames(m.GetAttachment()) }) {
			return r.badAnswer("its names for a request contain a secret of its settings: tell its author")
		}
		a = wire.ToAttachment(m.GetAttachment())
		return nil
	})
	return a, err
}

// Sign implements [core.TLSSigner].
func (r *remote) SignDigest(
	ctx context.Context, req core.SignatureRequest,
) (signature []byte, err error) {
	if err := r.requireAbility(ctx, v1.Ability_ABILITY_SIGN, "Sign"); err != nil {
		return nil, err
	}
	out := wire.FromSignRequest(r.open.Instance, req)
	if err := r.checkRequest(out, "the credential"); err != nil {
		return nil, err
	}
	err = r.call(ctx, true, func(in *instance) error {
		m, err := in.client.Sign(ctx, out)
		if err = r.optionalError(ctx, "Sign", err, m.GetError()); err != nil {
			return err
		}
		if signature = m.GetSignature(); len(signature) == 0 || len(signature) > maxSignature {
			return r.badAnswer("it answered with no signature")
		}
		return nil
	})
	return signature, err
}

// Revoke implements [core.Revoker]. It is not repeated: whether the call had an
// effect before it failed is unknown.
func (r *remote) Revoke(ctx context.Context, c core.Credential) error {
	if err := r.requireAbility(ctx, v1.Ability_ABILITY_REVOKE, "Revoke"); err != nil {
		return err
	}
	req := &v1.RevokeRequest{Instance: r.open.Instance, Credential: wire.FromCredential(c)}
	if err := r.checkRequest(req, "the credential"); err != nil {
		return err
	}
	return r.call(ctx, false, func(in *instance) error {
		m, err := in.client.Revoke(ctx, req)
		return r.optionalError(ctx, "Revoke", err, m.GetError())
	})
}
