// Read on in server_abilities.go.

package plugins

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// server is the plugin's side of the protocol.
type server struct {
	v1.UnimplementedProviderServer
	factories map[string]core.Factory // by kind
	// description is made once, which takes a part of a plugin's start.
	description func() *v1.DescribeResponse

	mu        sync.Mutex               // guards instances
	instances map[string]core.Provider // by the host's names for them
}

// newServer returns a server of factories of different kinds.
func newServer(factories []core.Factory) (*server, error) {
	if len(factories) == 0 {
		return nil, errors.New("plugins.Serve: no factories")
	}
	s := &server{
		factories:   make(map[string]core.Factory, len(factories)),
		description: sync.OnceValue(func() *v1.DescribeResponse { return describe(factories) }),
		instances:   map[string]core.Provider{},
	}
	for i, f := range factories {
		kind := f.Info().Kind
		if _, twice := s.factories[kind]; twice || kind == "" {
			return nil, fmt.Errorf("plugins.Serve: factory %d has no kind, or that of another: %q", i, kind)
		}
		s.factories[kind] = f
	}
	return s, nil
}

// describe returns what a plugin with these factories says about itself.
func describe(factories []core.Factory) *v1.DescribeResponse {
	d := &v1.DescribeResponse{}
	if info, ok := debug.ReadBuildInfo(); ok {
		d.Version = info.Main.Version
	}
	for _, f := range factories {
		d.Kinds = append(d.Kinds, wire.FromInfo(f.Info(), f.Settings()))
	}
	return d
}

// prepare does what the first calls would otherwise wait for.
func (s *server) prepare() {
	s.description()
	prepareMessages()
}

// Describe implements [v1.ProviderServer].
func (s *server) Describe(context.Context, *v1.DescribeRequest) (*v1.DescribeResponse, error) {
	return s.description(), nil
}

// Open implements [v1.ProviderServer].
func (s *server) Open(ctx context.Context, m *v1.OpenRequest) (*v1.OpenResponse, error) {
	var p core.Provider
	err := recoverPanic(func() (err error) {
		p, err = s.open(ctx, m)
		return err
	})
	if err == nil && p == nil {
		err = core.Errorf(core.CodeBadConfig, "the factory of kind %q made no provider", m.GetKind())
	}
	if err != nil {
		return &v1.OpenResponse{Error: wire.FromError(err)}, nil
	}
	s.mu.Lock()
	old := s.instances[m.GetInstance()] // the host opens again what it believes to be lost
	s.instances[m.GetInstance()] = p
	s.mu.Unlock()
	closeProvider(ctx, old)
	return &v1.OpenResponse{Abilities: abilitiesOf(p)}, nil
}

func abilitiesOf(p core.Provider) (list []v1.Ability) {
	if _, ok := p.(core.Authorizer); ok {
		list = append(list, v1.Ability_ABILITY_AUTHORIZE)
	}
	if _, ok := p.(core.TLSSigner); ok {
		list = append(list, v1.Ability_ABILITY_SIGN)
	}
	if _, ok := p.(core.Revoker); ok {
		list = append(list, v1.Ability_ABILITY_REVOKE)
	}
	if _, ok := p.(core.InteractiveProvider); ok {
		list = append(list, v1.Ability_ABILITY_SIGN_IN)
	}
	return list
}

// open opens a provider with the factory of its kind.
func (s *server) open(ctx context.Context, m *v1.OpenRequest) (core.Provider, error) {
	f, ok := s.factories[m.GetKind()]
	if !ok {
		return nil, core.Errorf(core.CodeBadConfig, "the plugin serves no kind %q", m.GetKind())
	}
	settings, err := wire.ToSettings(m.GetSettings())
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, core.Environment(m.GetEnvironment()), settings)
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

// instance returns the provider that the host opened under a name.
func (s *server) instance(id string) (core.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.instances[id]
	if !ok {
		return nil, &refusal{codes.NotFound, "no such instance"}
	}
	return p, nil
}

// closeAll closes all providers, and returns after limit at the latest.
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

// closeProvider closes p if it can be closed. p may be nil.
func closeProvider(ctx context.Context, p core.Provider) {
	if c, ok := p.(core.Closer); ok {
		_ = recoverPanic(func() error { return c.Close(ctx) })
	}
}
