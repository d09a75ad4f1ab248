package grpcsession_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/grpcsession"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is a provider whose tokens are t1, t2, …
type issuer struct {
	life  time.Duration // 0: no expiry
	calls atomic.Int64
	fail  func(call int64) error // nil: never
}

func (i *issuer) Authenticate(
	ctx context.Context, _ core.Request,
) (core.Credential, error) {
	n := i.calls.Add(1)
	if i.fail != nil {
		if err := i.fail(n); err != nil {
			return core.Credential{}, err
		}
	}
	c := core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{
		"Authorization": core.NewSecret(fmt.Sprintf("Bearer t%d", n)),
	}}}
	if i.life > 0 {
		c.Expiry = time.Now().Add(i.life)
	}
	return c, ctx.Err()
}

// server is a grpc-go server whose methods have the names below. It answers a
// message with its text and the token of the call.
type server struct {
	listener *bufconn.Listener

	mu       sync.Mutex
	refuse   func(token string) error // guarded by mu
	tokens   []string                 // of the calls; guarded by mu
	messages []string                 // received; guarded by mu
	header   bool                     // send it before all else; guarded by mu
	gate     chan struct{}            // not nil: refusals wait for it; guarded by mu

	conn      *grpc.ClientConn // for tests of one stream
	refused   trailers         // the ends of streams that conn has read; nil: nobody counts
	challenge string           // sent with refusals, if there is one; not changed after the first call
}

const (
	unaryMethod  = "/test.Echo/Unary"
	serverMethod = "/test.Echo/Server"
	bidiMethod   = "/test.Echo/Bidi"
)

// start starts a server that refuses what refuse says.
func start(t *testing.T, refuse func(token string) error) *server {
	t.Helper()
	l := bufconn.Listen(1 << 20)
	s := startOn(t, l, refuse)
	s.listener = l
	return s
}

// startOn starts a server on a listener. A nil refuse refuses nothing.
func startOn(t *testing.T, l net.Listener, refuse func(token string) error) *server {
	t.Helper()
	if refuse == nil {
		refuse = func(string) error { return nil }
	}
	s := &server{refuse: refuse}
	g := grpc.NewServer(grpc.UnaryInterceptor(s.guardUnary), grpc.StreamInterceptor(s.guardStream))
	g.RegisterService(&grpc.ServiceDesc{
		ServiceName: "test.Echo", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: s.unary}},
		Streams: []grpc.StreamDesc{
			{StreamName: "Server", Handler: s.echo, ServerStreams: true},
			{StreamName: "Bidi", Handler: s.echo, ServerStreams: true, ClientStreams: true},
		},
	}, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = g.Serve(l)
	}()
	t.Cleanup(func() {
		g.Stop()
		<-done
	})
	return s
}

// only refuses all tokens but one.
func only(good string) func(string) error {
	return func(token string) error {
		if token == good {
			return nil
		}
		return status.Error(codes.Unauthenticated, "not this token")
	}
}

// accept changes what the server refuses.
func (s *server) accept(refuse func(string) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = refuse
}

func (s *server) check(ctx context.Context) error {
	md, _ := metadata.FromIncomingContext(ctx)
	token := ""
	if values := md.Get("authorization"); len(values) == 1 && len(values[0]) > 7 {
		token = values[0][7:]
	}
	s.mu.Lock()
	s.tokens = append(s.tokens, token)
	err, gate := s.refuse(token), s.gate
	s.mu.Unlock()
	if err != nil && s.challenge != "" {
		_ = grpc.SetTrailer(ctx, metadata.Pairs("www-authenticate", s.challenge))
	}
	if err != nil && gate != nil {
		<-gate
	}
	return err
}

func (s *server) guardUnary(
	ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler,
) (any, error) {
	if err := s.check(ctx); err != nil {
		return nil, err
	}
	return next(ctx, req)
}

func (s *server) guardStream(
	srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler,
) error {
	s.mu.Lock()
	header := s.header
	s.mu.Unlock()
	if header {
		if err := stream.SendHeader(metadata.Pairs("early", "yes")); err != nil {
			return err
		}
	}
	if err := s.check(stream.Context()); err != nil {
		return err
	}
	return next(srv, stream)
}

func (s *server) unary(
	_ any, ctx context.Context, decode func(any) error, guard grpc.UnaryServerInterceptor,
) (any, error) {
	in := &wrapperspb.StringValue{}
	if err := decode(in); err != nil {
		return nil, err
	}
	return guard(ctx, in, &grpc.UnaryServerInfo{FullMethod: unaryMethod}, func(
		_ context.Context, req any,
	) (any, error) {
		s.note(req.(*wrapperspb.StringValue))
		return req, nil
	})
}

func (s *server) echo(_ any, stream grpc.ServerStream) error {
	for {
		in := &wrapperspb.StringValue{}
		if err := stream.RecvMsg(in); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		s.note(in)
		if in.Value == "refuse" {
			return status.Error(codes.Unauthenticated, "no longer")
		}
		if err := stream.SendMsg(in); err != nil {
			return err
		}
		if in.Value == "answer and refuse" {
			return status.Error(codes.Unauthenticated, "no longer")
		}
	}
}

func (s *server) note(m *wrapperspb.StringValue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, m.Value)
}

// seen returns the tokens of the calls and the messages that handlers received.
func (s *server) seen() (tokens, messages []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.tokens...), append([]string(nil), s.messages...)
}

// dial returns a connection to the server, whose address is https://echo.test.
func (s *server) dial(
	t *testing.T, session *core.Session, opts ...grpc.DialOption,
) *grpc.ClientConn {
	t.Helper()
	all := append(grpcsession.DialOptions(session),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
			return s.listener.DialContext(ctx)
		}))
	conn, err := grpc.NewClient("passthrough:///echo.test", append(all, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// session returns a session that is not initialised.
func session(t *testing.T, p core.Provider, opts core.Options) *core.Session {
	t.Helper()
	opts.AllowHTTP = true
	s := core.New("echo", p, &opts)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// ready returns a session that is initialised.
func ready(t *testing.T, p core.Provider, opts core.Options) *core.Session {
	t.Helper()
	s := session(t, p, opts)
	require.NoError(t, s.Init(t.Context()))
	return s
}

// call makes a unary call.
func call(ctx context.Context, conn *grpc.ClientConn, text string) error {
	reply := &wrapperspb.StringValue{}
	err := conn.Invoke(ctx, unaryMethod, wrapperspb.String(text), reply)
	if err == nil && reply.Value != text {
		return fmt.Errorf("the reply is %q", reply.Value)
	}
	return err
}

// open opens a stream.
func open(
	ctx context.Context, t *testing.T, conn *grpc.ClientConn, method string,
) grpc.ClientStream {
	t.Helper()
	stream, err := openStream(ctx, conn, method)
	require.NoError(t, err)
	return stream
}

func openStream(
	ctx context.Context, conn *grpc.ClientConn, method string,
) (grpc.ClientStream, error) {
	desc := &grpc.StreamDesc{ServerStreams: true, ClientStreams: method == bidiMethod}
	return conn.NewStream(ctx, desc, method)
}

// receive receives a message and returns its text.
func receive(s grpc.ClientStream) (string, error) {
	m := &wrapperspb.StringValue{}
	err := s.RecvMsg(m)
	return m.Value, err
}

func dialOptions(s *core.Session) []grpc.DialOption { return grpcsession.DialOptions(s) }
