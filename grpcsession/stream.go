// Read on in status.go.

package grpcsession

import (
	"context"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// stream is a [grpc.StreamClientInterceptor].
func (c *client) stream(
	ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string,
	open grpc.Streamer, opts ...grpc.CallOption,
) (grpc.ClientStream, error) {
	s := &clientStream{
		client: c, ctx: ctx, single: !desc.ClientStreams,
		receiving: make(chan struct{}, 1), sending: make(chan struct{}, 1),
	}
	s.open = func(ctx context.Context) (grpc.ClientStream, error) {
		return open(ctx, desc, conn, method, opts...)
	}
	if err := s.start(); err != nil {
		return nil, err
	}
	return s, nil
}

// clientStream is a stream that can be started once more until it is settled. It is
// settled once the server's header or first message has reached the caller, once a
// message was sent of a stream that may have more, and once it has ended or was
// started again. From then on, all calls go to the stream that was started last.
//
// Until it is settled, receiving is held while the caller waits for a message, and
// sending while something is sent. The stream is started again with both held, the
// former taken first, so that nothing is sent meanwhile on the one that was refused.
type clientStream struct {
	client *client
	ctx    context.Context // the caller's
	open   func(context.Context) (grpc.ClientStream, error)
	single bool // the client sends one message

	settled   atomic.Bool
	last      atomic.Pointer[startedStream]
	receiving chan struct{}
	sending   chan struct{}

	request atomic.Pointer[any] // what was sent of a single stream, until it is settled
	closed  bool                // CloseSend was called; guarded by sending
}

// startedStream is a stream and the attempt that it is.
type startedStream struct {
	grpc.ClientStream
	attempt *attempt
}

func (s *clientStream) start() error {
	ctx, a := s.client.begin(s.ctx)
	opened, err := s.open(ctx)
	if err != nil {
		return err
	}
	s.last.Store(&startedStream{opened, a})
	return nil
}

// take takes receiving or sending, unless the caller's context ends first.
func (s *clientStream) take(turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-s.ctx.Done():
		return status.FromContextError(s.ctx.Err()).Err()
	}
}

func (s *clientStream) settle() {
	s.settled.Store(true)
	s.request.Store(nil)
}

// RecvMsg implements [grpc.ClientStream].
func (s *clientStream) RecvMsg(m any) error {
	if s.settled.Load() {
		return s.receive(m)
	}
	again, err := s.receiveFirst(m)
	if again {
		return s.receive(m)
	}
	return err
}

// receive receives a message of a stream that is not started again. If the server
// refuses its credential, the session is told.
func (s *clientStream) receive(m any) error {
	on := s.last.Load()
	err := on.RecvMsg(m)
	if err != nil {
		s.client.refused(on.attempt, err)
	}
	return err
}

// receiveFirst receives the first message. again says that the stream was started
// again instead: the wait for its message must not keep others from sending.
func (s *clientStream) receiveFirst(m any) (again bool, err error) {
	if err := s.take(s.receiving); err != nil {
		return false, err
	}
	defer func() { <-s.receiving }()
	on := s.last.Load()
	if s.settled.Load() {
		return true, nil
	}
	if err = on.RecvMsg(m); err == nil {
		s.settle()
		return false, nil
	}
	err = s.restart(on, err)
	return err == nil, err
}

// Header implements [grpc.ClientStream].
func (s *clientStream) Header() (metadata.MD, error) {
	on, settled := s.last.Load(), s.settled.Load()
	md, err := on.Header()
	switch {
	case settled:
		return md, err
	case md != nil:
		s.settle()
		return md, err
	}
	s.settleEnded(on)
	if s.last.Load() == on {
		return md, err
	}
	return s.last.Load().Header()
}

// settleEnded settles a stream that ended without a header: it is started again if
// the server refused it.
func (s *clientStream) settleEnded(on *startedStream) {
	if s.take(s.receiving) != nil {
		return
	}
	defer func() { <-s.receiving }()
	if !s.settled.Load() {
		// There is no message, and whoever receives later gets the same error.
		_ = s.restart(on, on.RecvMsg(nil))
	}
}

// SendMsg implements [grpc.ClientStream].
func (s *clientStream) SendMsg(m any) error {
	if s.settled.Load() {
		return s.last.Load().SendMsg(m)
	}
	on, err := s.sendFirst(m)
	if err != io.EOF {
		return err
	}
	// The stream ended before the message was sent: there is no message to repeat.
	if md, _ := on.Header(); md == nil {
		s.settleEnded(on)
	}
	if s.last.Load() == on {
		return io.EOF
	}
	return s.last.Load().SendMsg(m)
}

// sendFirst sends a message of a stream that is not settled, and returns the stream
// that it used.
func (s *clientStream) sendFirst(m any) (*startedStream, error) {
	if err := s.take(s.sending); err != nil {
		return nil, err
	}
	defer func() { <-s.sending }()
	on := s.last.Load()
	if s.single && !s.settled.Load() {
		s.request.Store(&m)
	}
	err := on.SendMsg(m)
	if err == nil && !s.single {
		s.settle()
	}
	return on, err
}

// CloseSend implements [grpc.ClientStream].
func (s *clientStream) CloseSend() error {
	if s.settled.Load() {
		return s.last.Load().CloseSend()
	}
	if err := s.take(s.sending); err != nil {
		return err
	}
	defer func() { <-s.sending }()
	s.closed = true
	return s.last.Load().CloseSend()
}

// Trailer implements [grpc.ClientStream].
func (s *clientStream) Trailer() metadata.MD { return s.last.Load().Trailer() }

// Context implements [grpc.ClientStream].
func (s *clientStream) Context() context.Context { return s.last.Load().Context() }

// restart settles a stream that ended with err. If err is a refusal, nothing is in
// the way and there is another credential, the stream is started again, what was
// sent of a single one is sent again, and the result is nil. Otherwise it is the
// error for the caller. receiving is held.
func (s *clientStream) restart(on *startedStream, err error) error {
	defer s.settle()
	if !s.client.refused(on.attempt, err) {
		return err
	}
	if s.take(s.sending) != nil {
		return err
	}
	defer func() { <-s.sending }()
	if s.settled.Load() || !s.client.mayRepeat(s.ctx, on.attempt) {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	again := s.last.Load()
	if m := s.request.Load(); m != nil {
		_ = again.SendMsg(*m) // RecvMsg says why it fails
	}
	if s.closed {
		_ = again.CloseSend() // as above
	}
	return nil
}
