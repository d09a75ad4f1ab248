// Package grpcsession authenticates the calls of a gRPC connection with a
// session:
//
//	conn, err := grpc.NewClient("prices.example.com:443", append(
//		grpcsession.DialOptions(session),
//		grpc.WithTransportCredentials(credentials.NewTLS(session.TLSConfig(nil))),
//	)...)
//
// Each call carries the session's credential. If the server answers
// UNAUTHENTICATED, the credential is renewed, once for all calls that it was
// refused for, and the call is repeated once; a second refusal is the caller's.
// [DialOptions] says which calls can be repeated, and which status codes the
// session's own errors have.
//
// The package does not encrypt connections and does not initialise or close the
// session. It is for clients only.
//
// Read on in call.go.
package grpcsession

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/authsession/authsession/core"
)

// DialOptions returns the options of a connection whose calls carry the
// credential of s, which must not be nil. They work beside other options: chained
// interceptors that are given before them see one call, however often it is sent,
// and those that are given after them see each time that it is sent.
//
// A call with the status UNAUTHENTICATED is repeated once if the server refused
// it and the session has another credential by then. The repetition waits for
// the renewal, by the call's context at the longest; if the renewal fails, the
// refusal is the caller's. This holds for calls of which the client sends one
// message, unary ones and server streams, as long as the server has sent no
// message and the caller has not seen its header. A stream of which the client
// sends many messages is repeated before the first one only: if a message was sent,
// the refusal is the caller's. With [core.Options.NoReplay], no call is repeated.
// A refused credential is renewed in all of these cases.
//
// A call that fails before it is sent, because the session has no credential for
// it, never counts as a refusal. Its error is a status error, and [errors.As] finds
// the [core.Error] in it. The status codes are:
//
//	DeadlineExceeded  the call's deadline has passed
//	Canceled          the call was cancelled, or the session is Closed
//	Unavailable       Unavailable: the credential cannot be obtained at this time
//	PermissionDenied  OriginRefused: the service is not one of the session's origins
//	Unauthenticated   Denied or Interactive
//	Internal          NotInitialized or BadConfig
//
// FailedPrecondition is not among them, because gRPC allows the codes above only
// (its proposal A54). A retry policy for UNAVAILABLE in a service config applies to
// these errors as it applies to those of servers.
//
// The connection must use TLS unless [core.Options.AllowHTTP] is set.
func DialOptions(s *core.Session) []grpc.DialOption {
	c := &client{session: s, rpc: s.PerRPC()}
	return []grpc.DialOption{
		grpc.WithPerRPCCredentials(c),
		grpc.WithStatsHandler(observer{c}),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
	}
}

// client is the session's part of a connection. Its calls carry an attempt in
// their context, whose key is the client itself, so that two sessions can add to
// one connection.
type client struct {
	session *core.Session
	rpc     *core.PerRPC
}

var _ credentials.PerRPCCredentials = (*client)(nil)

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (c *client) GetRequestMetadata(
	ctx context.Context, uri ...string,
) (map[string]string, error) {
	md, err := c.rpc.Metadata(ctx, uri...)
	if err != nil {
		return nil, &callError{status: statusOf(ctx, err), err: err}
	}
	if a := c.attempt(ctx); a != nil {
		a.carries(md)
	}
	return md.Header, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials].
func (c *client) RequireTransportSecurity() bool { return c.rpc.RequireTransportSecurity() }

// attempt returns the attempt that ctx belongs to, or nil: gRPC checks the health
// of servers with calls of its own.
func (c *client) attempt(ctx context.Context) *attempt {
	a, _ := ctx.Value(c).(*attempt)
	return a
}
