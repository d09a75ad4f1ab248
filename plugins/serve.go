package plugins

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	cookieKey   = "AUTHSESSION_PLUGIN"
	cookieValue = "provider.v1"

	// protocolVersion is the version of provider.proto.
	protocolVersion = 1
	// maxMessage bounds each message, both ways.
	maxMessage = 4 << 20
	// farewell is how long a plugin may take to end once the host let go.
	farewell = time.Second
)

var handshake = goplugin.HandshakeConfig{MagicCookieKey: cookieKey, MagicCookieValue: cookieValue}

// Serve serves factories to the host that started this process, and does not
// return until the host is done: it is the whole main function of a plugin.
// Where there is no host, as when a person starts the binary, and where two
// factories have the same kind, it says so on standard error and exits with
// status 1.
//
// The process ends when its host ends, however that happens. Standard output
// belongs to the protocol until Serve is called; write to standard error, which
// the host logs line by line with the plugin's name.
func Serve(factories ...core.Factory) {
	if os.Getenv(cookieKey) != cookieValue {
		fmt.Fprintln(os.Stderr, "this program is a plugin of authsession: it is started by a program whose configuration names it, not by hand")
		os.Exit(1)
	}
	s, err := newServer(factories)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go endWithHost(s)
	serve(s)
	s.closeAll(farewell / 2)
}

func serve(s v1.ProviderServer) {
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{protocolVersion: {"provider": &served{server: s}}},
		GRPCServer:       newGRPCServer,
		Logger:           hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
	})
}

func newGRPCServer(opts []grpc.ServerOption) *grpc.Server {
	return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))...)
}

// served registers the server with go-plugin.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	server v1.ProviderServer
}

// GRPCServer implements [goplugin.GRPCPlugin].
func (s *served) GRPCServer(_ *goplugin.GRPCBroker, to *grpc.Server) error {
	v1.RegisterProviderServer(to, s.server)
	return nil
}

// GRPCClient implements [goplugin.GRPCPlugin]. The host makes its own client.
func (*served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, fmt.Errorf("not used")
}

// endWithHost ends the process, and what it has started, once the host lets
// go of standard input or asks for the end by a signal.
func endWithHost(s *server) {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, endSignals...)
	let := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(let)
	}()
	select {
	case <-asked:
	case <-let:
	}
	s.closeAll(farewell / 2)
	endGroup()
	os.Exit(0)
}
