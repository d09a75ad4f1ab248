package command

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// attemptTimeout is the time of an attempt, unless the configuration or --timeout says another one.
const attemptTimeout = 10 * time.Second

// options returns how the configuration is loaded. No session asks a person by itself;
// the UI, which is not used, only says that the program has one.
func (a *app) options() (config.Options, error) {
	if err := checkDepth(); err != nil {
		return config.Options{}, err
	}
	found, err := a.findFiles()
	if err != nil {
		return config.Options{}, err
	}
	a.origin = found
	logger := a.logger()
	opts := config.Options{
		Files:       found.Files,
		Environment: core.Environment(a.flags.environment),
		Factories:   providers.Builtin(),
		Stores:      store.Builtin(),
		Scope:       new(core.Scope),
		Session: core.Options{
			UI: new(core.UI), AskOnlyOnSignIn: true, Logger: logger,
			Timeout: min(a.flags.timeout, attemptTimeout), Observe: a.elsewhere.observe,
		},
		Logger: logger,
		// What is wrong with another session is no reason to fail.
		LeaveOutFaulty: true,
		WithoutStore:   staticKinds,
	}
	if a.host != nil {
		opts.Plugins = a.host
	}
	return opts, nil
}

const (
	depthVariable = "AUTHSESSION_DEPTH" // the exec provider sets it for its command
	deepest       = 4                   // sessions that run authsession, one inside the other
)

// checkDepth reports a command that an exec provider runs inside of another, and so on: the
// session that runs it is in the configuration that it reads.
func checkDepth() error {
	depth, err := strconv.Atoi(os.Getenv(depthVariable))
	if err != nil || depth <= deepest {
		return nil
	}
	return &failure{next: []string{}, err: core.Errorf(core.CodeBadConfig,
		"this is the command of an exec session inside of %d others: "+
			"if it reads the configuration that this session is in, it runs itself without end; "+
			"give it another file with --config, or another session", depth-1)}
}

// load loads the configuration. Nothing is sent.
func (a *app) load(ctx context.Context) (*config.Config, error) {
	opts, err := a.options()
	if err != nil {
		return nil, err
	}
	cfg, err := config.Load(ctx, opts)
	if a.wantsPlugins(err) {
		return nil, runWithPlugins()
	}
	return cfg, err
}

// wantsPlugins reports whether this program cannot load a configuration because
// it names plugins.
func (a *app) wantsPlugins(err error) bool {
	var faults *config.Error
	return a.host == nil && errors.As(err, &faults) &&
		slices.ContainsFunc(faults.Faults, func(f config.Fault) bool { return f.Key == "plugins" })
}

// withPlugins is the program that runs plugins. It is apart from authsession, as
// what it links takes a third of the time of a short command.
const withPlugins = "authsession-plugins"

// runWithPlugins runs the program that has plugins in the place of this one, with
// the same arguments. It returns only if it cannot, or with the status of that
// program where a process cannot take the place of another.
func runWithPlugins() error {
	path, err := findWithPlugins()
	if err != nil {
		return core.Errorf(core.CodeBadConfig,
			"the configuration names plugins, and %s, which runs them, "+
				"is neither beside this program nor in PATH: go install "+
				"github.com/authsession/authsession/cmd/authsession/%s@latest", withPlugins, withPlugins)
	}
	return replaceProcess(path, os.Args, os.Environ())
}

func findWithPlugins() (string, error) {
	name := withPlugins
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	if own, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(own), name)
		if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() {
			return beside, nil
		}
	}
	return exec.LookPath(name)
}

// sessionNames returns the names of all sessions, sorted, also of those with faults.
func sessionNames(cfg *config.Config) []string {
	names := append(cfg.Registry().Names(), cfg.Faulty()...)
	slices.Sort(names)
	return names
}

// findSession returns a session. The error names the nearest one.
func findSession(cfg *config.Config, name string) (*core.Session, error) {
	s, err := cfg.Session(name)
	var faults *config.Error
	if errors.As(err, &faults) {
		return nil, err
	}
	return s, thenOf(name, err, "status")
}
