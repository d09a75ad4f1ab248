package plugins

import (
	"context"
	"errors"
	"net"
	"os"
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
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// process is one running plugin.
type process struct {
	sup    *supervisor
	run    *runner
	conn   *grpc.ClientConn
	client v1.ProviderClient
	began  time.Time
	exited <-chan struct{}
	nudge  chan struct{} // asks the monitor to look now

	mu      sync.Mutex // guards all below
	calls   int
	lastUse time.Time
	suspect bool // a call got no answer in its time
}

// maxSocketDir leaves room for the name of a socket within the 103 bytes that
// every system allows.
const maxSocketDir = 85

// startProcess checks the file, starts it and asks what it serves.
func startProcess(ctx context.Context, s *supervisor) (*process, *Description, error) {
	file, err := s.bin.open()
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	var script bool
	var sumErr error
	summed := make(chan struct{}) // while go-plugin makes its keys
	go func() {
		defer close(summed)
		script, sumErr = s.bin.verify(file)
	}()
	defer func() { <-summed }()
	p := &process{sup: s, began: time.Now(), nudge: make(chan struct{}, 1)}
	tlsConfig, variable, err := clientCertificate()
	if err != nil {
		return nil, nil, core.Errorf(core.Unavailable, "plugin %q: %w", s.bin.Name, err)
	}
	config := &goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		VersionedPlugins: map[int]goplugin.PluginSet{protocolVersion: {}},
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
		TLSConfig:        tlsConfig,
		SkipHostEnv:      true,
		StartTimeout:     s.host.startTimeout(),
		Logger:           hclog.NewNullLogger(),
		RunnerFunc: func(_ hclog.Logger, cmd *exec.Cmd, dir string) (gorunner.Runner, error) {
			if <-summed; sumErr != nil {
				_ = os.RemoveAll(dir)
				return nil, sumErr
			}
			if len(dir) > maxSocketDir {
				_ = os.RemoveAll(dir)
				return nil, core.Errorf(core.BadConfig, "plugin %q: the folder for its socket, %s, has too long a name: set TMPDIR to a shorter one", s.bin.Name, dir)
			}
			p.run = newRunner(ctx, s.bin, file, script, append(cmd.Env, variable), dir, s.say)
			p.exited = p.run.exited
			return p.run, nil
		},
	}
	addr, err := goplugin.NewClient(config).Start()
	if err == nil {
		err = p.connect(addr, config)
	}
	var desc *Description
	if err == nil {
		desc, err = p.describe(ctx)
	}
	if err != nil {
		return nil, nil, p.abort(ctx, err)
	}
	if !p.run.disarm() {
		return nil, nil, p.abort(ctx, ctx.Err())
	}
	go p.drainStdio()
	return p, desc, nil
}

// abort ends what a failed start has left and finds the best error.
func (p *process) abort(ctx context.Context, err error) error {
	name := p.sup.bin.Name
	if p.run != nil {
		_ = p.run.Kill(ctx)
		<-p.run.exited
	}
	if p.conn != nil {
		_ = p.conn.Close()
	}
	var coded *core.Error
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return p.sup.hostClosed()
	case ctx.Err() != nil:
		return p.sup.notReady()
	case errors.As(err, &coded):
		return coded
	}
	if p.run != nil && p.run.failure() != nil {
		return p.run.failure()
	}
	return core.Errorf(core.Unavailable, "plugin %q: it did not start: %w", name, errors.New(clean(err.Error(), 200)))
}

// connect prepares the connection. The first call makes it.
func (p *process) connect(addr net.Addr, config *goplugin.ClientConfig) error {
	dial := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, addr.Network(), addr.String())
	}
	tls := config.TLSConfig.Clone()
	var err error
	p.conn, err = grpc.NewClient("passthrough:///plugin",
		grpc.WithContextDialer(dial),
		grpc.WithTransportCredentials(credentials.NewTLS(tls)),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage), grpc.MaxCallSendMsgSize(maxMessage)),
		grpc.WithMaxHeaderListSize(64<<10),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithIdleTimeout(0),
	)
	if err != nil {
		return err
	}
	p.client = v1.NewProviderClient(p.conn)
	return nil
}

// describe asks what the plugin serves, and checks it.
func (p *process) describe(ctx context.Context) (*Description, error) {
	m, err := p.client.Describe(ctx, &v1.DescribeRequest{})
	if err != nil {
		name := p.sup.bin.Name
		switch status.Code(err) {
		case codes.Unimplemented:
			return nil, core.Errorf(core.BadConfig, "plugin %q: it does not serve authsession.provider.v1: it is the plugin of another program", name)
		case codes.DeadlineExceeded:
			return nil, p.sup.notReady()
		}
		return nil, core.Errorf(core.Unavailable, "plugin %q: it did not describe itself: the call ended with %s", name, status.Code(err))
	}
	return newDescription(p.sup.bin.Name, m)
}

func (p *process) retain() {
	p.mu.Lock()
	p.calls++
	p.mu.Unlock()
}

// current reports whether new calls go to the process.
func (p *process) current() bool {
	p.sup.mu.Lock()
	defer p.sup.mu.Unlock()
	return p.sup.proc == p
}

// borrow retains the process unless it is out of use.
func (p *process) borrow() bool {
	p.sup.mu.Lock()
	defer p.sup.mu.Unlock()
	if p.sup.proc != p {
		return false
	}
	p.retain()
	return true
}

func (p *process) release() {
	p.mu.Lock()
	p.calls--
	p.lastUse = time.Now()
	p.mu.Unlock()
}

// doubt notes that a call got no answer in its time.
func (p *process) doubt() {
	p.mu.Lock()
	p.suspect = true
	p.mu.Unlock()
	p.look()
}

// look asks the monitor to look now.
func (p *process) look() {
	select {
	case p.nudge <- struct{}{}:
	default:
	}
}

// monitor watches for a hang and for idleness until the process has exited or
// is being stopped.
func (p *process) monitor() {
	defer p.conn.Close()
	every := min(p.sup.host.hangTimeout()/4, max(p.sup.host.idleTimeout()/4, 10*time.Millisecond))
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-p.exited:
			return
		case <-tick.C:
		case <-p.nudge:
		}
		p.mu.Lock()
		ask := p.calls > 0 || p.suspect
		p.suspect = false
		p.mu.Unlock()
		if ask && !p.lives() {
			p.sup.lost(p, errors.New("it hangs: it gave no sign of life"))
			return
		}
		if !ask && p.sup.idle(p) {
			<-p.exited
			return
		}
	}
}

// lives asks for a sign of life.
func (p *process) lives() bool {
	ctx, cancel := context.WithTimeout(context.Background(), p.sup.host.hangTimeout()*3/4)
	defer cancel()
	_, err := p.client.Describe(ctx, &v1.DescribeRequest{})
	return status.Code(err) != codes.DeadlineExceeded
}

// fault judges the error of a call: whether the process is to blame, so that
// another one may do better.
func (p *process) fault(ctx context.Context, err error) (error, bool) {
	name := p.sup.bin.Name
	code := status.Code(err)
	if ctx.Err() != nil {
		p.doubt()
		return core.Errorf(core.Unavailable, "plugin %q did not answer in time: %w", name, context.Cause(ctx)), false
	}
	if !p.current() { // it was lost meanwhile, and its connection closed
		return core.Errorf(core.Unavailable, "plugin %q: it failed during the call", name), true
	}
	switch code {
	case codes.Unavailable, codes.Internal, codes.DataLoss:
		why := "the connection broke"
		if code != codes.Unavailable {
			why = "it sent what is not of the protocol"
		}
		p.sup.lost(p, errors.New(why))
		return core.Errorf(core.Unavailable, "plugin %q: %s", name, why), true
	case codes.DeadlineExceeded, codes.Canceled:
		p.doubt()
		return core.Errorf(core.Unavailable, "plugin %q did not answer in time: %w", name, context.DeadlineExceeded), false
	case codes.ResourceExhausted:
		return core.Errorf(core.Unavailable, "plugin %q: a message is larger than %d MiB", name, maxMessage>>20), false
	case codes.Unimplemented:
		return core.Errorf(core.Unavailable, "plugin %q does not serve a call that it must serve", name), false
	}
	return core.Errorf(core.Unavailable, "plugin %q: the call failed with status %s; the plugin's own log says more", name, code), false
}
