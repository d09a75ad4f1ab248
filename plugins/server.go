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
