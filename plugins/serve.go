// This is the last file.

package plugins

import (
	"context"
	"errors"
	"fmt"
	"os"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Serve serves factories to the host that started this process, and does not
// return until the host ends the plugin: it is the whole main function of a
// plugin. Where there is no host, as when a person starts the binary, and where
// two factories have the same kind, it says so on standard error and exits with
// status 1.
//
// The process ends when its host ends, however that happens. Standard output
// belongs to the protocol until Serve is called; write to standard error, which
// the host logs line by line with the plugin's name.
func Serve(factories ...core.Factory) {
	if os.Getenv(process.CookieKey) != process.CookieValue {
		fmt.Fprintln(os.Stderr, "this program is a plugin of authsession: it is started by a "+
			"program whose configuration names it, not by hand")
		os.Exit(1)
	}
	s, err := newServer(factories)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	serve(s, s.prepare, func() { s.closeAll(closeLimit) })
}

// closeLimit is how long the providers have to close when the plugin ends. The
// host kills it after EndGrace.
const closeLimit = process.EndGrace / 2

// serve serves s until the end, and calls cleanup then. prepare is called meanwhile.
func serve(s v1.ProviderServer, prepare, cleanup func()) {
	process.Serve(&goplugin.ServeConfig{
		HandshakeConfig: process.Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{
			process.ProtocolVersion: {"provider": &grpcPlugin{server: s}},
		},
		GRPCServer: newGRPCServer,
		Logger: hclog.New(&hclog.LoggerOptions{
			Level: hclog.Warn, Output: os.Stderr, JSONFormat: true,
		}),
	}, cleanup, prepare)
}

func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts,
		grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.StaticStreamWindowSize(process.StreamWindow),
		grpc.StaticConnWindowSize(process.ConnWindow))...)
}

// grpcPlugin registers the server with go-plugin.
type grpcPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
	server v1.ProviderServer
}

// GRPCServer implements [goplugin.GRPCPlugin].
func (s *grpcPlugin) GRPCServer(_ *goplugin.GRPCBroker, to *grpc.Server) error {
	v1.RegisterProviderServer(to, s.server)
	return nil
}

// GRPCClient implements [goplugin.GRPCPlugin]. The host makes its own client.
func (*grpcPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker,
	*grpc.ClientConn) (any, error) {
	return nil, errors.New("not used")
}
