package grpcsession_test

import (
	"context"
	"fmt"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/grpcsession"
)

// serve starts a service that takes the token t2 alone, and returns its address.
func serve() (address string, stop func()) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(func(
		ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler,
	) (any, error) {
		md, _ := metadata.FromIncomingContext(ctx)
		fmt.Println("server:", md.Get("authorization"))
		if md.Get("authorization")[0] != "Bearer t2" {
			return nil, status.Error(codes.Unauthenticated, "the token was revoked")
		}
		return next(ctx, req)
	}))
	healthpb.RegisterHealthServer(server, health.NewServer())
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), server.Stop
}

// The server has revoked the session's token. The session renews it, and the call is
// repeated.
func ExampleDialOptions() {
	address, stop := serve()
	defer stop()

	ctx := context.Background()
	session := core.New("health", &issuer{}, &core.Options{
		AllowHTTP: true, // this server has no certificate
	})
	if err := session.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer session.Close(ctx)

	conn, err := grpc.NewClient(address, append(
		grpcsession.DialOptions(session),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	)...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	reply, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	fmt.Println(reply.GetStatus(), err)
	// Output:
	// server: [Bearer t1]
	// server: [Bearer t2]
	// SERVING <nil>
}

// An error of the session is a status error with its own code. core.CodeOf finds the
// code of the session in it.
func ExampleDialOptions_errors() {
	address, stop := serve()
	defer stop()

	session := core.New("health", &issuer{}, &core.Options{AllowHTTP: true})
	conn, err := grpc.NewClient(address, append(
		grpcsession.DialOptions(session),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
	)...)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	_, err = healthpb.NewHealthClient(conn).Check(
		context.Background(), &healthpb.HealthCheckRequest{})
	fmt.Println(status.Code(err), "and", core.CodeOf(err))
	// Output:
	// Internal and not initialized
}
