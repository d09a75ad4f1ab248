// Read on in stream.go.

package grpcsession

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
)

// attempt is one time that a call is made. gRPC may send it more than once, as a
// service config says; the attempt then knows about the last time.
type attempt struct {
	mu        sync.Mutex       // guards all below
	md        core.RPCMetadata // what the call carries
	sent      bool             // its header was sent
	unary     bool             // it is no stream
	received  bool             // the server sent a message
	otherwise bool             // it ended, and not with UNAUTHENTICATED
	challenge string           // the WWW-Authenticate of the answer, if there was one
	rejected  bool             // the session knows that the server refused it
}

// begins is told that gRPC starts to send the call.
func (a *attempt) begins(unary bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.md, a.sent, a.challenge, a.unary = core.RPCMetadata{}, false, "", unary
}

// carries is told what the session adds to the call.
func (a *attempt) carries(md core.RPCMetadata) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.md = md
}

// isSent is told that the header of the call was sent.
func (a *attempt) isSent() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = true
}

// answered is told the trailer of the answer.
func (a *attempt) answered(trailer metadata.MD) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.challenge = strings.Join(trailer.Get("www-authenticate"), ", ")
}

// receives is told that the server sent a message.
func (a *attempt) receives() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.received = true
}

// ends is told how the call ended, before interceptors make something else of it.
// If gRPC notices while it sends a message that the server has ended the call, err
// is nil whatever the server said: without an error, only a unary call that has an
// answer is known to have succeeded.
func (a *attempt) ends(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.otherwise = a.unary && a.received
		return
	}
	a.otherwise = status.Code(err) != codes.Unauthenticated
}

// reject reports whether UNAUTHENTICATED, with which the call ended for its caller,
// is the server's. It calls tell if this is the first time that it is.
func (a *attempt) reject(tell func(c core.Credential, challenge string)) bool {
	a.mu.Lock()
	refused, first := a.sent && !a.otherwise, !a.rejected
	a.rejected = a.rejected || refused
	cred, challenge := a.md.Credential, a.challenge
	a.mu.Unlock()
	if refused && first {
		tell(cred, challenge)
	}
	return refused
}

// observer tells attempts what becomes of them.
type observer struct{ client *client }

// TagRPC implements [stats.Handler].
func (o observer) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// HandleRPC implements [stats.Handler].
func (o observer) HandleRPC(ctx context.Context, event stats.RPCStats) {
	a := o.client.attempt(ctx)
	if a == nil {
		return
	}
	switch e := event.(type) {
	case *stats.Begin:
		a.begins(!e.IsClientStream && !e.IsServerStream)
	case *stats.OutHeader:
		a.isSent()
	case *stats.InPayload:
		a.receives()
	case *stats.InTrailer:
		a.answered(e.Trailer)
	case *stats.End:
		a.ends(e.Error)
	}
}

// TagConn implements [stats.Handler].
func (o observer) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// HandleConn implements [stats.Handler].
func (o observer) HandleConn(context.Context, stats.ConnStats) {}

// begin returns a context for one attempt.
func (c *client) begin(ctx context.Context) (context.Context, *attempt) {
	a := &attempt{}
	return context.WithValue(ctx, c, a), a
}

// unary is a [grpc.UnaryClientInterceptor].
func (c *client) unary(
	ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
	invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
) error {
	once, a := c.begin(ctx)
	err := invoke(once, method, req, reply, conn, opts...)
	if !c.refused(a, err) || !c.mayRepeat(ctx, a) {
		return err
	}
	once, a = c.begin(ctx)
	err = invoke(once, method, req, reply, conn, opts...)
	c.refused(a, err)
	return err
}

// refused reports whether err, with which an attempt ended, is the server's
// refusal of the session's credential. The session is told, once for an attempt. An
// error that the server did not make is no refusal, whatever its code.
func (c *client) refused(a *attempt, err error) bool {
	return status.Code(err) == codes.Unauthenticated && a.reject(c.session.Reject)
}

// mayRepeat reports whether a call that was refused can be repeated with another
// credential. It waits for the credential.
func (c *client) mayRepeat(ctx context.Context, a *attempt) bool {
	a.mu.Lock()
	md := a.md
	a.mu.Unlock()
	if md.NoReplay {
		return false
	}
	next, err := c.session.Credential(ctx)
	return err == nil && !next.Same(md.Credential)
}
