// Read on in program.go.

package process

import (
	"context"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// What host and plugin agree on, apart from the messages themselves.
const (
	CookieKey   = "AUTHSESSION_PLUGIN" // the variable that tells a plugin that a host started it
	CookieValue = "provider.v1"

	// ProtocolVersion is the version of provider.proto.
	ProtocolVersion = 1
	// MaxMessage is the largest size of a message in bytes, both ways.
	MaxMessage = 4 << 20
	// StreamWindow and ConnWindow are how many bytes of a call and of a connection the
	// sender may be ahead. They are fixed, both ways: gRPC would find out what the
	// connection can carry by a ping after each message.
	StreamWindow = 256 << 10
	ConnWindow   = 1 << 20
	// EndGrace is how long a plugin may take to end after its host has closed
	// its standard input.
	EndGrace = time.Second

	service = "authsession.provider.v1" // in errors
)

// Handshake is what both sides give to go-plugin.
var Handshake = goplugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue}

// Config is what a [Supervisor] needs beside the program. All durations are
// positive.
type Config struct {
	// StartTimeout bounds the start of a process, from the check of its file to
	// its description.
	StartTimeout time.Duration
	// IdleTimeout is how long a process without calls is kept.
	IdleTimeout time.Duration
	// HangTimeout is how long a process that has calls may give no sign of life.
	HangTimeout time.Duration

	// Prepare is called while a process starts, to do what makes the first calls
	// faster. Nil: there is nothing to do.
	Prepare func()
	// Describe asks a process that has just started what it is. Only a process
	// that describes itself is used. An error that is no [core.Error] is the
	// gRPC error of the call.
	Describe func(ctx context.Context, conn grpc.ClientConnInterface) (Description, error)
	// Ping asks a process for a sign of life. Any answer is one, also an error;
	// the status DEADLINE_EXCEEDED is none.
	Ping func(ctx context.Context, conn grpc.ClientConnInterface) error
	// RepeatsSecret reports whether a text that the plugin has printed repeats a
	// secret, so that it is not logged. Nil: nothing does.
	RepeatsSecret func(text string) bool
}

// Description is what a process says about itself.
type Description struct {
	Version string // for the log
	Value   any    // what Config.Describe made of the rest; see [Supervisor.Described]
}
