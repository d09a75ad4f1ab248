package exec

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/faults"
)

const (
	// maxOutput bounds what a command may print.
	maxOutput = 1 << 20
	// linger is how long after its end, or that of its time, others may hold
	// a command's output open. It is also what a busy machine has to read the
	// output of a command that ended well.
	linger = time.Second
)

type provider struct {
	cfg     Config
	headers map[string]string
	path    atomic.Pointer[string] // the program, once it was found
}

// Authenticate implements [core.Provider]: it runs the command.
func (p *provider) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	if err := faults.ContextEnded(ctx); err != nil {
		return core.Credential{}, err
	}
	path, err := p.find()
	if err != nil {
		return core.Credential{}, err
	}
	printed, err := p.run(ctx, path)
	if err != nil {
		return core.Credential{}, err
	}
	return p.credential(ctx, printed)
}

// find returns the program's path. A name is looked up in PATH once, as
// os/exec does, and never in the current folder.
func (p *provider) find() (string, error) {
	if found := p.path.Load(); found != nil {
		return *found, nil
	}
	path, err := exec.LookPath(p.cfg.Command)
	switch {
	case errors.Is(err, exec.ErrDot):
		return "", core.LocalErrorf(core.BadConfig, "the program %q is in the current folder only; want an absolute path", p.cfg.Command)
	case errors.Is(err, fs.ErrPermission):
		return "", core.LocalErrorf(core.BadConfig, "the program %q may not be executed", p.cfg.Command)
	case err != nil:
		return "", core.LocalErrorf(core.BadConfig, "the program %q is not found", p.cfg.Command)
	}
	p.path.Store(&path)
	return path, nil
}

// run executes the program and returns what it prints.
func (p *provider) run(ctx context.Context, path string) ([]byte, error) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	out := &capped{left: maxOutput, full: cancel}
	noise := new(counter)
	cmd := exec.CommandContext(running, path, p.cfg.Args...)
	cmd.Env, cmd.Dir = p.environment(), p.cfg.Dir
	cmd.Stdout, cmd.Stderr = out, noise
	cmd.WaitDelay = linger
	ownGroup(cmd)
	if err := cmd.Start(); err != nil {
		if err := faults.ContextEnded(ctx); err != nil {
			return nil, err
		}
		return nil, p.unstarted(err)
	}
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // it has left others behind, who hold its output
		endGroup(cmd)
		if cmd.ProcessState.Success() {
			err = nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, core.Errorf(core.Unavailable, "the program %q was ended, its time was up: %w", p.cfg.Command, context.Cause(ctx))
	case out.left < 0:
		return nil, core.Errorf(core.Unavailable, "the program %q prints more than %d KiB", p.cfg.Command, maxOutput>>10)
	case err != nil:
		return nil, p.failed(err, noise.n > 0)
	}
	return out.buf.Bytes(), nil
}

// unstarted is the error for a program that the system did not start.
func (p *provider) unstarted(err error) error {
	p.path.Store(nil) // it may have moved
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	code := core.BadConfig
	if transient(err) {
		code = core.Unavailable
	}
	return core.LocalErrorf(code, "the program %q cannot be started: %w", p.cfg.Command, err)
}

// The exit statuses of sysexits.h that say what to do next.
const (
	exUsage  = 64
	exNoPerm = 77
	exConfig = 78
)

// failed is the error for a program that did not end well. Its own words are
// left out, as they may hold secrets.
func (p *provider) failed(err error, wrote bool) error {
	note := ""
	if wrote {
		note = "; what it wrote to its standard error is not shown, run it by hand to see it"
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return core.Errorf(core.Unavailable, "the output of the program %q cannot be read: %w", p.cfg.Command, err)
	}
	status, code := exit.ExitCode(), core.Unavailable
	switch status {
	case -1:
		return core.Errorf(core.Unavailable, "the program %q was ended by a signal%s", p.cfg.Command, note)
	case exUsage, exConfig:
		code = core.BadConfig
	case exNoPerm:
		code = core.Denied
	}
	return core.Errorf(code, "the program %q ended with status %d%s", p.cfg.Command, status, note)
}

// basics are the variables that nearly every program needs: where things are,
// who the user is, how to write text. None is a secret by custom.
var basics = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
	// Windows
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME", "USERDOMAIN",
	"USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
}

// execInfo tells plugins of Kubernetes what is wanted of them.
const execInfo = `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}}`

// environment returns the program's own: never nil, which would mean ours.
func (p *provider) environment() []string {
	env := []string{}
	for _, name := range slices.Concat(basics, p.cfg.PassEnv) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if p.cfg.Output == Auto || p.cfg.Output == ExecCredential {
		env = append(env, "KUBERNETES_EXEC_INFO="+execInfo)
	}
	for name, value := range p.cfg.Env { // the last of a name counts
		env = append(env, name+"="+value.Reveal())
	}
	return env
}

// capped keeps what is written, up to a limit; then it ends the writer.
type capped struct {
	buf  bytes.Buffer
	left int // below zero: there was more
	full func()
}

// Write implements [io.Writer].
func (c *capped) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		c.full()
		return 0, io.ErrShortWrite
	}
	return c.buf.Write(p)
}

// counter drops what is written.
type counter struct{ n int64 }

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
