// Read on in process.go.

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/authsession/authsession/core"
)

// drainLimit is how long the output of a process is read after its end. A child
// that escaped from the process's group may hold the pipes open for longer.
const drainLimit = 100 * time.Millisecond

// runner starts one process and waits for its end. It implements go-plugin's
// runner.Runner, so that go-plugin reads the handshake and does nothing else.
//
// The fields above mu are not written after Start has returned. Of the state below
// mu, these statements always hold:
//
//   - pid is not zero exactly while the id belongs to the process and its group:
//     from its start until the process was collected. A signal is sent only
//     while mu is held and pid is not zero, so that it cannot reach another
//     process that got the same id.
//   - ending is never reset. It is set when the process is told to end.
//   - state is set together with the end of pid, before exited is closed.
type runner struct {
	program  Program
	dir      string // of the socket; also the working directory; removed at the end
	cmd      *exec.Cmd
	log      *outputLog
	startCtx context.Context // bounds the start; that of Start is go-plugin's
	stdin    *os.File        // a plugin ends when it is closed
	stdout   *os.File
	stderr   *os.File
	// afterStart is called when the system has started the process, or has not.
	afterStart func()
	theirs     []*os.File // the process's ends; the first one is kept for signalWithHost
	// handshake gives go-plugin the one line that passed the check.
	handshake *io.PipeReader
	// started ends the effect of startCtx. It returns false if the process was
	// killed before.
	started func() bool

	ended  chan struct{} // closed when the process has ended; it may have left children
	exited chan struct{} // closed when the process and all that it held is gone

	mu     sync.Mutex // guards all below
	pid    int
	ending bool
	cancel func() // of signalWithHost; nil before
	fault  error  // what is wrong with the handshake
	state  string // how the process ended; empty before
	killed bool   // somebody else killed the process
}

// newRunner prepares a process. The caller keeps the program open until Start has
// returned, and calls discard where Start is not called. The process is killed when
// startCtx ends before the function started was called.
func newRunner(startCtx context.Context, p Program, image *image, log *outputLog) (*runner, error) {
	r := &runner{program: p, log: log, startCtx: startCtx, ended: make(chan struct{}),
		exited: make(chan struct{})}
	r.cmd = &exec.Cmd{
		Path: p.Path, Args: append([]string{p.Path}, p.Args...), SysProcAttr: ownGroup(),
	}
	for _, name := range p.Env {
		if value, ok := os.LookupEnv(name); ok {
			r.cmd.Env = append(r.cmd.Env, name+"="+value)
		}
	}
	theirs, err := r.openPipes()
	if err != nil {
		return nil, p.errorf(core.CodeUnavailable, ": %w", err)
	}
	if err := executeOpened(r.cmd, image.file, image.isScript); err != nil {
		closeAll(append(theirs, r.stdin, r.stdout, r.stderr)...)
		return nil, p.errorf(core.CodeUnavailable, ": %w", err)
	}
	theirs[0] = r.cmd.Stdin.(*os.File) // executeOpened may have moved it
	r.theirs = theirs
	return r, nil
}

// discard closes what a runner holds whose Start is not called.
func (r *runner) discard() { closeAll(append(r.theirs, r.stdin, r.stdout, r.stderr)...) }

// in sets the folder of the socket, which exists from now on, and the variables
// that go-plugin adds.
func (r *runner) in(dir string, env ...string) {
	r.dir, r.cmd.Dir = dir, dir
	r.cmd.Env = append(r.cmd.Env, env...)
}

// Start implements runner.Runner. When it fails, there is nothing left to end.
func (r *runner) Start(context.Context) error {
	err := r.cmd.Start()
	r.afterStart()
	if err != nil {
		r.discard()
		_ = os.RemoveAll(r.dir)
		close(r.ended)
		close(r.exited)
		return r.startError(err)
	}
	r.pid = r.cmd.Process.Pid
	closeAll(r.theirs[1:]...)
	handshake, out := io.Pipe()
	r.handshake = handshake
	go r.live(out)
	r.started = context.AfterFunc(r.startCtx, func() { r.end(0) })
	return nil
}

// openPipes makes the pipes of the standard streams and returns the process's
// ends of them.
func (r *runner) openPipes() ([]*os.File, error) {
	var theirs, ours []*os.File
	for i := range 3 {
		from, to, err := os.Pipe()
		if err != nil {
			closeAll(theirs...)
			closeAll(ours...)
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

func closeAll(files ...*os.File) {
	for _, f := range files {
		_ = f.Close()
	}
}

// live waits for the end of the process.
func (r *runner) live(out *io.PipeWriter) {
	defer close(r.exited)
	var readers sync.WaitGroup
	readers.Go(func() { r.readStdout(out) })
	readers.Go(func() { r.log.lines(r.stderr, "stderr") })
	awaitExit(r.cmd)
	r.collect()
	// A child of the process may have left its group and still hold the pipes.
	timeout := time.AfterFunc(drainLimit, func() { closeAll(r.stdout, r.stderr) })
	readers.Wait()
	timeout.Stop()
	_ = out.Close()
	closeAll(r.stdin, r.theirs[0], r.stdout, r.stderr)
	_ = os.RemoveAll(r.dir)
}

// collect kills what an ended process has started, and only then collects the
// process: until then, no other process can have its id.
func (r *runner) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	killGroup(r.pid)
	r.pid = 0
	_ = r.cmd.Wait()
	r.state = r.cmd.ProcessState.String()
	r.killed = !r.ending && wasKilled(r.cmd.ProcessState)
	close(r.ended)
}

// readStdout hands the handshake to go-plugin if it is as it must be, and the
// rest to the log.
func (r *runner) readStdout(out *io.PipeWriter) {
	line, rest := firstLine(r.stdout)
	err := r.program.checkHandshake(line)
	if line == "" {
		err = r.endedError(err)
	}
	if err == nil {
		r.signalWithHost()
		_, _ = io.WriteString(out, line+"\n")
	} else {
		if _, isHandshake := parseHandshake(line); line != "" && !isHandshake {
			r.log.line(line, "stdout")
		}
		r.mu.Lock()
		r.fault = err
		r.mu.Unlock()
	}
	_ = out.Close()
	r.log.lines(rest, "stdout")
}

// endedError returns err, that of a process without a handshake, with the way in which the process
// has ended.
func (r *runner) endedError(err error) error {
	if r.wasKilled() {
		return r.program.killedError()
	}
	state := r.endState()
	if state == "" {
		return err
	}
	return core.Errorf(core.CodeOf(err), "%w; it ended with %s", core.Cause(err),
		strings.Replace(state, "signal: ", "the signal ", 1))
}

// signalWithHost lets the process be signalled when the host ends. It is called
// when the process has started: before, it might not remove its folder then.
func (r *runner) signalWithHost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.pid != 0 && !r.ending {
		r.cancel = signalWithHost(r.theirs[0], r.pid)
	}
}

// startError explains why the system did not start the process.
func (r *runner) startError(err error) error {
	code, cause := core.CodeBadConfig, withoutPath(err)
	switch {
	case errors.Is(err, syscall.ENOEXEC):
		cause = fmt.Errorf("the file is no program for %s/%s", runtime.GOOS, runtime.GOARCH)
	case errors.Is(err, fs.ErrNotExist):
		cause = errors.New("the interpreter or loader that the file asks for is not there; the name of " +
			"an interpreter includes a carriage return, if the line has the end of Windows")
	case errors.Is(err, fs.ErrPermission):
		cause = errors.New("the system does not let this user execute the file; is its file system " +
			"mounted with noexec?")
	default:
		code = core.CodeUnavailable
	}
	return r.program.errorf(code, ": %s: %w", r.program.Path, cause)
}

// handshakeError returns what is wrong with the handshake, or nil.
func (r *runner) handshakeError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.fault
}

// wasKilled reports whether somebody else has killed the process. It waits for the
// end of a process that is about to end.
func (r *runner) wasKilled() bool {
	t := time.NewTimer(drainLimit)
	defer t.Stop()
	select {
	case <-r.ended:
	case <-t.C:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.killed
}

// wasKilled reports whether a process ended by a signal that people and systems send,
// unlike those of a crash.
func wasKilled(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && slices.Contains([]syscall.Signal{
		syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}, status.Signal())
}

// endState returns how the process ended, such as "exit status 3"; an empty text
// while it runs.
func (r *runner) endState() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// runningPID returns the id of the process; zero if it does not run.
func (r *runner) runningPID() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pid
}

// done returns exited.
func (r *runner) done() <-chan struct{} { return r.exited }

// end asks the process to end. After grace it kills the process with all that it
// has started. It does not wait for the end that follows a kill.
func (r *runner) end(grace time.Duration) {
	r.closeStdin()
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
	defer r.mu.Unlock()
	if r.pid != 0 {
		killGroup(r.pid)
	}
}

// closeStdin tells the process to end.
func (r *runner) closeStdin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ending = true
	if r.cancel != nil && r.pid != 0 {
		r.cancel() // the process is not signalled as well
	}
	_ = r.stdin.Close()
}

// Wait implements runner.Runner.
func (r *runner) Wait(ctx context.Context) error {
	select {
	case <-r.exited:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Kill implements runner.Runner.
func (r *runner) Kill(context.Context) error {
	r.end(0)
	return nil
}

// PluginToHost implements runner.Runner. It refuses an address at which a plugin
// must not listen.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	if err := r.program.checkAddress(network, address, r.dir); err != nil {
		return "", "", err
	}
	return network, address, nil
}

// HostToPlugin implements runner.Runner. It changes nothing.
func (r *runner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}

// The rest of runner.Runner. What a process prints to standard error is logged
// by the runner itself.

func (r *runner) Stdout() io.ReadCloser           { return r.handshake }
func (r *runner) Stderr() io.ReadCloser           { return io.NopCloser(strings.NewReader("")) }
func (r *runner) Name() string                    { return r.program.Name }
func (r *runner) ID() string                      { return r.program.Name }
func (r *runner) Diagnose(context.Context) string { return "" }
