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

// attempt is one attempt of a call. gRPC may send it more than once, according to the
// retry policy of a service config; the fields then describe the last time.
type attempt struct {
	mu           sync.Mutex       // guards all below
	md           core.RPCMetadata // what the session adds to the call
	sent         bool             // the header was sent
	unary        bool             // the call is unary
	received     bool             // the server sent a message
	otherOutcome bool             // the call ended without UNAUTHENTICATED
	challenge    string           // the WWW-Authenticate of the response, if there was one
	rejected     bool             // the refusal was reported to the session
}

// onBegin is called when gRPC starts to send the call.
func (a *attempt) onBegin(unary bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.md, a.sent, a.challenge, a.unary = core.RPCMetadata{}, false, "", unary
}

// onMetadata is called with the metadata that the session adds to the call.
func (a *attempt) onMetadata(md core.RPCMetadata) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.md = md
}

// onHeaderSent is called when the header of the call was sent.
func (a *attempt) onHeaderSent() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sent = true
}

// onTrailer is called with the trailer of the response.
func (a *attempt) onTrailer(trailer metadata.MD) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.challenge = strings.Join(trailer.Get("www-authenticate"), ", ")
}

// onMessage is called when the server has sent a message.
func (a *attempt) onMessage() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.received = true
}

// onEnd is called with the result of the call, before interceptors can change it. If
// gRPC notices while it sends a message that the server has ended the call, err is nil
// whatever the status is. So a nil error means success only for a unary call that has
// received a message.
func (a *attempt) onEnd(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err == nil {
		a.otherOutcome = a.unary && a.received
		return
	}
	a.otherOutcome = status.Code(err) != codes.Unauthenticated
}

// reportRefusal returns whether the server sent the status UNAUTHENTICATED with which
// the call ended for its caller. If so, it calls report, once for an attempt.
func (a *attempt) reportRefusal(report func(c core.Credential, challenge string)) bool {
	a.mu.Lock()
	refused, first := a.sent && !a.otherOutcome, !a.rejected
	a.rejected = a.rejected || refused
	cred, challenge := a.md.Credential, a.challenge
	a.mu.Unlock()
	if refused && first {
		report(cred, challenge)
	}
	return refused
}

// statsHandler calls the methods of attempts when gRPC reports events.
type statsHandler struct{ client *client }

// TagRPC implements [stats.Handler].
func (o statsHandler) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return ctx
}

// HandleRPC implements [stats.Handler].
func (o statsHandler) HandleRPC(ctx context.Context, event stats.RPCStats) {
	a := o.client.attempt(ctx)
	if a == nil {
		return
	}
	switch e := event.(type) {
	case *stats.Begin:
		a.onBegin(!e.IsClientStream && !e.IsServerStream)
	case *stats.OutHeader:
		a.onHeaderSent()
	case *stats.InPayload:
		a.onMessage()
	case *stats.InTrailer:
		a.onTrailer(e.Trailer)
	case *stats.End:
		a.onEnd(e.Error)
	}
}

// TagConn implements [stats.Handler].
func (o statsHandler) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context {
	return ctx
}

// HandleConn implements [stats.Handler].
func (o statsHandler) HandleConn(context.Context, stats.ConnStats) {}

// begin returns a new attempt and the context for it.
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

// refused returns whether err, the result of an attempt, is the server's refusal of the
// session's credential. It reports a refusal to the session, once for an attempt. An
// error that the server did not send is not a refusal, whatever its code is.
func (c *client) refused(a *attempt, err error) bool {
	return status.Code(err) == codes.Unauthenticated && a.reportRefusal(c.session.Reject)
}

// mayRepeat waits for the session's next credential and returns whether a refused call
// can be repeated with it.
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
