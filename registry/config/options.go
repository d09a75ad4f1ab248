// Read on in faults.go.

package config

import (
	"context"
	"log/slog"
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
	// Interval is how often Watch reads the files. Zero or less: 2 s.
	Interval time.Duration
	// OnReload is called with the outcome of each reload by Watch, nil or its
	// error, on Watch's goroutine. Nil: no calls.
	OnReload func(error)
	// Logger receives the outcomes of Watch's reloads. Nil: Session.Logger.
	Logger *slog.Logger
}

// Plugins runs the programs that the key "plugins" names. *plugins.Host is one.
type Plugins interface {
	// Plugin returns a factory for each kind of p, and starts nothing. Called
	// with another p of the same name, it returns factories for that one; the
	// earlier factories work until their providers are closed.
	Plugin(p registry.Plugin) ([]core.Factory, error)
	// DescribePlugin starts p unless it runs, so that its factories know their
	// settings.
	DescribePlugin(ctx context.Context, p registry.Plugin) error
}
