// The provider, and how it runs the command. This is the last file.

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
	// maxOutput is how many bytes a command may print.
	maxOutput = 1 << 20
	// outputDelay is how long the provider reads the output after the command has ended or was killed.
	// Processes that the command started may keep the output open for longer.
	outputDelay = time.Second
)

type provider struct {
	cfg     Config
	headers map[string]string
	path    atomic.Pointer[string] // the path of the program; nil: not found yet
}

// Authenticate runs the command.
func (p *provider) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	if err := faults.ContextEnded(ctx); err != nil {
		return core.Credential{}, err
	}
	path, err := p.findProgram()
	if err != nil {
		return core.Credential{}, err
	}
	printed, err := p.run(ctx, path)
	if err != nil {
		return core.Credential{}, err
	}
	return p.credential(ctx, printed)
}

// findProgram returns the program's path. It looks a name up in PATH once, as os/exec does, and
// never in the current folder.
func (p *provider) findProgram() (string, error) {
	if path := p.path.Load(); path != nil {
		return *path, nil
	}
	path, err := exec.LookPath(p.cfg.Command)
	switch {
	case errors.Is(err, exec.ErrDot):
		return "", core.LocalErrorf(core.CodeBadConfig,
			"the program %q is in the current folder only; want an absolute path", p.cfg.Command)
	case errors.Is(err, fs.ErrPermission):
		return "", core.LocalErrorf(core.CodeBadConfig,
			"the program %q may not be executed", p.cfg.Command)
	case err != nil:
		return "", core.LocalErrorf(core.CodeBadConfig, "the program %q is not found", p.cfg.Command)
	}
	p.path.Store(&path)
	return path, nil
}

// run executes the program and returns what it prints.
func (p *provider) run(ctx context.Context, path string) ([]byte, error) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	stdout := &limitedBuffer{remaining: maxOutput, exceeded: cancel}
	stderr := new(counter)
	cmd := exec.CommandContext(running, path, p.cfg.Args...)
	cmd.Env, cmd.Dir = p.environment(), p.cfg.Dir
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.WaitDelay = outputDelay
	startGroup(cmd)
	if err := cmd.Start(); err != nil {
		if err := faults.ContextEnded(ctx); err != nil {
			return nil, err
		}
		return nil, p.startError(err)
	}
	err := cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // processes that it started keep its output open
		killGroup(cmd)
		if cmd.ProcessState.Success() {
			err = nil
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, core.Errorf(core.CodeUnavailable, "the program %q was ended, its time was up: %w",
			p.cfg.Command, context.Cause(ctx))
	case stdout.remaining < 0:
		return nil, core.Errorf(core.CodeUnavailable,
			"the program %q prints more than %d KiB", p.cfg.Command,
			maxOutput>>10)
	case err != nil:
		return nil, p.exitError(err, stderr.n > 0)
	}
	return stdout.buf.Bytes(), nil
}

// startError returns the error of a program that the system did not start. It makes the next call
// look for the program again, which may have moved.
func (p *provider) startError(err error) error {
	p.path.Store(nil)
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	code := core.CodeBadConfig
	if isTransient(err) {
		code = core.CodeUnavailable
	}
	return core.LocalErrorf(code, "the program %q cannot be started: %w", p.cfg.Command, err)
}

// The exit statuses that have a code of their own: those of sysexits.h, and that of the
// authsession command for a person who must sign in.
const (
	exUsage  = 64
	exNoPerm = 77
	exConfig = 78
	exSignIn = 80
)

// exitError returns the error of a program that failed. wrote says whether it wrote to its standard
// error; the error does not contain that text, as it may hold secrets.
func (p *provider) exitError(err error, wrote bool) error {
	note := ""
	if wrote {
		note = "; what it wrote to its standard error is not shown, run it by hand to see it"
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return core.Errorf(core.CodeUnavailable, "the output of the program %q cannot be read: %w",
			p.cfg.Command, err)
	}
	status, code := exit.ExitCode(), core.CodeUnavailable
	switch status {
	case -1:
		return core.Errorf(core.CodeUnavailable, "the program %q was ended by a signal%s", p.cfg.Command,
			note)
	case exUsage, exConfig:
		code = core.CodeBadConfig
	case exNoPerm:
		code = core.CodeDenied
	case exSignIn:
		code = core.CodeInteractive
	}
	return core.Errorf(code, "the program %q ended with status %d%s", p.cfg.Command, status, note)
}

// basicVariables are the variables that most programs need: paths, the user, the language. By
// convention none of them holds a secret.
var basicVariables = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR",
	"XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR",
	// Windows
	"SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERNAME",
	"USERDOMAIN",
	"USERPROFILE", "HOMEDRIVE", "HOMEPATH", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA", "PROGRAMFILES",
}

// execInfo is the value of KUBERNETES_EXEC_INFO, which tells Kubernetes plugins the version to
// print.
const execInfo = `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",` +
	`"spec":{"interactive":false}}`

// environment returns the program's environment. It is not nil: os/exec would take nil for that of
// this process.
func (p *provider) environment() []string {
	env := []string{}
	for _, name := range slices.Concat(basicVariables, p.cfg.PassEnv) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if p.cfg.Output == Auto || p.cfg.Output == ExecCredential {
		env = append(env, "KUBERNETES_EXEC_INFO="+execInfo)
	}
	for name, value := range p.cfg.Env { // os/exec uses the last value of a name
		env = append(env, name+"="+value.Reveal())
	}
	return env
}

// limitedBuffer stores what is written. It calls exceeded if that is more than its limit.
type limitedBuffer struct {
	buf       bytes.Buffer
	remaining int // bytes; negative: the limit was exceeded
	exceeded  func()
}

// Write implements [io.Writer].
func (c *limitedBuffer) Write(p []byte) (int, error) {
	if c.remaining -= len(p); c.remaining < 0 {
		c.exceeded()
		return 0, io.ErrShortWrite
	}
	return c.buf.Write(p)
}

// counter counts the bytes that are written, and does not store them.
type counter struct{ n int64 }

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
