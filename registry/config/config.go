// Read on in koanfwatch.go.

package config

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/ctxmutex"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// Config is a loaded configuration and the registry of its sessions. It is
// made by [Load] and safe for concurrent use.
type Config struct {
	setup   setup
	reg     *registry.Registry
	loading ctxmutex.Mutex               // held during a load
	current *core.Session                // that setCurrent has set; guarded by loading
	state   atomic.Pointer[loaded]       // of the last good load
	read    atomic.Pointer[watchedFiles] // by the last load, good or not
	sources atomic.Pointer[[]sourceReading]
	// references are what the last load got from Options.Resolvers, good or not.
	references atomic.Pointer[map[ownReference]ownValue]
}

// Load reads the files, sources and variables and creates the sessions. Nothing is
// sent; the sessions are not initialised. Faults are an [*Error] of code
// [core.CodeBadConfig], and then there is nothing to close.
func Load(ctx context.Context, opts Options) (*Config, error) {
	s, err := newSetup(opts)
	if err != nil {
		return nil, err
	}
	reg, err := registry.New(opts.Factories...)
	if err != nil {
		return nil, err
	}
	c := &Config{setup: s, reg: reg, loading: ctxmutex.New()}
	if err := c.Reload(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads everything again and exchanges the sessions as
// [registry.Registry.Replace] does: unchanged ones keep their credential, no
// request fails. If anything is wrong, nothing changes. If "default" now names
// another session, that one becomes the scope's current. After Close the error
// is [core.CodeClosed].
func (c *Config) Reload(ctx context.Context) error {
	if err := c.loading.Lock(ctx); err != nil {
		return err
	}
	defer c.loading.Unlock()
	found, read := newReport(), watchedFiles{}
	next, err := c.setup.load(ctx, c.state.Load(), read, found)
	c.read.Store(&read)
	if found.readings != nil {
		c.sources.Store(&found.readings)
	}
	if found.references != nil {
		c.references.Store(&found.references)
	}
	if err != nil {
		c.keepPlugins()
		return err
	}
	if err := c.replace(ctx, next, found); err != nil {
		c.keepPlugins()
		return err
	}
	was := ""
	if before := c.state.Swap(next); before != nil {
		was = before.defaultSession
	}
	if next.defaultSession != was {
		c.setCurrent(next.defaultSession)
	}
	return nil
}

// replace exchanges the sessions of the registry. Those whose settings it does not take are left
// out if Options.LeaveOutFaulty says so.
func (c *Config) replace(ctx context.Context, next *loaded, found *report) error {
	for {
		err := c.reg.Replace(ctx, entriesOf(next.sessions), factoriesOf(next.plugins)...)
		if err == nil || !found.addSettings(err, next.sessions) {
			return err
		}
		if !c.setup.opts.LeaveOutFaulty || !next.leaveOut(found) || len(found.faults) > 0 {
			return c.setup.failure(found)
		}
	}
}

// keepPlugins makes the plugins of the last good load those of their names
// again, after a load that failed.
func (c *Config) keepPlugins() {
	before := c.state.Load()
	if before == nil || c.setup.opts.Plugins == nil {
		return
	}
	for _, p := range before.plugins {
		_, _ = c.setup.opts.Plugins.Plugin(p.spec)
	}
}

// setCurrent makes a session current in the scope, or none for "", in the place
// of the one that it made current before. A session that the program made
// current stays so.
func (c *Config) setCurrent(name string) {
	set, remove := core.SetCurrent, core.RemoveCurrent
	if scope := c.setup.opts.Scope; scope != nil {
		set, remove = scope.SetCurrent, scope.RemoveCurrent
	}
	before := c.current
	if c.current, _ = c.reg.Session(name); c.current != nil {
		set(c.current)
	}
	if before != nil && before != c.current {
		remove(before)
	}
}

// Session returns the one shared session of that name. The error for a session that
// Options.LeaveOutFaulty left out has an [*Error] with its faults.
func (c *Config) Session(name string) (*core.Session, error) {
	if err := c.faultsOf(name); err != nil {
		return nil, err
	}
	return c.reg.Session(name)
}

// Faulty returns the names of the sessions that Options.LeaveOutFaulty left out, sorted. The error
// of Session says what is wrong with each. Nil: none.
func (c *Config) Faulty() []string { return sorted.Keys(c.state.Load().faulty) }

// faultsOf returns the error of a session that was left out, or nil.
func (c *Config) faultsOf(name string) error {
	faults := c.state.Load().faulty[name]
	if len(faults) == 0 {
		return nil
	}
	err := newError(slices.Clone(faults), c.setup.opts.Files, c.setup.opts.Sources)
	return &core.Error{Session: name, Op: "load", Code: core.CodeBadConfig, Err: err}
}

// Registry returns the registry of the sessions. The next reload removes
// sessions that the program has added to it.
func (c *Config) Registry() *registry.Registry { return c.reg }

// Environment returns the environment that was chosen, or "".
func (c *Config) Environment() core.Environment { return c.state.Load().environment }

// Default returns the name of the default session, or "".
func (c *Config) Default() string { return c.state.Load().defaultSession }

// Close closes all sessions, as [registry.Registry.Close] does, and ends
// Watch.
func (c *Config) Close(ctx context.Context) error { return c.reg.Close(ctx) }

// String returns the number of files, of sources if there are any, and of sessions, and the
// environment.
func (c *Config) String() string {
	sources := ""
	if n := len(c.setup.opts.Sources); n > 0 {
		sources = fmt.Sprintf(", %d sources", n)
	}
	return fmt.Sprintf("configuration of %d files%s and %d sessions, environment %q",
		len(c.setup.opts.Files), sources, len(c.reg.Names()), c.Environment())
}

// Format writes what String returns, whatever the verb: files and variables
// may hold secrets as plain text.
func (c *Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
