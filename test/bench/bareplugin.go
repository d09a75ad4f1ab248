package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"os/exec"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/authsession/authsession/test/bench/bare"
)

type barePlugin struct {
	client *goplugin.Client
	conn   *grpc.ClientConn
}

// openBare starts the plugin and makes the call that stands for opening.
func openBare(of binary) barePlugin {
	b := barePlugin{client: goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig: bare.Handshake, Plugins: bare.Set,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		Cmd:              exec.Command(of.path), AutoMTLS: true, SkipHostEnv: true,
		Logger:       hclog.NewNullLogger(),
		SecureConfig: &goplugin.SecureConfig{Checksum: of.sum, Hash: sha256.New()},
	})}
	protocol, err := b.client.Client()
	must(err)
	conn, err := protocol.Dispense("bare")
	must(err)
	b.conn = conn.(*grpc.ClientConn)
	must(b.call())
	return b
}

func (b barePlugin) call() error {
	var answer wrapperspb.StringValue
	err := b.conn.Invoke(context.Background(), bare.Method, wrapperspb.String("ticket"), &answer)
	if err == nil && answer.Value == "" {
		return errors.New("no token")
	}
	return err
}
