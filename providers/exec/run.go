// The provider, and how it runs the command.
//
// Read on in signin.go.

package exec

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/inherited"
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
	cfg  Config
	path atomic.Pointer[string] // the path of the program; nil: not found yet
}

// Authenticate runs the command. It asks nobody.
func (p *provider) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	return p.obtain(ctx, req, nil)
}

// obtain runs the command, in a terminal if there is one.
func (p *provider) obtain(
	ctx context.Context, req core.Request, at *terminal,
) (core.Credential, error) {
	if err := faults.ContextEnded(ctx); err != nil {
		return core.Credential{}, err
	}
	path, err := p.findProgram()
	if err != nil {
		return core.Credential{}, err
	}
	ran, err := p.run(ctx, path, at)
	var cred core.Credential
	if err == nil {
		cred, err = p.cfg.credential(ctx, ran.stdout.buf.Bytes())
	}
	if err != nil && ran != nil && ran.unknownStatus && ctx.Err() == nil {
		err = core.Errorf(core.CodeOf(err),
			"%w; its exit status is not known, as this process collects its children elsewhere",
			core.Cause(err))
	}
	if ran == nil {
		return core.Credential{}, err
	}
	return cred, p.cfg.finish(ctx, ran, req, at, err)
}

// findProgram returns the program's path. It looks a name up in PATH once, as os/exec does, and
// never in the current folder.
func (p *provider) findProgram() (string, error) {
	if path := p.path.Load(); path != nil {
		return *path, nil
	}
	path, err := exec.LookPath(p.cfg.Command)
	if err != nil {
		return "", lookUpError(p.cfg.Command, err)
	}
	p.path.Store(&path)
	return path, nil
}

// run executes the program and waits until it has ended. The outcome is nil if it did not start.
func (p *provider) run(ctx context.Context, path string, at *terminal) (*outcome, error) {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	ran := &outcome{stdout: &limitedBuffer{remaining: maxOutput, exceeded: cancel}, stderr: new(lines)}
	cmd := p.command(running, path, at, ran)
	passOn := inherited.CloseOnExec()
	err := cmd.Start()
	passOn()
	if err != nil {
		if err := faults.ContextEnded(ctx); err != nil {
			return nil, err
		}
		p.path.Store(nil) // the next call looks for the program again, which may have moved
		return nil, p.cfg.startError(ctx, path, err)
	}
	err = cmd.Wait()
	if errors.Is(err, exec.ErrWaitDelay) { // processes that it started keep its output open
		_ = killGroup(cmd)
		if cmd.ProcessState.Success() {
			err = nil
		}
	}
	ran.unknownStatus = isCollected(err)
	switch {
	case ctx.Err() != nil:
		return ran, core.Errorf(core.CodeUnavailable, "the program %q was ended, its time was up: %w",
			p.cfg.Command, context.Cause(ctx))
	case ran.stdout.remaining < 0:
		return ran, core.Errorf(core.CodeUnavailable,
			"the program %q prints more than %d KiB", p.cfg.Command, maxOutput>>10)
	case err != nil && !ran.unknownStatus:
		ran.failed = true
		if cmd.ProcessState != nil {
			ran.status = cmd.ProcessState.ExitCode()
		}
		return ran, p.cfg.exitError(ctx, path, err)
	}
	return ran, nil
}

// command returns the command that writes to ran: in the terminal if there is one, otherwise in a
// session of its own.
func (p *provider) command(
	ctx context.Context, path string, at *terminal, ran *outcome,
) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, p.cfg.Args...)
	cmd.Env, cmd.Dir = p.environment(at != nil), p.cfg.Dir
	cmd.Stdout, cmd.Stderr = ran.stdout, ran.stderr
	cmd.WaitDelay = outputDelay
	if at != nil {
		cmd.Stdin, cmd.Stderr = at.in, at.out
	} else {
		startSession(cmd)
	}
	if !p.cfg.Input.IsZero() {
		cmd.Stdin = strings.NewReader(p.cfg.Input.Reveal())
	}
	return cmd
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
// print, and whether they may ask.
const execInfo = `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1",` +
	`"spec":{"interactive":%t}}`

// environment returns the program's environment. It is not nil: os/exec would take nil for that of
// this process.
func (p *provider) environment(mayAsk bool) []string {
	env := []string{}
	for _, name := range slices.Concat(basicVariables, p.cfg.PassEnv) {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	if p.cfg.Output == Auto || p.cfg.Output == ExecCredential {
		env = append(env, "KUBERNETES_EXEC_INFO="+fmt.Sprintf(execInfo, mayAsk))
	}
	for name, value := range p.cfg.Env { // os/exec uses the last value of a name
		env = append(env, name+"="+value.Reveal())
	}
	return append(env, depthVariable+"="+strconv.Itoa(depth()+1))
}

// depthVariable tells a command how many exec providers run it, one inside the other: 1 is the
// first. A command that would run itself without end can see it, as authsession does.
const depthVariable = "AUTHSESSION_DEPTH"

// depth returns the value of depthVariable for this process, and 0 without a usable one.
func depth() int {
	n, err := strconv.Atoi(os.Getenv(depthVariable))
	if err != nil || n < 0 || n > 1<<20 {
		return 0
	}
	return n
}
