package grpcsession_test

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/grpcsession"
)

// TestPlainLoopback checks that a server on this machine needs neither TLS nor
// AllowHTTP, however the session names it, and that another one does.
func TestPlainLoopback(t *testing.T) {
	serve := func(t *testing.T, network, address string) net.Listener {
		l, err := net.Listen(network, address)
		if err != nil {
			t.Skip(err)
		}
		s := startOn(t, l, nil)
		t.Cleanup(func() {
			tokens, _ := s.seen()
			if !t.Failed() && !strings.Contains(t.Name(), "refused") {
				require.Equal(t, []string{"t1"}, tokens)
			}
		})
		return l
	}
	for name, tc := range map[string]struct {
		address string
		target  string // $ is the port
		origins []string
		options grpc.DialOption // nil: none
	}{
		"address":       {"127.0.0.1:0", "127.0.0.1:$", []string{"http://127.0.0.1:$"}, nil},
		"localhost":     {"127.0.0.1:0", "localhost:$", []string{"http://localhost:$"}, nil},
		"IPv6":          {"[::1]:0", "[::1]:$", []string{"http://[::1]:$"}, nil},
		"upper case":    {"127.0.0.1:0", "LOCALHOST:$", []string{"http://localhost:$"}, nil},
		"https as gRPC": {"127.0.0.1:0", "127.0.0.1:$", []string{"https://127.0.0.1:$"}, nil},
		"no origins":    {"127.0.0.1:0", "127.0.0.1:$", nil, nil},
		"one of two": {
			"127.0.0.1:0", "127.0.0.1:$", []string{"https://prices.example.com", "http://127.0.0.1:$"}, nil,
		},
		"authority": {
			"127.0.0.1:0", "127.0.0.1:$", []string{"http://localhost"}, grpc.WithAuthority("localhost:80"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := serve(t, "tcp", tc.address)
			_, port, err := net.SplitHostPort(l.Addr().String())
			require.NoError(t, err)
			var opts core.Options
			for _, o := range tc.origins {
				opts.Origins = append(opts.Origins, strings.ReplaceAll(o, "$", port))
			}
			s := core.New("echo", &issuer{}, &opts)
			require.NoError(t, s.Init(t.Context()))
			defer s.Close(context.Background()) //nolint:errcheck // it has nothing to lose
			dial := append(grpcsession.DialOptions(s),
				grpc.WithTransportCredentials(insecure.NewCredentials()))
			if tc.options != nil {
				dial = append(dial, tc.options)
			}
			conn, err := grpc.NewClient(strings.ReplaceAll(tc.target, "$", port), dial...)
			require.NoError(t, err)
			defer conn.Close() //nolint:errcheck // the test ends
			require.NoError(t, call(t.Context(), conn, "hello"))
		})
	}
	t.Run("Unix socket", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "s")
		serve(t, "unix", path)
		s := core.New("echo", &issuer{}, nil)
		require.NoError(t, s.Init(t.Context()))
		conn, err := grpc.NewClient("unix:"+path, append(grpcsession.DialOptions(s),
			grpc.WithTransportCredentials(insecure.NewCredentials()))...)
		require.NoError(t, err)
		defer conn.Close() //nolint:errcheck // the test ends
		require.NoError(t, call(t.Context(), conn, "hello"))
	})
}

// TestPlainElsewhere checks that a credential never goes over a connection to another
// machine that is not encrypted, whatever the connection calls its server.
func TestPlainElsewhere(t *testing.T) {
	for name, opts := range map[string]core.Options{
		"no origins":         {},
		"loopback beside it": {Origins: []string{"http://127.0.0.1:1", "https://echo.test"}},
		"http":               {Origins: []string{"http://echo.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, nil)
			s := core.New("echo", &issuer{}, &opts)
			require.NoError(t, s.Init(t.Context()))
			// The connection of a bufconn has no address of this machine.
			all := append(grpcsession.DialOptions(s),
				grpc.WithTransportCredentials(insecure.NewCredentials()),
				grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) {
					return srv.listener.DialContext(ctx)
				}))
			conn, err := grpc.NewClient("passthrough:///echo.test", all...)
			if err != nil {
				require.ErrorContains(t, err, "transport")
				return
			}
			defer conn.Close() //nolint:errcheck // the test ends
			err = call(t.Context(), conn, "hello")
			require.ErrorIs(t, err, core.CodeOriginRefused)
			require.Equal(t, codes.PermissionDenied, status.Code(err))
			tokens, _ := srv.seen()
			require.Empty(t, tokens)
		})
	}
	https := core.New("echo", &issuer{}, &core.Options{Origins: []string{"https://echo.test"}})
	_, err := grpc.NewClient("passthrough:///echo.test", append(grpcsession.DialOptions(https),
		grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	require.Error(t, err, "what is known is said at once")
}
