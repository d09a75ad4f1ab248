// Read on in serve.go.

package plugins

import (
	"context"
	"errors"
	"log/slog"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Authenticate implements [v1.ProviderServer].
func (s *server) Authenticate(stream v1.Provider_AuthenticateServer) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	begin := first.GetBegin()
	if begin == nil {
		return status.Error(codes.InvalidArgument, "the first message is not begin")
	}
	cred, err := s.obtain(stream, begin)
	if _, ok := err.(*refusal); ok {
		return err
	}
	out := &v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Credential{
		Credential: wire.FromCredential(cred),
	}}
	if err == nil {
		err = checkMessage(out, "the credential")
	}
	if err != nil {
		out.Message = &v1.AuthenticateResponse_Error{Error: wire.FromError(err)}
	}
	return stream.Send(out)
}

// obtain calls Authenticate or SignIn of an instance.
func (s *server) obtain(stream v1.Provider_AuthenticateServer,
	begin *v1.Begin) (cred core.Credential, err error) {
	req := wire.ToRequest(begin)
	ctx := core.WithProviderLogger(stream.Context(), slog.Default()) // stderr, which is the host's log
	if begin.GetSignIn() {
		ui := newPrompter(stream).ui(begin.GetPrompts())
		err = withAbility(s, begin.GetInstance(), "SignIn", func(p core.InteractiveProvider) (err error) {
			cred, err = p.SignIn(ctx, req, ui)
			return err
		})
		return cred, err
	}
	p, err := s.instance(begin.GetInstance())
	if err != nil {
		return cred, err
	}
	err = recoverPanic(func() (err error) {
		cred, err = p.Authenticate(ctx, req)
		return err
	})
	return cred, err
}

// Authorize implements [v1.ProviderServer].
func (s *server) Authorize(ctx context.Context,
	m *v1.AuthorizeRequest) (*v1.AuthorizeResponse, error) {
	out := &v1.AuthorizeResponse{}
	err := withAbility(s, m.GetInstance(), "Authorize", func(p core.Authorizer) error {
		a, err := p.Authorize(ctx, wire.ToCredential(m.GetCredential()), wire.ToOutgoing(m))
		out.Attachment = wire.FromAttachment(a)
		return err
	})
	if failed, err := splitError(err, out, "the attachment"); failed != nil || err != nil {
		return &v1.AuthorizeResponse{Error: failed}, err
	}
	return out, nil
}

// Sign implements [v1.ProviderServer].
func (s *server) Sign(ctx context.Context, m *v1.SignRequest) (*v1.SignResponse, error) {
	out := &v1.SignResponse{}
	err := withAbility(s, m.GetInstance(), "Sign", func(p core.TLSSigner) error {
		req, err := wire.ToSignRequest(m)
		if err != nil {
			return err
		}
		out.Signature, err = p.SignDigest(ctx, req)
		return err
	})
	if failed, err := splitError(err, out, "the signature"); failed != nil || err != nil {
		return &v1.SignResponse{Error: failed}, err
	}
	return out, nil
}

// Revoke implements [v1.ProviderServer].
func (s *server) Revoke(ctx context.Context, m *v1.RevokeRequest) (*v1.RevokeResponse, error) {
	out := &v1.RevokeResponse{}
	err := withAbility(s, m.GetInstance(), "Revoke", func(p core.Revoker) error {
		return p.Revoke(ctx, wire.ToCredential(m.GetCredential()))
	})
	failed, err := splitError(err, out, "the answer")
	return &v1.RevokeResponse{Error: failed}, err
}

// withAbility calls an optional method of an instance, whose interface is A. An
// instance that does not have it is a refusal.
func withAbility[A any](s *server, instance, method string, call func(A) error) error {
	p, err := s.instance(instance)
	if err != nil {
		return err
	}
	a, ok := p.(A)
	if !ok {
		return unsupported(method)
	}
	err = recoverPanic(func() error { return call(a) })
	if errors.Is(err, errors.ErrUnsupported) {
		return unsupported(method)
	}
	return err
}
