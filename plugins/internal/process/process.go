// Read on in supervisor.go.

package process

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os/exec"
	"sync"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	gorunner "github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/inherited"
)

// Process is one process of a plugin. [Supervisor.Acquire] returns it.
type Process struct {
	child child
	conn  conn
	began time.Time
	wake  chan struct{} // with an element, the watcher looks at the process now

	mu      sync.Mutex // guards all below; Supervisor.mu may be held
	calls   int        // Acquire and Borrow, less Release; never negative
	lastUse time.Time  // of the last Release, or of the start
	suspect bool       // a call got no answer in its time, and the watcher did not look since
}

// child is what runs; a *runner, but for tests.
type child interface {
	end(grace time.Duration)
	done() <-chan struct{} // closed when the process and all that it held is gone
	endState() string
	runningPID() int
}

// conn is the connection to what runs; a *grpc.ClientConn, but for tests.
type conn interface {
	grpc.ClientConnInterface
	Close() error
}

// Conn returns the connection to the process.
func (p *Process) Conn() grpc.ClientConnInterface { return p.conn }

func newProcess(child child, conn conn, began time.Time) *Process {
	return &Process{child: child, conn: conn, began: began, wake: make(chan struct{}, 1)}
}

// kill ends the process and waits for that.
func (p *Process) kill() {
	p.child.end(0)
	<-p.child.done()
	_ = p.conn.Close()
}

// Release says that the caller does not use the process any more.
func (p *Process) Release() {
	p.mu.Lock()
	p.calls--
	p.lastUse = time.Now()
	p.mu.Unlock()
}

func (p *Process) retain() {
	p.mu.Lock()
	p.calls++
	p.mu.Unlock()
}

// doubt notes that a call got no answer in its time. The watcher asks the
// process for a sign of life.
func (p *Process) doubt() {
	p.mu.Lock()
	p.suspect = true
	p.mu.Unlock()
	p.lookNow()
}

// lookNow makes the watcher look at the process now.
func (p *Process) lookNow() {
	select {
	case p.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// takeDoubt reports whether the process must show a sign of life, and resets
// suspect.
func (p *Process) takeDoubt() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	doubted := p.calls > 0 || p.suspect
	p.suspect = false
	return doubted
}

// unusedFor reports whether the process has no calls and had none for a time.
func (p *Process) unusedFor(d time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls == 0 && time.Since(p.lastUse) >= d
}

// starter starts one process. Its fields are those of the supervisor.
type starter struct {
	program  Program
	config   *Config
	log      *outputLog
	verified identity // of the file whose checksum was right; only start uses it
}

// start checks the file, executes it and asks what it is. ctx bounds the start;
// it has no effect on a process that was returned. When start fails, nothing is
// left of the process.
func (s *starter) start(ctx context.Context) (*Process, Description, error) {
	image, tlsConfig, variable, err := s.prepare()
	if err != nil {
		return nil, Description{}, err
	}
	defer image.file.Close()
	parent, err := s.program.socketParent(socketParents(), s.log)
	if err != nil {
		return nil, Description{}, err
	}
	run, err := newRunner(ctx, s.program, image, s.log)
	if err != nil {
		return nil, Description{}, err
	}
	began, hasFolder := time.Now(), false
	config := &goplugin.ClientConfig{
		HandshakeConfig:  Handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{ProtocolVersion: {}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		StartTimeout:     s.config.StartTimeout,
		Logger:           hclog.NewNullLogger(),
		UnixSocketConfig: &goplugin.UnixSocketConfig{TempDir: parent},
		// The process is started at once after its folder was made: if this program is
		// killed in between, nothing removes the folder.
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (gorunner.Runner, error) {
			hasFolder = true
			run.in(dir, append(cmd.Env, variable)...)
			return run, nil
		},
	}
	run.afterStart = inherited.CloseOnExec()
	defer run.afterStart()
	conn, description, err := s.connectAndDescribe(ctx, config)
	if err == nil && !run.started() {
		err = ctx.Err()
	}
	if err != nil {
		if !hasFolder {
			run.discard()
			run = nil
		}
		return nil, Description{}, s.abort(ctx, run, conn, err)
	}
	go logStdio(conn, s.log)
	return newProcess(run, conn, began), description, nil
}

// prepare opens and checks the program, and makes the host's certificate and the rest
// meanwhile: both take milliseconds. The caller closes the program.
func (s *starter) prepare() (*image, *tls.Config, string, error) {
	type certificate struct {
		config   *tls.Config
		variable string
		err      error
	}
	made := make(chan certificate, 1)
	go func() {
		config, variable, err := clientCertificate()
		made <- certificate{config, variable, err}
		if s.config.Prepare != nil {
			s.config.Prepare()
		}
	}()
	image, err := s.image()
	c := <-made
	if err == nil && c.err != nil {
		_ = image.file.Close()
		err = s.program.errorf(core.CodeUnavailable, ": %w", c.err)
	}
	return image, c.config, c.variable, err
}

// image returns the program, checked. Its checksum is not computed again where the
// last start has found it right and the file is the same since.
func (s *starter) image() (*image, error) {
	file, err := s.program.open()
	if err != nil {
		return nil, err
	}
	image, err := s.program.verify(file, s.verified)
	if err != nil {
		return nil, err
	}
	s.verified = image.identity
	return image, nil
}

// connectAndDescribe starts the process, connects to it and asks it what it is.
// The connection may be set also with an error.
func (s *starter) connectAndDescribe(ctx context.Context,
	config *goplugin.ClientConfig) (*grpc.ClientConn, Description, error) {
	address, err := goplugin.NewClient(config).Start()
	if err != nil {
		return nil, Description{}, err
	}
	// go-plugin has added the plugin's certificate to the configuration.
	conn, err := newConn(address, config)
	if err != nil {
		return nil, Description{}, err
	}
	description, err := s.describe(ctx, conn)
	return conn, description, err
}

// newConn prepares the connection to a process. The first call makes it.
func newConn(address net.Addr, config *goplugin.ClientConfig) (*grpc.ClientConn, error) {
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, address.Network(), address.String())
	}
	return grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(credentials.NewTLS(config.TLSConfig.Clone())),
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(MaxMessage), grpc.MaxCallSendMsgSize(MaxMessage)),
		grpc.WithMaxHeaderListSize(64<<10),
		grpc.WithStaticStreamWindowSize(StreamWindow), grpc.WithStaticConnWindowSize(ConnWindow),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithIdleTimeout(0),
	)
}

// describe asks a process what it is.
func (s *starter) describe(ctx context.Context,
	conn grpc.ClientConnInterface) (Description, error) {
	d, err := s.config.Describe(ctx, conn)
	if err == nil {
		return d, nil
	}
	if coded := (*core.Error)(nil); errors.As(err, &coded) {
		return d, coded
	}
	switch status.Code(err) {
	case codes.Unimplemented:
		return d, s.program.errorf(core.CodeBadConfig, ": it does not serve %s: it is the plugin of "+
			"another program", service)
	case codes.DeadlineExceeded:
		return d, s.program.notReady(s.config.StartTimeout)
	}
	return d, s.program.errorf(core.CodeUnavailable, ": it did not describe itself: the call ended "+
		"with %s", status.Code(err))
}

// abort ends what a failed start has left, waits for that, and returns the error
// that says most: that of the host's end or of the time, then one with a code,
// then that of the handshake, which go-plugin does not know. run and conn may be
// nil.
func (s *starter) abort(ctx context.Context, run *runner, conn *grpc.ClientConn, err error) error {
	wasKilled := ctx.Err() == nil && conn != nil &&
		core.CodeOf(err) == core.CodeUnavailable && run.wasKilled()
	if run != nil {
		_ = run.Kill(ctx)
		<-run.exited
	}
	if conn != nil {
		_ = conn.Close()
	}
	switch coded := (*core.Error)(nil); {
	case errors.Is(ctx.Err(), context.Canceled):
		return s.program.hostClosed()
	case ctx.Err() != nil:
		return s.program.notReady(s.config.StartTimeout)
	case wasKilled:
		return s.program.killedError()
	case errors.As(err, &coded):
		return coded
	}
	if run != nil && run.handshakeError() != nil {
		return run.handshakeError()
	}
	return s.program.errorf(core.CodeUnavailable, ": it did not start: %s", OneLine(err.Error(), 200))
}
