package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// bareHandshake makes this program the bare plugin: one service with one call
// that answers a text, and nothing around it but go-plugin.
var bareHandshake = goplugin.HandshakeConfig{ProtocolVersion: 1,
	MagicCookieKey: "BENCH_BARE_PLUGIN", MagicCookieValue: "bench"}

const bareMethod = "/bench.Bare/Get"

var bareService = grpc.ServiceDesc{
	ServiceName: "bench.Bare",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Get", Handler: func(_ any, _ context.Context,
		decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return wrapperspb.String(kilobyte), decode(new(wrapperspb.StringValue))
	}}},
}

// barePlugin implements goplugin.GRPCPlugin.
type barePlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (barePlugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&bareService, struct{}{})
	return nil
}

func (barePlugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker,
	conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

var bareSet = goplugin.PluginSet{"bare": barePlugin{}}

func serveBare() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: bareHandshake, Plugins: bareSet, GRPCServer: goplugin.DefaultGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}

type bare struct {
	client *goplugin.Client
	conn   *grpc.ClientConn
}

// openBare starts the plugin and makes the call that stands for opening.
func openBare() bare {
	path, sum := self()
	b := bare{client: goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: bareHandshake, Plugins: bareSet,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Cmd:              exec.Command(path), AutoMTLS: true, SkipHostEnv: true,
		Logger:       hclog.NewNullLogger(),
		SecureConfig: &goplugin.SecureConfig{Checksum: sum, Hash: sha256.New()},
	})}
	protocol, err := b.client.Client()
	must(err)
	conn, err := protocol.Dispense("bare")
	must(err)
	b.conn = conn.(*grpc.ClientConn)
	must(b.call())
	return b
}

func (b bare) call() error {
	var answer wrapperspb.StringValue
	err := b.conn.Invoke(context.Background(), bareMethod, wrapperspb.String("ticket"), &answer)
	if err == nil && answer.Value == "" {
		return errors.New("no token")
	}
	return err
}
