// Package grpcsession authenticates the calls of a gRPC connection with a
// session:
//
//	conn, err := grpc.NewClient("prices.example.com:443", append(
//		grpcsession.DialOptions(session),
//		grpc.WithTransportCredentials(credentials.NewTLS(session.TLSConfig(nil))),
//	)...)
//
// Each call carries the session's credential. If the server answers
// UNAUTHENTICATED, the session renews the credential, once for all calls for which it
// was refused, and the call is repeated once. A second refusal is returned to the
// caller. [DialOptions] describes which calls can be repeated, and which status codes
// the errors of the session have.
//
// The package is for clients only. It does not encrypt connections, and it does not
// initialise or close the session.
//
// Read on in call.go.
package grpcsession

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/authsession/authsession/core"
)

// DialOptions returns the options of a connection whose calls carry the
// credential of s, which must not be nil. They can be combined with other options:
// a chained interceptor that is given before them sees one call, however often it is
// sent, and one that is given after them sees each repetition.
//
// A call with the status UNAUTHENTICATED is repeated once if the server refused it
// and the session then has another credential. The repetition waits for the renewal
// until the call's context ends. If the renewal fails, the refusal is returned to the
// caller. Which calls are repeated:
//
//   - Unary calls and server streams, for which the client sends one message: as long
//     as the server has sent no message and the caller has not read the header.
//   - Streams for which the client sends many messages: only if it has not sent one.
//   - With [core.Options.NoReplay]: none.
//
// In all of these cases the refused credential is renewed.
//
// If the session has no credential for a call, the call fails before it is sent, and
// this is not a refusal. The error is a status error, and [errors.As] finds the
// [core.Error] in it. The status codes are:
//
//	DeadlineExceeded  the call's deadline has passed
//	Canceled          the call was cancelled, or core.CodeClosed
//	Unavailable       core.CodeUnavailable: the credential cannot be obtained now
//	PermissionDenied  core.CodeOriginRefused: not an origin of the session
//	Unauthenticated   core.CodeDenied or core.CodeInteractive
//	Internal          core.CodeNotInitialized or core.CodeBadConfig
//
// FailedPrecondition is not among them, because gRPC allows the codes above only
// (its proposal A54). A retry policy for UNAVAILABLE in a service config applies to
// these errors as it applies to those of servers.
//
// The connection must use TLS, unless it ends at this machine (a loopback address or a
// Unix socket) or [core.Options.AllowHTTP] is set. Otherwise the call fails with
// PermissionDenied, and grpc.NewClient already fails if the session's origins are known
// and https. An origin of a server on the loopback is written with http, such as
// "http://127.0.0.1:50051", or with https.
func DialOptions(s *core.Session) []grpc.DialOption {
	c := &client{session: s, rpc: s.PerRPC()}
	return []grpc.DialOption{
		grpc.WithPerRPCCredentials(c),
		grpc.WithStatsHandler(statsHandler{c}),
		grpc.WithChainUnaryInterceptor(c.unary),
		grpc.WithChainStreamInterceptor(c.stream),
	}
}

// client adds a session to a connection. The context of each call has an attempt as
// its value for the key client, so that one connection can have two sessions.
type client struct {
	session *core.Session
	rpc     *core.PerRPC
}

var _ credentials.PerRPCCredentials = (*client)(nil)

// GetRequestMetadata implements [credentials.PerRPCCredentials].
func (c *client) GetRequestMetadata(
	ctx context.Context, uri ...string,
) (map[string]string, error) {
	err := c.checkConnection(ctx)
	var md core.RPCMetadata
	if err == nil {
		md, err = c.rpc.Metadata(ctx, uri...)
	}
	if err != nil {
		return nil, &callError{status: statusOf(ctx, err), err: err}
	}
	if a := c.attempt(ctx); a != nil {
		a.onMetadata(md)
	}
	return md.Header, nil
}

// RequireTransportSecurity implements [credentials.PerRPCCredentials]. For a session whose
// origins are not known yet, or one of which is on the loopback, checkConnection decides for
// each call.
func (c *client) RequireTransportSecurity() bool {
	if !c.rpc.RequireTransportSecurity() {
		return false
	}
	origins := c.session.Status().Origins
	return len(origins) > 0 && !slices.ContainsFunc(origins, func(o string) bool {
		u, err := url.Parse(o)
		return err == nil && core.MayCarry(&url.URL{Scheme: "http", Host: u.Host}, false)
	})
}

// checkConnection returns an error with [core.CodeOriginRefused] if the connection of a call
// is not encrypted and has to be. gRPC puts the connection and its peer into ctx.
func (c *client) checkConnection(ctx context.Context) error {
	if !c.rpc.RequireTransportSecurity() {
		return nil
	}
	info, _ := credentials.RequestInfoFromContext(ctx)
	if credentials.CheckSecurityLevel(info.AuthInfo, credentials.PrivacyAndIntegrity) == nil {
		return nil
	}
	if p, ok := peer.FromContext(ctx); ok && isLocal(p.Addr) {
		return nil
	}
	return &core.Error{Session: c.session.Name(), Op: "authorize", Code: core.CodeOriginRefused,
		Err: errors.New("the connection is not encrypted and leaves this machine: use TLS")}
}

// isLocal reports whether addr is the address of a server on this machine.
func isLocal(addr net.Addr) bool {
	switch a := addr.(type) {
	case *net.TCPAddr:
		return a.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	}
	return false
}

// attempt returns the attempt of ctx. It is nil for the calls with which gRPC checks the
// health of servers.
func (c *client) attempt(ctx context.Context) *attempt {
	a, _ := ctx.Value(c).(*attempt)
	return a
}
