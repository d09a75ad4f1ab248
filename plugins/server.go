package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// closer is what a provider may have to let go of what it holds.
type closer interface{ Close(context.Context) error }

// server is the plugin's side of the protocol.
type server struct {
	v1.UnimplementedProviderServer
	factories map[string]core.Factory
	describe  *v1.DescribeResponse

	mu        sync.Mutex // guards instances
	instances map[string]core.Provider
}

func newServer(factories []core.Factory) (*server, error) {
	s := &server{
		factories: make(map[string]core.Factory, len(factories)),
		describe:  &v1.DescribeResponse{},
		instances: map[string]core.Provider{},
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		s.describe.Version = info.Main.Version
	}
	for i, f := range factories {
		info := f.Info()
		if _, twice := s.factories[info.Kind]; twice || info.Kind == "" {
			return nil, fmt.Errorf("plugins.Serve: factory %d has no kind, or that of another: %q", i, info.Kind)
		}
		s.factories[info.Kind] = f
		s.describe.Kinds = append(s.describe.Kinds, wire.FromInfo(info, f.Settings()))
	}
	if len(factories) == 0 {
		return nil, errors.New("plugins.Serve: no factories")
	}
	return s, nil
}

// Describe implements [v1.ProviderServer].
func (s *server) Describe(context.Context, *v1.DescribeRequest) (*v1.DescribeResponse, error) {
	return s.describe, nil
}

// Open implements [v1.ProviderServer].
func (s *server) Open(ctx context.Context, m *v1.OpenRequest) (*v1.OpenResponse, error) {
	var p core.Provider
	err := guard(func() (err error) {
		p, err = s.open(ctx, m)
		return err
	})
	if err == nil && p == nil {
		err = core.Errorf(core.BadConfig, "the factory of kind %q made no provider", m.GetKind())
	}
	if err != nil {
		return &v1.OpenResponse{Error: wire.FromError(err)}, nil
	}
	s.mu.Lock()
	old := s.instances[m.GetInstance()]
	s.instances[m.GetInstance()] = p
	s.mu.Unlock()
	closeProvider(ctx, old)
	return &v1.OpenResponse{Abilities: abilities(p)}, nil
}

func (s *server) open(ctx context.Context, m *v1.OpenRequest) (core.Provider, error) {
	f, ok := s.factories[m.GetKind()]
	if !ok {
		return nil, core.Errorf(core.BadConfig, "the plugin serves no kind %q", m.GetKind())
	}
	settings, err := wire.ToSettings(m.GetSettings())
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, core.Environment(m.GetEnvironment()), settings)
}

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
	p, err := s.instance(begin.GetInstance())
	if err != nil {
		return err
	}
	call := p.Authenticate
	if begin.GetSignIn() {
		in, ok := p.(core.SignIn)
		if !ok {
			return unsupported("SignIn")
		}
		ui := newPrompter(stream).ui(begin.GetPrompts())
		call = func(ctx context.Context, req core.Request) (core.Credential, error) { return in.SignIn(ctx, req, ui) }
	}
	var cred core.Credential
	err = guard(func() (err error) {
		cred, err = call(stream.Context(), wire.ToRequest(begin))
		return err
	})
	if begin.GetSignIn() && errors.Is(err, errors.ErrUnsupported) {
		return unsupported("SignIn")
	}
	out := &v1.AuthenticateResponse{Message: &v1.AuthenticateResponse_Credential{Credential: wire.FromCredential(cred)}}
	if err == nil {
		err = sendable(out, "the credential")
	}
	if err != nil {
		out.Message = &v1.AuthenticateResponse_Error{Error: wire.FromError(err)}
	}
	return stream.Send(out)
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

// Close implements [v1.ProviderServer].
func (s *server) Close(ctx context.Context, m *v1.CloseRequest) (*v1.CloseResponse, error) {
	s.mu.Lock()
	p := s.instances[m.GetInstance()]
	delete(s.instances, m.GetInstance())
	s.mu.Unlock()
	closeProvider(ctx, p)
	return &v1.CloseResponse{}, nil
}

func (s *server) instance(id string) (core.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.instances[id]
	if !ok {
		return nil, &refusal{codes.NotFound, "no such instance"}
	}
	return p, nil
}

// closeAll closes what is open, within a limit.
func (s *server) closeAll(limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s.mu.Lock()
	open := s.instances
	s.instances = map[string]core.Provider{}
	s.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for _, p := range open {
			closeProvider(ctx, p)
		}
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

func closeProvider(ctx context.Context, p core.Provider) {
	if c, ok := p.(closer); ok {
		_ = guard(func() error { return c.Close(ctx) })
	}
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

// sendable reports what would not arrive.
func sendable(m proto.Message, what string) error {
	b, err := proto.Marshal(m)
	switch {
	case err != nil:
		return core.Errorf(core.Unavailable, "%s is not UTF-8 text", what)
	case len(b) > maxMessage:
		return core.Errorf(core.Unavailable, "%s is larger than %d MiB", what, maxMessage>>20)
	}
	return nil
}

// guard turns a panic into an error and says where it happened on standard
// error. What was thrown may be secret.
func guard(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			stack := strings.SplitN(string(debug.Stack()), "\n", 40)
			fmt.Fprintf(os.Stderr, "[ERROR] the provider panicked (%T) %s\n", r, strings.Join(stack[:len(stack)-1], " | "))
			err = core.Errorf(core.Unavailable, "the provider panicked (%T)", r)
		}
	}()
	return call()
}
