// Package bare is a plugin that go-plugin serves as it is: one service with one call that answers
// a text, and nothing around it.
package bare

import (
	"context"
	"os"
	"strings"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Handshake makes a program the plugin.
var Handshake = goplugin.HandshakeConfig{ProtocolVersion: 1,
	MagicCookieKey: "BENCH_BARE_PLUGIN", MagicCookieValue: "bench"}

// Method is the call.
const Method = "/bench.Bare/Get"

// answer is a text of 1 KiB.
var answer = strings.Repeat("k", 1024)

var service = grpc.ServiceDesc{
	ServiceName: "bench.Bare",
	HandlerType: (*any)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Get", Handler: func(_ any, _ context.Context,
		decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		return wrapperspb.String(answer), decode(new(wrapperspb.StringValue))
	}}},
}

// plugin implements goplugin.GRPCPlugin.
type plugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (plugin) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(&service, struct{}{})
	return nil
}

func (plugin) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker,
	conn *grpc.ClientConn) (any, error) {
	return conn, nil
}

// Set has the plugin, as "bare".
var Set = goplugin.PluginSet{"bare": plugin{}}

// Serve serves the plugin until the host ends it.
func Serve() {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake, Plugins: Set, GRPCServer: goplugin.DefaultGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}
