package acceptance

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/grpcsession"
	"github.com/authsession/authsession/test/servers"
)

var _ credentials.PerRPCCredentials = (*core.PerRPC)(nil)

// rpcServer is a grpc-go server that lets in whoever the check knows.
type rpcServer struct {
	address string

	mu     sync.Mutex
	calls  int      // guarded by mu
	tokens []string // guarded by mu
}

func startRPC(t *testing.T, pair servers.Pair, check servers.Check) *rpcServer {
	t.Helper()
	s := &rpcServer{}
	allow := func(ctx context.Context) error {
		md, _ := metadata.FromIncomingContext(ctx)
		token := strings.TrimPrefix(strings.Join(md.Get("authorization"), ","), "Bearer ")
		s.mu.Lock()
		s.calls++
		s.tokens = append(s.tokens, token)
		s.mu.Unlock()
		if _, err := check(ctx, token); err != nil {
			return status.Error(codes.Unauthenticated, err.Error())
		}
		return nil
	}
	guard := func(
		ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler,
	) (any, error) {
		if err := allow(ctx); err != nil {
			return nil, err
		}
		return next(ctx, req)
	}
	guardStream := func(
		srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler,
	) error {
		if err := allow(stream.Context()); err != nil {
			return err
		}
		return next(srv, stream)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	s.address = listener.Addr().String()
	server := grpc.NewServer(grpc.Creds(credentials.NewServerTLSFromCert(&pair.TLS)),
		grpc.UnaryInterceptor(guard), grpc.StreamInterceptor(guardStream))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return s
}

// seen returns the number of calls and of different tokens.
func (s *rpcServer) seen() (calls, tokens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	different := map[string]bool{}
	for _, token := range s.tokens {
		different[token] = true
	}
	return s.calls, len(different)
}

func dial(t *testing.T, ca *servers.CA, s *core.Session, address string) healthpb.HealthClient {
	t.Helper()
	return dialWith(t, ca, address, grpcsession.DialOptions(s)...)
}

func dialWith(
	t *testing.T, ca *servers.CA, address string, opts ...grpc.DialOption,
) healthpb.HealthClient {
	t.Helper()
	conn, err := grpc.NewClient(address, append(opts,
		grpc.WithTransportCredentials(credentials.NewClientTLSFromCert(ca.Pool(), "")))...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return healthpb.NewHealthClient(conn)
}

func TestGRPC(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, 3*time.Second)
	server := startRPC(t, ca.Issue(t, "localhost"), z.Check)
	cfg := load(t, ca, zitadelConfig(z, ca, "https://"+server.address))
	s := session(t, cfg, "service")
	client := dial(t, ca, s, server.address)
	check := func() error {
		_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
		return err
	}

	err := check()
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.Equal(t, codes.Internal, status.Code(err))
	calls, _ := server.seen()
	require.Zero(t, calls, "a call without a credential reached the server")

	require.NoError(t, s.Init(t.Context()))
	require.NoError(t, check())

	// No call fails while tokens of three seconds come and go.
	soon(t, func() bool {
		require.NoError(t, check())
		_, tokens := server.seen()
		return tokens >= 3
	})

	require.NoError(t, s.Close(t.Context()))
	err = check()
	require.ErrorIs(t, err, core.CodeClosed)
	require.Equal(t, codes.Canceled, status.Code(err))
}

// The issuer revokes a token that a thousand calls and streams carry.
func TestGRPCRevokedToken(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	server := startRPC(t, ca.Issue(t, "localhost"), checkOnce(z.Check))
	cfg := load(t, ca, zitadelConfig(z, ca, "https://"+server.address))
	s := initialised(t, cfg, "service")
	client := dial(t, ca, s, server.address)
	before := z.TokenRequests()
	z.RevokeAll()

	const many = 1000
	errs := make(chan error, many)
	for i := range many {
		go func() {
			if i%2 == 0 {
				_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
				errs <- err
				return
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			stream, err := client.Watch(ctx, &healthpb.HealthCheckRequest{})
			if err == nil {
				_, err = stream.Recv()
			}
			errs <- err
		}()
	}
	for range many {
		require.NoError(t, <-errs, "failed attempts: %d", s.Status().Failures)
	}
	require.Equal(t, before+1, z.TokenRequests(), "there is one renewal")
	_, tokens := server.seen()
	require.Equal(t, 2, tokens)
}

// checkOnce asks about each token once, as a thousand questions at the same time keep
// the issuer from answering the session.
func checkOnce(check servers.Check) servers.Check {
	var mu sync.Mutex
	known := map[string]func() (string, error){}
	return func(_ context.Context, token string) (string, error) {
		mu.Lock()
		ask := known[token]
		if ask == nil {
			ask = sync.OnceValues(func() (string, error) {
				return check(context.Background(), token)
			})
			known[token] = ask
		}
		mu.Unlock()
		return ask()
	}
}

// PerRPC works without package grpcsession.
func TestGRPCPerRPC(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	server := startRPC(t, ca.Issue(t, "localhost"), z.Check)
	cfg := load(t, ca, zitadelConfig(z, ca, "https://"+server.address))
	s := session(t, cfg, "service")
	client := dialWith(t, ca, server.address, grpc.WithPerRPCCredentials(s.PerRPC()))
	_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.ErrorContains(t, err, "not initialized")
	require.NoError(t, s.Init(t.Context()))
	_, err = client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.NoError(t, err)
}

func TestGRPCRefusesForeignServices(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	server := startRPC(t, ca.Issue(t, "localhost"), z.Check)
	cfg := load(t, ca, zitadelConfig(z, ca, "https://api.example.com"))
	client := dial(t, ca, initialised(t, cfg, "service"), server.address)
	_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.Equal(t, codes.PermissionDenied, status.Code(err))
	calls, _ := server.seen()
	require.Zero(t, calls)
}

func TestGRPCRefusesForeignCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := servers.NewCA(t), servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	for name, pair := range map[string]servers.Pair{
		"another host": ca.Issue(t, "other", "other.example.com"),
		"another CA":   stranger.Issue(t, "localhost"),
	} {
		t.Run(name, func(t *testing.T) {
			server := startRPC(t, pair, z.Check)
			cfg := load(t, ca, zitadelConfig(z, ca, "https://"+server.address))
			client := dial(t, ca, initialised(t, cfg, "service"), server.address)
			_, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{})
			require.Equal(t, codes.Unavailable, status.Code(err))
			require.ErrorContains(t, err, "certificate")
			calls, _ := server.seen()
			require.Zero(t, calls)
		})
	}
}
