package grpcsession_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/authsession/authsession/core"
)

// opened returns a stream to a server that refuses the session's first token.
func opened(t *testing.T, method string, change func(*server)) (
	*server, *core.Session, grpc.ClientStream,
) {
	t.Helper()
	server := start(t, only("t2"))
	if change != nil {
		change(server)
	}
	s := ready(t, &issuer{}, core.Options{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	t.Cleanup(cancel)
	server.refused = make(trailers, 10)
	server.conn = server.dial(t, s, grpc.WithStatsHandler(server.refused))
	return server, s, open(ctx, t, server.conn, method)
}

// trailers receives a value when the client has the end of a stream.
type trailers chan struct{}

func (c trailers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

func (c trailers) HandleRPC(_ context.Context, event stats.RPCStats) {
	if _, ok := event.(*stats.InTrailer); ok {
		c <- struct{}{}
	}
}

func (c trailers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c trailers) HandleConn(context.Context, stats.ConnStats)                       {}

// exchange sends a message and receives the answer.
func exchange(t *testing.T, stream grpc.ClientStream, text string) {
	t.Helper()
	require.NoError(t, stream.SendMsg(wrapperspb.String(text)))
	answer, err := receive(stream)
	require.NoError(t, err)
	require.Equal(t, text, answer)
}

// waitForTokens waits until the server has seen so many calls.
func waitForTokens(t *testing.T, server *server, n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		tokens, _ := server.seen()
		return len(tokens) == n
	}, 10*time.Second, time.Millisecond)
}

// finish ends a stream that has no more messages.
func finish(t *testing.T, stream grpc.ClientStream) {
	t.Helper()
	require.NoError(t, stream.CloseSend())
	_, err := receive(stream)
	require.Equal(t, io.EOF, err)
	require.NotNil(t, stream.Context())
	require.NotContains(t, stream.Trailer(), "early")
}

// A stream is repeated before its first message, however the caller finds out that
// it was refused.
func TestStreamRepeated(t *testing.T) {
	for name, use := range map[string]func(*testing.T, *server, grpc.ClientStream){
		"received, then sent": func(t *testing.T, server *server, stream grpc.ClientStream) {
			answers := make(chan string, 1)
			go func() {
				answer, _ := receive(stream)
				answers <- answer
			}()
			waitForTokens(t, server, 2)
			require.NoError(t, stream.SendMsg(wrapperspb.String("a")))
			require.Equal(t, "a", <-answers)
		},
		"sent after it ended": func(t *testing.T, server *server, stream grpc.ClientStream) {
			waitForTokens(t, server, 1)
			<-server.refused
			// The client reads this answer after it has closed the stream.
			err := server.conn.Invoke(t.Context(), "/test.Echo/None", wrapperspb.String(""), nil)
			require.Equal(t, codes.Unimplemented, status.Code(err))
			exchange(t, stream, "a")
		},
		"header": func(t *testing.T, server *server, stream grpc.ClientStream) {
			headers := make(chan error, 1)
			go func() {
				_, err := stream.Header()
				headers <- err
			}()
			waitForTokens(t, server, 2)
			exchange(t, stream, "a")
			require.NoError(t, <-headers)
		},
		"header and messages at once": func(t *testing.T, server *server, stream grpc.ClientStream) {
			answers := make(chan string, 1)
			headers := make(chan error, 1)
			go func() {
				answer, _ := receive(stream)
				answers <- answer
			}()
			go func() {
				_, err := stream.Header()
				headers <- err
			}()
			waitForTokens(t, server, 2)
			require.NoError(t, stream.SendMsg(wrapperspb.String("a")))
			require.NoError(t, <-headers)
			require.Equal(t, "a", <-answers)
		},
	} {
		t.Run(name, func(t *testing.T) {
			server, s, stream := opened(t, bidiMethod, nil)
			use(t, server, stream)
			exchange(t, stream, "b")
			finish(t, stream)
			tokens, messages := server.seen()
			require.Equal(t, []string{"t1", "t2"}, tokens)
			require.Equal(t, []string{"a", "b"}, messages)
			require.EqualValues(t, 1, s.Status().Refusals)
		})
	}
}

// A stream that the caller has closed without a message is closed again.
func TestStreamWithoutMessages(t *testing.T) {
	server, _, stream := opened(t, bidiMethod, nil)
	finish(t, stream)
	tokens, messages := server.seen()
	require.Equal(t, []string{"t1", "t2"}, tokens)
	require.Empty(t, messages)
}

// The request of a server stream is sent again, also where the server sent a header
// that the caller has not seen.
func TestServerStreamRepeated(t *testing.T) {
	for name, header := range map[string]bool{"refused": false, "refused after a header": true} {
		t.Run(name, func(t *testing.T) {
			server, _, stream := opened(t, serverMethod, func(s *server) { s.header = header })
			exchange(t, stream, "request")
			finish(t, stream)
			tokens, messages := server.seen()
			require.Equal(t, []string{"t1", "t2"}, tokens)
			require.Equal(t, []string{"request"}, messages)
		})
	}
}

// A message that was sent is not repeated: the refusal is the caller's. The
// credential is renewed all the same.
func TestSentMessagesAreNotRepeated(t *testing.T) {
	gate := make(chan struct{})
	server, s, stream := opened(t, bidiMethod, func(s *server) { s.gate = gate })
	require.NoError(t, stream.SendMsg(wrapperspb.String("a")))
	close(gate)
	_, err := receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	tokens, messages := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
	require.Empty(t, messages)
	require.EqualValues(t, 1, s.Status().Refusals)
	_, err = receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.EqualValues(t, 1, s.Status().Refusals, "the session is told once")
}

// The same where the caller receives before it sends.
func TestSentMessagesAreNotRepeatedForAReceiver(t *testing.T) {
	gate := make(chan struct{})
	server, _, stream := opened(t, bidiMethod, func(s *server) { s.gate = gate })
	received := make(chan error, 1)
	go func() {
		_, err := receive(stream)
		received <- err
	}()
	waitForTokens(t, server, 1)
	require.NoError(t, stream.SendMsg(wrapperspb.String("a")))
	close(gate)
	require.Equal(t, codes.Unauthenticated, status.Code(<-received))
	tokens, _ := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
}

// A server stream that has brought a message is not repeated.
func TestAnsweredStreamIsNotRepeated(t *testing.T) {
	server := start(t, func(string) error { return nil })
	s := ready(t, &issuer{}, core.Options{})
	stream := open(t.Context(), t, server.dial(t, s), serverMethod)
	exchange(t, stream, "answer and refuse")
	_, err := receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.EqualValues(t, 1, s.Status().Refusals)
	tokens, _ := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
}

// A header that the caller has seen cannot be exchanged for another.
func TestSeenHeader(t *testing.T) {
	gate := make(chan struct{})
	server, _, stream := opened(t, bidiMethod, func(s *server) { s.header, s.gate = true, gate })
	md, err := stream.Header()
	require.NoError(t, err)
	require.Equal(t, []string{"yes"}, md.Get("early"))
	close(gate)
	_, err = receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	tokens, _ := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
}

// A server that refuses in the middle of a stream causes a renewal, also if the
// caller learns it by sending, and nothing is sent twice.
func TestRefusedInTheMiddle(t *testing.T) {
	server := start(t, func(string) error { return nil })
	s := ready(t, &issuer{}, core.Options{})
	conn := server.dial(t, s)
	stream := open(t.Context(), t, conn, bidiMethod)
	exchange(t, stream, "a")
	require.NoError(t, stream.SendMsg(wrapperspb.String("refuse")))
	require.Eventually(t, func() bool {
		return stream.SendMsg(wrapperspb.String("more")) == io.EOF
	}, 10*time.Second, time.Millisecond)
	_, err := receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.EqualValues(t, 1, s.Status().Refusals)
	tokens, messages := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
	require.Equal(t, []string{"a", "refuse"}, messages)
}

// A stream that is waiting to be started again ends with its context.
func TestStreamEndsWithItsContext(t *testing.T) {
	release := make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	p := &issuer{fail: func(call int64) error {
		if call > 1 {
			cancel()
			<-release
		}
		return nil
	}}
	server := start(t, only("t2"))
	s := ready(t, p, core.Options{})
	stream := open(ctx, t, server.dial(t, s), bidiMethod)
	_, err := receive(stream)
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.Error(t, stream.SendMsg(wrapperspb.String("a")))
	close(release)
}
