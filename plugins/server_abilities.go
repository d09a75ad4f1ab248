package plugins

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

func abilities(p core.Provider) (list []v1.Ability) {
	if _, ok := p.(core.Authorizer); ok {
		list = append(list, v1.Ability_ABILITY_AUTHORIZE)
	}
	if _, ok := p.(core.Signer); ok {
		list = append(list, v1.Ability_ABILITY_SIGN)
	}
	if _, ok := p.(core.Revoker); ok {
		list = append(list, v1.Ability_ABILITY_REVOKE)
	}
	if _, ok := p.(core.SignIn); ok {
		list = append(list, v1.Ability_ABILITY_SIGN_IN)
	}
	return list
}

// Authorize implements [v1.ProviderServer].
func (s *server) Authorize(ctx context.Context, m *v1.AuthorizeRequest) (*v1.AuthorizeResponse, error) {
	out := &v1.AuthorizeResponse{}
	err := able(s, m.GetInstance(), "Authorize", func(p core.Authorizer) error {
		a, err := p.Authorize(ctx, wire.ToCredential(m.GetCredential()), wire.ToOutgoing(m))
		out.Attachment = wire.FromAttachment(a)
		return err
	})
	if failed, err := answer(err, out, "the attachment"); failed != nil || err != nil {
		return &v1.AuthorizeResponse{Error: failed}, err
	}
	return out, nil
}

// Sign implements [v1.ProviderServer].
func (s *server) Sign(ctx context.Context, m *v1.SignRequest) (*v1.SignResponse, error) {
	out := &v1.SignResponse{}
	err := able(s, m.GetInstance(), "Sign", func(p core.Signer) error {
		req, err := wire.ToSignRequest(m)
		if err != nil {
			return err
		}
		out.Signature, err = p.Sign(ctx, req)
		return err
	})
	if failed, err := answer(err, out, "the signature"); failed != nil || err != nil {
		return &v1.SignResponse{Error: failed}, err
	}
	return out, nil
}

// Revoke implements [v1.ProviderServer].
func (s *server) Revoke(ctx context.Context, m *v1.RevokeRequest) (*v1.RevokeResponse, error) {
	out := &v1.RevokeResponse{}
	err := able(s, m.GetInstance(), "Revoke", func(p core.Revoker) error {
		return p.Revoke(ctx, wire.ToCredential(m.GetCredential()))
	})
	failed, err := answer(err, out, "the answer")
	return &v1.RevokeResponse{Error: failed}, err
}

// able calls an optional ability of an instance.
func able[A any](s *server, id, name string, call func(A) error) error {
	p, err := s.instance(id)
	if err != nil {
		return err
	}
	a, ok := p.(A)
	if !ok {
		return unsupported(name)
	}
	err = guard(func() error { return call(a) })
	if errors.Is(err, errors.ErrUnsupported) {
		return unsupported(name)
	}
	return err
}

// refusal is an answer without a meaning for sessions: a bare status. It is a
// type of its own, as providers too may return errors of gRPC.
type refusal struct {
	code codes.Code
	text string
}

func (r *refusal) Error() string { return r.text }

// GRPCStatus is what the server of gRPC asks for.
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.text) }

func unsupported(name string) error { return &refusal{codes.Unimplemented, name + " is not supported"} }

// answer sorts an error into what travels in the answer and what is a status.
func answer(err error, out proto.Message, what string) (*v1.Error, error) {
	if _, ok := err.(*refusal); ok {
		return nil, err
	}
	if err == nil {
		err = sendable(out, what)
	}
	return wire.FromError(err), nil
}
