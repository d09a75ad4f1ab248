// Read on in status.go.

package grpcsession

import (
	"context"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/internal/ctxmutex"
)

// stream is a [grpc.StreamClientInterceptor].
func (c *client) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s := &clientStream{
		client: c, ctx: ctx, oneMessage: !desc.ClientStreams,
		receiving: ctxmutex.New(), sending: ctxmutex.New(),
	}
	s.open = func(ctx context.Context) (grpc.ClientStream, error) {
		return open(ctx, desc, conn, method, opts...)
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// clientStream is a stream that can be repeated, once, until it is settled. Each of
// these settles it:
//
//   - the caller has the server's header or first message
//   - the client has sent a message and may send more
//   - the stream has ended, or was repeated
//
// From then on, all calls go to the stream that was opened last.
//
// Until the stream is settled, receiving is locked while the caller waits for a
// message, and sending while the client sends something. The stream is repeated with
// both locked, receiving first, so that nothing is sent on the refused stream in the
// meantime.
type clientStream struct {
	client     *client
	ctx        context.Context // the caller's
	open       func(context.Context) (grpc.ClientStream, error)
	oneMessage bool // the client sends exactly one message

	settled   atomic.Bool
	last      atomic.Pointer[openStream]
	receiving ctxmutex.Mutex
	sending   ctxmutex.Mutex

	request atomic.Pointer[any] // the message of the client, if oneMessage, until settled
	closed  bool                // CloseSend was called; guarded by sending
}

// openStream is a stream and its attempt.
type openStream struct {
	grpc.ClientStream
	attempt *attempt
}

// start opens the stream, for the first time or again.
func (s *clientStream) start() error {
	ctx, a := s.client.begin(s.ctx)
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.last.Store(&openStream{opened, a})
	return nil
}

// lock locks receiving or sending. The error is that of the caller's context.
func (s *clientStream) lock(m ctxmutex.Mutex) error {
	if m.Lock(s.ctx) != nil {
		return status.FromContextError(s.ctx.Err()).Err()
	}
	return nil
}

// settle marks the stream as settled and drops the message that would be repeated.
func (s *clientStream) settle() {
	s.settled.Store(true)
	s.request.Store(nil)
}

// RecvMsg implements [grpc.ClientStream].
func (s *clientStream) RecvMsg(m any) error {
	if s.settled.Load() {
		return s.receive(m)
	}
	restarted, err := s.receiveFirst(m)
	if restarted {
		return s.receive(m)
	}
	return err
}

// receive receives a message of a stream that will not be repeated. If the server
// refuses its credential, receive reports that to the session.
func (s *clientStream) receive(m any) error {
	current := s.last.Load()
	err := current.RecvMsg(m)
	if err != nil {
		s.client.refused(current.attempt, err)
	}
	return err
}

// receiveFirst receives the first message. restarted reports that the stream was
// repeated instead. The caller then waits for the message without the lock, so that
// other goroutines can send.
func (s *clientStream) receiveFirst(m any) (restarted bool, err error) {
	if err := s.lock(s.receiving); err != nil {
		return false, err
	}
	defer s.receiving.Unlock()
	current := s.last.Load()
	if s.settled.Load() {
		return true, nil
	}
	if err = current.RecvMsg(m); err == nil {
		s.settle()
		return false, nil
	}
	err = s.restart(current, err)
	return err == nil, err
}

// Header implements [grpc.ClientStream].
func (s *clientStream) Header() (metadata.MD, error) {
	current, settled := s.last.Load(), s.settled.Load()
	md, err := current.Header()
	switch {
	case settled:
		return md, err
	case md != nil:
		s.settle()
		return md, err
	}
	s.settleEnded(current)
	if s.last.Load() == current {
		return md, err
	}
	return s.last.Load().Header()
}

// settleEnded settles a stream that ended without a header. It repeats the stream if
// the server refused it.
func (s *clientStream) settleEnded(current *openStream) {
	if s.lock(s.receiving) != nil {
		return
	}
	defer s.receiving.Unlock()
	if !s.settled.Load() {
		// There is no message, and a later RecvMsg returns the same error.
		_ = s.restart(current, current.RecvMsg(nil))
	}
}

// SendMsg implements [grpc.ClientStream].
func (s *clientStream) SendMsg(m any) error {
	if s.settled.Load() {
		return s.last.Load().SendMsg(m)
	}
	current, err := s.sendFirst(m)
	if err != io.EOF {
		return err
	}
	// The stream ended before the message was sent: there is no message to repeat.
	if md, _ := current.Header(); md == nil {
		s.settleEnded(current)
	}
	if s.last.Load() == current {
		return io.EOF
	}
	return s.last.Load().SendMsg(m)
}

// sendFirst sends a message of a stream that is not settled. It returns the open stream
// that it used.
func (s *clientStream) sendFirst(m any) (*openStream, error) {
	if err := s.lock(s.sending); err != nil {
		return nil, err
	}
	defer s.sending.Unlock()
	current := s.last.Load()
	if s.oneMessage && !s.settled.Load() {
		s.request.Store(&m)
	}
	err := current.SendMsg(m)
	if err == nil && !s.oneMessage {
		s.settle()
	}
	return current, err
}

// CloseSend implements [grpc.ClientStream].
func (s *clientStream) CloseSend() error {
	if s.settled.Load() {
		return s.last.Load().CloseSend()
	}
	if err := s.lock(s.sending); err != nil {
		return err
	}
	defer s.sending.Unlock()
	s.closed = true
	return s.last.Load().CloseSend()
}

// Trailer implements [grpc.ClientStream].
func (s *clientStream) Trailer() metadata.MD { return s.last.Load().Trailer() }

// Context implements [grpc.ClientStream].
func (s *clientStream) Context() context.Context { return s.last.Load().Context() }

// restart settles a stream that ended with err. If err is a refusal, the stream can be
// repeated and there is another credential, restart opens it again, sends the
// client's message again if there was one, and returns nil. Otherwise it returns the
// error for the caller. receiving is locked.
func (s *clientStream) restart(current *openStream, err error) error {
	defer s.settle()
	if !s.client.refused(current.attempt, err) {
		return err
	}
	if s.lock(s.sending) != nil {
		return err
	}
	defer s.sending.Unlock()
	if s.settled.Load() || !s.client.mayRepeat(s.ctx, current.attempt) {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	next := s.last.Load()
	if m := s.request.Load(); m != nil {
		_ = next.SendMsg(*m) // RecvMsg returns the reason if it fails
	}
	if s.closed {
		_ = next.CloseSend() // as above
	}
	return nil
}
