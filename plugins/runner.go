package plugins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/authsession/authsession/core"
)

const (
	maxHandshake = 16 << 10
	drain        = 100 * time.Millisecond // for the last words of a process that ended
)

// runner starts one process and sees it to its end. It implements go-plugin's
// runner.Runner, so that go-plugin does the handshake and nothing else.
type runner struct {
	bin    Binary
	file   *os.File // the checked program
	script bool
	dir    string // for the socket; also the working directory
	cmd    *exec.Cmd
	say    *logger
	limit  context.Context // of the start
	disarm func() bool
	stdin  *os.File // the plugin ends when it is closed
	stdout *os.File
	stderr *os.File
	hello  *io.PipeReader // the handshake, for go-plugin

	exited chan struct{} // closed when the process and all that it held is gone

	mu      sync.Mutex // guards all below
	alive   bool
	doomed  bool  // to be killed as soon as it is alive
	problem error // what is wrong with the handshake
	state   string
}

// newRunner prepares a process. file is the checked program; the caller keeps
// it open until Start is back.
func newRunner(limit context.Context, bin Binary, file *os.File, script bool, env []string, dir string, say *logger) *runner {
	r := &runner{limit: limit, bin: bin, file: file, script: script, dir: dir, say: say, exited: make(chan struct{})}
	r.cmd = &exec.Cmd{Path: bin.Path, Args: append([]string{bin.Path}, bin.Args...), Dir: dir, SysProcAttr: ownGroup()}
	for _, name := range bin.Env {
		if value, ok := os.LookupEnv(name); ok {
			r.cmd.Env = append(r.cmd.Env, name+"="+value)
		}
	}
	r.cmd.Env = append(r.cmd.Env, env...)
	return r
}

// Start starts the process, which is killed when limit ends
// before disarm is called. All of its life is one goroutine's, which keeps
// its thread: on Linux the plugin is told when that thread ends.
func (r *runner) Start(context.Context) error {
	theirs, err := r.pipes()
	if err == nil {
		if err = executeOpened(r.cmd, r.file, r.script); err != nil {
			closeAll(append(theirs, r.stdin, r.stdout, r.stderr))
		}
		theirs[0] = r.cmd.Stdin.(*os.File)
	}
	if err != nil {
		close(r.exited)
		_ = os.RemoveAll(r.dir)
		return core.Errorf(core.Unavailable, "plugin %q: %w", r.bin.Name, err)
	}
	hello, out := io.Pipe()
	r.hello = hello
	started := make(chan error, 1)
	go r.live(started, out, theirs)
	r.disarm = context.AfterFunc(r.limit, func() { r.end(0) })
	return <-started
}

func (r *runner) live(started chan<- error, out *io.PipeWriter, theirs []*os.File) {
	defer close(r.exited)
	runtime.LockOSThread()
	err := r.cmd.Start()
	closeAll(theirs)
	if err == nil {
		r.mu.Lock()
		r.alive = true
		if r.doomed {
			killGroup(r.cmd.Process.Pid)
		}
		r.mu.Unlock()
	} else {
		err = r.startError(err)
	}
	started <- err
	var pumps sync.WaitGroup
	if err == nil {
		pumps.Go(func() { r.readStdout(out) })
		pumps.Go(func() { r.say.lines(r.stderr, "stderr") })
		awaitExit(r.cmd)
		r.mu.Lock()
		killGroup(r.cmd.Process.Pid) // what it has started, while its id is still its own
		r.alive = false
		_ = r.cmd.Wait()
		r.state = r.cmd.ProcessState.String()
		r.mu.Unlock()
	}
	runtime.UnlockOSThread()
	late := time.AfterFunc(drain, func() { closeAll([]*os.File{r.stdout, r.stderr}) })
	pumps.Wait()
	late.Stop()
	_ = out.Close()
	closeAll([]*os.File{r.stdin, r.stdout, r.stderr})
	_ = os.RemoveAll(r.dir)
}

// pipes makes the three and returns the plugin's ends.
func (r *runner) pipes() ([]*os.File, error) {
	var theirs, ours []*os.File
	for i := range 3 {
		from, to, err := os.Pipe()
		if err != nil {
			closeAll(theirs)
			closeAll(ours)
			return nil, err
		}
		if i == 0 {
			from, to = to, from
		}
		ours, theirs = append(ours, from), append(theirs, to)
	}
	r.stdin, r.stdout, r.stderr = ours[0], ours[1], ours[2]
	r.cmd.Stdin, r.cmd.Stdout, r.cmd.Stderr = theirs[0], theirs[1], theirs[2]
	return theirs, nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

func (r *runner) startError(err error) error {
	code, text := core.BadConfig, pathless(err)
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		text = fmt.Errorf("the file is no program for %s/%s", runtime.GOOS, runtime.GOARCH)
	case errors.Is(err, fs.ErrNotExist):
		text = fmt.Errorf("the interpreter or loader that the file asks for is not there")
	case errors.Is(err, fs.ErrPermission):
		text = fmt.Errorf("the system does not let this user execute the file")
	default:
		code = core.Unavailable
	}
	return core.Errorf(code, "plugin %q: %s: %w", r.bin.Name, r.bin.Path, text)
}

// failure is what is known about a start that did not succeed.
func (r *runner) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.problem
}

// ended says how the process ended; empty while it runs.
func (r *runner) ended() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// end asks the process to end, gives it grace, and then ends it with all that
// it has started.
func (r *runner) end(grace time.Duration) {
	_ = r.stdin.Close()
	if grace > 0 {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-r.exited:
			return
		case <-t.C:
		}
	}
	r.mu.Lock()
	r.doomed = true
	if r.alive {
		killGroup(r.cmd.Process.Pid)
	}
	r.mu.Unlock()
}

// The rest of runner.Runner.

func (r *runner) Wait(ctx context.Context) error {
	select {
	case <-r.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r *runner) Kill(context.Context) error {
	if r.stdin != nil {
		r.end(0)
	}
	return nil
}

func (r *runner) Stdout() io.ReadCloser           { return r.hello }
func (r *runner) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (r *runner) Name() string                    { return r.bin.Name }
func (r *runner) ID() string                      { return r.bin.Name }
func (r *runner) Diagnose(context.Context) string { return "" }

// HostToPlugin changes nothing.
func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
