package grpcsession_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/authsession/authsession/core"
)

const many = 1000

// together calls fn many times at once and returns how often it failed, and one of
// the errors.
func together(fn func() error) (failed int, last error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range many {
		wg.Go(func() {
			if err := fn(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed, last = failed+1, err
			}
		})
	}
	wg.Wait()
	return failed, last
}

// A thousand calls carry a token that the server does not take any more.
func TestRefusedOnce(t *testing.T) {
	for name, one := range map[string]func(context.Context, *grpc.ClientConn) error{
		"unary": func(ctx context.Context, conn *grpc.ClientConn) error {
			return call(ctx, conn, "hello")
		},
		"server stream": func(ctx context.Context, conn *grpc.ClientConn) error {
			stream, err := openStream(ctx, conn, serverMethod)
			if err == nil {
				err = errors.Join(stream.SendMsg(wrapperspb.String("hello")), stream.CloseSend())
			}
			if err == nil {
				_, err = receive(stream)
			}
			if err == nil {
				if _, err = receive(stream); err == io.EOF {
					return nil
				}
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &issuer{}
			s := ready(t, p, core.Options{})
			server := start(t, only("t2"))
			conn := server.dial(t, s)

			failed, err := together(func() error { return one(t.Context(), conn) })
			require.NoError(t, err)
			require.Zero(t, failed)
			require.EqualValues(t, 2, p.calls.Load(), "there is one renewal")
			require.EqualValues(t, 1, s.Status().Refusals)
			_, messages := server.seen()
			require.Len(t, messages, many)
		})
	}
}

// A thousand calls find that the token has expired.
func TestExpiredOnce(t *testing.T) {
	p := &issuer{life: 200 * time.Millisecond}
	s := ready(t, p, core.Options{})
	server := start(t, func(string) error { return nil })
	conn := server.dial(t, s)
	require.Eventually(t, func() bool { return s.Status().State == core.StateExpired }, time.Minute, time.Millisecond)
	p.life = time.Hour // no attempt is under way

	failed, err := together(func() error { return call(t.Context(), conn, "hello") })
	require.NoError(t, err)
	require.Zero(t, failed)
	require.EqualValues(t, 2, p.calls.Load())
	tokens, _ := server.seen()
	require.Len(t, tokens, many)
	require.NotContains(t, tokens, "t1")
}

// A second refusal is the caller's, and there is no third attempt.
func TestSecondRefusal(t *testing.T) {
	for name, method := range map[string]string{
		"unary": unaryMethod, "server": serverMethod, "bidi": bidiMethod,
	} {
		t.Run(name, func(t *testing.T) {
			p := &issuer{}
			server := start(t, only("none"))
			s := ready(t, p, core.Options{})
			conn := server.dial(t, s)
			err := func() error {
				if method == unaryMethod {
					return call(t.Context(), conn, "x")
				}
				stream := open(t.Context(), t, conn, method)
				if method == serverMethod {
					require.NoError(t, stream.SendMsg(wrapperspb.String("x")))
				}
				_, err := receive(stream)
				_, again := receive(stream)
				require.Equal(t, codes.Unauthenticated, status.Code(again))
				return err
			}()
			require.Equal(t, codes.Unauthenticated, status.Code(err))
			tokens, messages := server.seen()
			require.Equal(t, []string{"t1", "t2"}, tokens)
			require.Empty(t, messages)
			require.LessOrEqual(t, p.calls.Load(), int64(3))
			require.EqualValues(t, 2, s.Status().Refusals, "each is told once")
		})
	}
}

func TestNoReplay(t *testing.T) {
	p := &issuer{}
	server := start(t, only("t2"))
	s := ready(t, p, core.Options{NoReplay: true})
	conn := server.dial(t, s)
	require.Equal(t, codes.Unauthenticated, status.Code(call(t.Context(), conn, "x")))
	require.NoError(t, call(t.Context(), conn, "x"), "the credential was renewed")
	tokens, _ := server.seen()
	require.Equal(t, []string{"t1", "t2"}, tokens)
}

// A renewal that fails leaves the refusal to the caller.
func TestRefusedWithoutAnother(t *testing.T) {
	p := &issuer{fail: func(call int64) error {
		if call > 1 {
			return core.Errorf(core.CodeDenied, "no more")
		}
		return nil
	}}
	server := start(t, only("none"))
	conn := server.dial(t, ready(t, p, core.Options{}))
	err := call(t.Context(), conn, "x")
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.ErrorContains(t, err, "not this token")
	err = call(t.Context(), conn, "x")
	require.ErrorIs(t, err, core.CodeDenied)
	tokens, _ := server.seen()
	require.Equal(t, []string{"t1"}, tokens)
}

// Only a refusal of the server takes the credential from the session.
func TestOthersErrors(t *testing.T) {
	p := &issuer{}
	s := ready(t, p, core.Options{})
	server := start(t, func(string) error { return status.Error(codes.PermissionDenied, "no") })
	conn := server.dial(t, s)
	require.Equal(t, codes.PermissionDenied, status.Code(call(t.Context(), conn, "x")))

	other := server.dial(t, s, grpc.WithPerRPCCredentials(&broken{}))
	err := call(t.Context(), other, "x")
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.ErrorContains(t, err, "broken")

	invented := server.dial(t, s, grpc.WithChainUnaryInterceptor(func(
		ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
		invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
	) error {
		_ = invoke(ctx, method, req, reply, conn, opts...)
		return status.Error(codes.Unauthenticated, "invented")
	}))
	require.ErrorContains(t, call(t.Context(), invented, "x"), "invented")
	server.accept(func(string) error { return nil })
	require.ErrorContains(t, call(t.Context(), invented, "x"), "invented")

	// gRPC sends the call again, and then cannot: only the first time was it sent.
	server.accept(func(string) error { return status.Error(codes.Unavailable, "later") })
	failsLater := &broken{}
	failsLater.good.Store(1)
	retried := server.dial(t, s, grpc.WithPerRPCCredentials(failsLater),
		grpc.WithDefaultServiceConfig(retries))
	err = call(t.Context(), retried, "x")
	require.Equal(t, codes.Unauthenticated, status.Code(err))
	require.ErrorContains(t, err, "broken")

	require.Zero(t, s.Status().Refusals)
	require.EqualValues(t, 1, p.calls.Load())
}

// broken is a credential that fails after it was good for so many calls.
type broken struct{ good atomic.Int64 }

func (b *broken) GetRequestMetadata(
	context.Context, ...string,
) (map[string]string, error) {
	if b.good.Add(-1) >= 0 {
		return nil, nil
	}
	return nil, errors.New("broken")
}

func (*broken) RequireTransportSecurity() bool { return false }

var _ credentials.PerRPCCredentials = (*broken)(nil)

const retries = `{"methodConfig": [{"name": [{}], "retryPolicy": {
	"maxAttempts": 5, "initialBackoff": "0.3s", "maxBackoff": "2s", "backoffMultiplier": 2,
	"retryableStatusCodes": ["UNAVAILABLE"]}}]}`

// A challenge that asks for more rights does not refuse the credential.
func TestChallenge(t *testing.T) {
	for challenge, want := range map[string]int{
		`Bearer error="insufficient_scope"`: 1, `Bearer error="invalid_token"`: 2,
	} {
		p := &issuer{}
		s := ready(t, p, core.Options{})
		server := start(t, func(token string) error {
			return status.Error(codes.Unauthenticated, "no")
		})
		server.challenge = challenge
		conn := server.dial(t, s)
		require.Equal(t, codes.Unauthenticated, status.Code(call(t.Context(), conn, "x")))
		tokens, _ := server.seen()
		require.Len(t, tokens, want, challenge)
	}
}

// Each error of the session has its own status code, and is found in the status.
func TestStatusCodes(t *testing.T) {
	fails := func(code core.Code) *issuer {
		return &issuer{fail: func(int64) error { return core.Errorf(code, "as planned") }}
	}
	hangs := core.ProviderFunc(func(
		ctx context.Context, _ core.Request,
	) (core.Credential, error) {
		<-ctx.Done()
		return core.Credential{}, ctx.Err()
	})
	lazy := core.Options{Lazy: true}
	closed := session(t, &issuer{}, core.Options{})
	require.NoError(t, closed.Init(t.Context()))
	require.NoError(t, closed.Close(t.Context()))
	for name, c := range map[string]struct {
		session *core.Session
		after   time.Duration // of the call's deadline; 0: none; <0: cancelled
		want    codes.Code
		code    core.Code
	}{
		"deadline": {
			session(t, hangs, lazy), 50 * time.Millisecond, codes.DeadlineExceeded, core.CodeUnavailable,
		},
		"cancelled": {
			session(t, hangs, lazy), -50 * time.Millisecond, codes.Canceled, core.CodeUnavailable,
		},
		"outage": {
			session(t, fails(core.CodeUnavailable), lazy), 0, codes.Unavailable, core.CodeUnavailable,
		},
		"issuer hangs": {
			session(t, hangs, core.Options{Lazy: true, Timeout: 20 * time.Millisecond}),
			0, codes.Unavailable, core.CodeUnavailable,
		},
		"denied": {
			session(t, fails(core.CodeDenied), lazy), 0, codes.Unauthenticated, core.CodeDenied,
		},
		"interactive": {
			session(t, fails(core.CodeInteractive), lazy), 0, codes.Unauthenticated, core.CodeInteractive,
		},
		"bad config": {
			session(t, fails(core.CodeBadConfig), lazy), 0, codes.Internal, core.CodeBadConfig,
		},
		"not initialized": {
			session(t, &issuer{}, core.Options{}), 0, codes.Internal, core.CodeNotInitialized,
		},
		"closed": {closed, 0, codes.Canceled, core.CodeClosed},
		"origin refused": {
			ready(t, &issuer{}, core.Options{Origins: []string{"https://other.test"}}),
			0, codes.PermissionDenied, core.CodeOriginRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := start(t, func(string) error { return nil })
			conn := server.dial(t, c.session)
			limited := func() (context.Context, context.CancelFunc) {
				if c.after > 0 {
					return context.WithTimeout(t.Context(), c.after)
				}
				ctx, cancel := context.WithCancel(t.Context())
				if c.after < 0 {
					time.AfterFunc(-c.after, cancel)
				}
				return ctx, cancel
			}
			ctx, cancel := limited()
			defer cancel()
			check := func(err error) {
				require.Equal(t, c.want, status.Code(err), err)
				if !errors.Is(err, context.DeadlineExceeded) && c.after == 0 {
					require.ErrorIs(t, err, c.code)
				}
				require.NotContains(t, err.Error(), "illegal status")
			}
			check(call(ctx, conn, "x"))
			ctx, cancel = limited()
			defer cancel()
			_, err := openStream(ctx, conn, bidiMethod)
			check(err)
			tokens, _ := server.seen()
			require.Empty(t, tokens, "nothing reached the server")
			require.Zero(t, c.session.Status().Refusals)
		})
	}
}

// A service config that retries UNAVAILABLE retries an outage of the token endpoint.
func TestServiceConfigRetries(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		fails  core.Code
		want   codes.Code
	}{
		"retried":       {retries, core.CodeUnavailable, codes.OK},
		"no policy":     {`{}`, core.CodeUnavailable, codes.Unavailable},
		"not an outage": {retries, core.CodeDenied, codes.Unauthenticated},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &issuer{fail: func(call int64) error {
				if call == 1 {
					return core.Errorf(c.fails, "out of order")
				}
				return nil
			}}
			server := start(t, func(string) error { return nil })
			conn := server.dial(t, session(t, p, core.Options{Lazy: true}),
				grpc.WithDefaultServiceConfig(c.config))
			require.Equal(t, c.want, status.Code(call(t.Context(), conn, "x")))
		})
	}
}

// Interceptors before these see one call, those after them each time it is sent.
func TestInterceptorsCompose(t *testing.T) {
	var before, after atomic.Int64
	count := func(n *atomic.Int64) grpc.UnaryClientInterceptor {
		return func(
			ctx context.Context, method string, req, reply any, conn *grpc.ClientConn,
			invoke grpc.UnaryInvoker, opts ...grpc.CallOption,
		) error {
			n.Add(1)
			return invoke(ctx, method, req, reply, conn, opts...)
		}
	}
	server := start(t, only("t2"))
	conn := server.dial(t, ready(t, &issuer{}, core.Options{}),
		grpc.WithChainUnaryInterceptor(count(&after)), grpc.WithUnaryInterceptor(count(&before)))
	ctx := metadata.AppendToOutgoingContext(t.Context(), "x-own", "kept")
	require.NoError(t, call(ctx, conn, "x"))
	require.EqualValues(t, 1, before.Load())
	require.EqualValues(t, 2, after.Load())
}

// Two sessions add to one connection, and the server refuses both credentials.
func TestTwoSessions(t *testing.T) {
	p, q := &issuer{}, &issuer{}
	key := core.ProviderFunc(func(
		ctx context.Context, r core.Request,
	) (core.Credential, error) {
		c, err := q.Authenticate(ctx, r)
		c.Attach.Header = map[string]core.Secret{"X-Key": c.Attach.Header["Authorization"]}
		return c, err
	})
	server := start(t, only("t2"))
	conn := server.dial(t, ready(t, p, core.Options{}),
		dialOptions(ready(t, key, core.Options{}))...)
	require.NoError(t, call(t.Context(), conn, "x"))
	require.EqualValues(t, 2, q.calls.Load())
}
