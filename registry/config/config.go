// Package config makes sessions from files and environment variables.
//
//	cfg, err := config.Load(ctx, config.Options{
//		Files:     []string{"authsession.yaml"},
//		Factories: providers.Builtin(),
//		Stores:    store.Builtin(),
//	})
//	if err != nil {
//		return err // all faults, each with file, line and column
//	}
//	defer cfg.Close(ctx)
//	s, err := cfg.Session("prices")
//
// A file names sessions, each with its provider and that one's settings:
//
//	environment: qa
//	default: prices
//	sessions:
//	  prices:
//	    provider: apikey
//	    origins: [https://prices.example.com]
//	    settings: {header: X-API-Key, key: "${env:PRICES_KEY}"}
//
// docs/configuration.md has all keys. Reading is strict: what is not known or
// not of the right type is a fault, and all faults are reported together.
// Loading sends nothing and authenticates nothing.
//
// The package knows no providers and no stores; the program gives their
// factories, and links only those. Package authsession, at the module's root,
// gives them all. This package is not a general configuration library: what
// else a program has to configure belongs into a file of its own.
//
// Read on in load.go.
package config

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Options say what to load.
type Options struct {
	// Files are read in their order; later ones overlay earlier ones. A name
	// that ends in .json or .toml is of that format, any other is YAML. At
	// least one is needed.
	Files []string
	// Environment is chosen for all sessions that do not name their own.
	// Empty: AUTHSESSION_ENVIRONMENT, else the key "environment" of the files.
	Environment core.Environment
	// Factories are the kinds of providers that the files may name.
	Factories []core.Factory
	// Plugins runs the programs that the key "plugins" names, such as a
	// *plugins.Host. The program closes it, after the configuration. Nil: the
	// key is a fault.
	Plugins Plugins
	// StartPlugins starts every plugin while loading, so that the settings of
	// its kinds are checked at once. False: a plugin is started, and they are
	// checked, when a session first authenticates.
	StartPlugins bool
	// Stores are the kinds of stores that the key "store" may name, such as
	// store.Builtin(). The kind "memory" is always there. Nil: no others.
	Stores []core.StoreFactory
	// Session holds the options of every session, which the keys of the files
	// change. Its Provider, Environment and Origins are not used.
	Session core.Options
	// Scope gets the session that the key "default" names. Nil: the process's,
	// as core.SetCurrent.
	Scope *core.Scope
	// Environ are variables as "NAME=value", for AUTHSESSION_ ones and for
	// references. Nil: the process's.
	Environ []string
	// Interval is how often Watch looks at the files. Zero or less: 2 s.
	Interval time.Duration
	// OnReload is told the outcome of each reload by Watch, nil or what was
	// wrong, on Watch's goroutine. Nil: no calls.
	OnReload func(error)
	// Logger receives the outcomes of Watch's reloads. Nil: Session.Logger.
	Logger *slog.Logger
}

// Config is a loaded configuration and the registry of its sessions. It is
// made by [Load] and safe for concurrent use.
type Config struct {
	opts    Options
	reg     *registry.Registry
	kinds   storeKinds
	turn    chan struct{}          // holds one element while someone loads
	current *core.Session          // what setCurrent has set; guarded by turn
	state   atomic.Pointer[loaded] // of the last good load
	seen    atomic.Pointer[map[string]watched]
}

// Load reads the files and variables and creates the sessions. Nothing is
// sent; the sessions are not initialised. Faults are an [*Error] of code
// [core.BadConfig], and then there is nothing to close.
func Load(ctx context.Context, opts Options) (*Config, error) {
	reg, err := registry.New(opts.Factories...)
	if err != nil {
		return nil, err
	}
	kinds, err := newStoreKinds(opts.Stores)
	if err != nil {
		return nil, err
	}
	opts.Files = slices.Clone(opts.Files)
	opts.Environ = slices.Clone(opts.Environ)
	if opts.Logger == nil {
		opts.Logger = opts.Session.Logger
	}
	c := &Config{opts: opts, reg: reg, kinds: kinds, turn: make(chan struct{}, 1)}
	if err := c.Reload(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// Reload reads everything again and exchanges the sessions as
// [registry.Registry.Replace] does: unchanged ones keep their credential, no
// request fails. If anything is wrong, nothing changes. If "default" now names
// another session, that one becomes the scope's current. After Close the error
// is [core.Closed].
func (c *Config) Reload(ctx context.Context) error {
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	builtin, err := registry.New(c.opts.Factories...)
	if err != nil {
		return err
	}
	l := newLoader(c.opts, builtin, c.kinds)
	next, err := l.load(ctx, c.state.Load())
	c.seen.Store(&l.seen)
	if err != nil {
		c.keepPlugins()
		return err
	}
	if err := c.reg.Replace(ctx, next.entries(), factoriesOf(next.plugins)...); err != nil {
		c.keepPlugins()
		if l.settingsFaults(err, next.sessions) {
			return newError(l.faults, c.opts.Files)
		}
		return err
	}
	before := c.state.Swap(next)
	was := ""
	if before != nil {
		was = before.fallback
	}
	if next.fallback != was {
		c.setCurrent(next.fallback)
	}
	return nil
}

// setCurrent makes a session current in the scope, or none for "". The one that
// it made current before is so no longer; what others have set stays.
func (c *Config) setCurrent(name string) {
	set, remove := core.SetCurrent, core.RemoveCurrent
	if c.opts.Scope != nil {
		set, remove = c.opts.Scope.SetCurrent, c.opts.Scope.RemoveCurrent
	}
	before := c.current
	if c.current, _ = c.reg.Session(name); c.current != nil {
		set(c.current)
	}
	if before != nil && before != c.current {
		remove(before)
	}
}

// Session returns the one shared session of that name.
func (c *Config) Session(name string) (*core.Session, error) { return c.reg.Session(name) }

// Registry returns the registry of the sessions. Sessions that are added to it
// elsewhere go with the next reload.
func (c *Config) Registry() *registry.Registry { return c.reg }

// Environment returns the environment that was chosen, or "".
func (c *Config) Environment() core.Environment { return c.state.Load().environment }

// Default returns the name of the default session, or "".
func (c *Config) Default() string { return c.state.Load().fallback }

// Close closes all sessions, as [registry.Registry.Close] does, and ends
// Watch.
func (c *Config) Close(ctx context.Context) error { return c.reg.Close(ctx) }

// String returns the number of files and sessions, and the environment.
func (c *Config) String() string {
	return fmt.Sprintf("configuration of %d files and %d sessions, environment %q", len(c.opts.Files), len(c.reg.Names()), c.Environment())
}

// Format writes what String returns, whatever the verb: files and variables
// may hold secrets as plain text.
func (c *Config) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// environ makes a map of variables.
func environ(list []string) map[string]string {
	if list == nil {
		list = os.Environ()
	}
	out := make(map[string]string, len(list))
	for _, entry := range list {
		if name, value, ok := strings.Cut(entry, "="); ok {
			out[name] = value
		}
	}
	return out
}
