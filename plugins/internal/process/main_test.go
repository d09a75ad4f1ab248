package process

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// TestMain makes the test binary its own plugin.
func TestMain(m *testing.M) {
	if os.Getenv(CookieKey) != "" {
		pluginMain()
		return
	}
	goleak.VerifyTestMain(m)
}

// pluginMain is what the test binary does as a plugin. The first argument says what it does wrong.
func pluginMain() {
	switch arg, file, _ := strings.Cut(strings.Join(os.Args[1:], " "), " "); {
	case arg == "exit":
		os.Exit(1)
	case arg == "killed", arg == "killed-once" && os.Remove(file) == nil:
		die()
	case arg == "killed-in-describe" && os.Remove(file) == nil:
		describe = die
	}
	Serve(&goplugin.ServeConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{ProtocolVersion: {"test": testPlugin{}}},
		GRPCServer:       func(opts []grpc.ServerOption) *grpc.Server { return grpc.NewServer(opts...) },
	}, func() {}, func() {})
}

// testPlugin serves Describe and nothing else.
type testPlugin struct {
	goplugin.NetRPCUnsupportedPlugin
}

func (testPlugin) GRPCServer(_ *goplugin.GRPCBroker, to *grpc.Server) error {
	v1.RegisterProviderServer(to, describer{})
	return nil
}

func (testPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker,
	*grpc.ClientConn) (any, error) {
	return nil, nil
}

// die ends this process as somebody else would.
func die() {
	p, err := os.FindProcess(os.Getpid())
	if err == nil {
		_ = p.Kill()
	}
	select {}
}

// describe is what Describe does first.
var describe = func() {}

type describer struct{ v1.UnimplementedProviderServer }

func (describer) Describe(context.Context, *v1.DescribeRequest) (*v1.DescribeResponse, error) {
	describe()
	return &v1.DescribeResponse{Version: "v1.2.3"}, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

var self = sync.OnceValues(func() (string, string) {
	path, err := os.Executable()
	if err != nil {
		panic(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	return path, sum(data)
})

// logBuffer collects a log.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// newTestSupervisor returns a supervisor of the test binary, which is closed with the test, and
// its log.
func newTestSupervisor(t *testing.T, c Config, args ...string) (*Supervisor, *logBuffer) {
	t.Helper()
	ping := func(ctx context.Context, conn grpc.ClientConnInterface) (string, error) {
		m, err := v1.NewProviderClient(conn).Describe(ctx, &v1.DescribeRequest{})
		return m.GetVersion(), err
	}
	c.Describe = func(ctx context.Context, conn grpc.ClientConnInterface) (Description, error) {
		version, err := ping(ctx, conn)
		return Description{Version: version, Value: "the value"}, err
	}
	c.Ping = func(ctx context.Context, conn grpc.ClientConnInterface) error {
		_, err := ping(ctx, conn)
		return err
	}
	for _, timeout := range []*time.Duration{&c.StartTimeout, &c.IdleTimeout, &c.HangTimeout} {
		if *timeout == 0 {
			*timeout = 30 * time.Second
		}
	}
	path, hash := self()
	log := &logBuffer{}
	to := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := NewSupervisor(Program{Name: "tester", Path: path, SHA256: hash, Args: args}, c, to)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, s.Close(ctx))
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return s, log
}

func acquire(t *testing.T, s *Supervisor) *Process {
	t.Helper()
	p, err := s.Acquire(t.Context())
	require.NoError(t, err)
	return p
}

func eventually(t *testing.T, ok func() bool, what string) {
	t.Helper()
	require.Eventually(t, ok, 20*time.Second, 5*time.Millisecond, what)
}

// TestAcquire proves what a supervisor says of its process before, while and after it runs.
func TestAcquire(t *testing.T) {
	s, log := newTestSupervisor(t, Config{})
	require.Nil(t, s.Described())
	require.Zero(t, s.PID())

	p := acquire(t, s)
	again := acquire(t, s)
	require.Same(t, p, again)
	require.Equal(t, "the value", s.Described())
	require.NotZero(t, s.PID())
	require.Contains(t, log.String(), "version=v1.2.3")
	require.True(t, s.IsCurrent(p))
	require.True(t, s.Borrow(p))
	for range 3 {
		p.Release()
	}

	require.NoError(t, s.Close(t.Context()))
	require.Zero(t, s.PID())
	require.False(t, s.IsCurrent(p))
	require.False(t, s.Borrow(p))
	require.Equal(t, "the value", s.Described(), "it is still known what the plugin is")
	_, err := s.Acquire(t.Context())
	require.ErrorIs(t, err, core.CodeClosed)
}
