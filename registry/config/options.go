// Read on in faults.go.

package config

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/knadh/koanf/v2"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Options say what to load.
type Options struct {
	// Files are read in their order; later ones overlay earlier ones. A name
	// that ends in .json or .toml is of that format, any other is YAML. At
	// least one is needed, unless there are Sources. A name may be that of a pipe,
	// such as /dev/fd/63 of a shell's <(command): it is YAML or JSON, and is read
	// once. A reload and Watch use what was read.
	Files []string
	// Sources are read as well, all of them at the same time. From the weakest
	// to the strongest there are: those with BelowFiles, the files, the other
	// sources, each in their order; variables overlay all of them. Nil: none.
	Sources []*KoanfSource
	// Resolvers resolve references of the program's own, by their scheme: the
	// Resolver "vault" those of the form ${vault:secret/prices#key}. Nil: there are
	// ${env:…} and ${file:…} alone.
	Resolvers map[string]Resolver
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
	// LeaveOutFaulty loads the configuration without the sessions that have faults, such as a
	// variable that is not set, and without those that have one of them as an input.
	// [Config.Faulty] names them. A fault that is not of a session, such as a misspelt key of the
	// file, stays an error of Load. False: every fault is one.
	LeaveOutFaulty bool
	// Stores are the kinds of stores that the key "store" may name, such as
	// store.Builtin(). The kind "memory" is always there. Nil: no others.
	Stores []core.StoreFactory
	// WithoutStore are kinds of providers whose sessions have no store, whatever the key "store"
	// says: those that keep nothing, as their credential is in the settings, need not fail with a
	// store that cannot be used. Nil: the sessions of all kinds have what the key says.
	WithoutStore []string
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

// Resolver returns what a reference stands for. name is what is written between
// the scheme and the closing brace, with the values of ${env:…} references in it.
// A load calls the Resolver once for each name that is used, and abandons it when
// ctx ends, after 30 s at the latest. It may be called by several goroutines at the
// same time. Its error is shown without the user names, passwords and queries of
// URLs, and must not quote a secret. An empty value counts as an error.
type Resolver func(ctx context.Context, name string) (Resolved, error)

// Resolved is the value of a reference.
type Resolved struct {
	Value core.Secret // as it is: no line break is cut off
	// LookAgain is after what time [Config.Watch] calls the Resolver again, to
	// load the configuration if it returns another value. Watch looks no more often
	// than every Options.Interval. Zero or less: only the next reload does.
	LookAgain time.Duration
}

// KoanfSource is a configuration beyond files that koanf can read, such as one in
// Consul, etcd, Vault or S3, flags of the command line, or a struct of the
// program. Its keys are those of a file.
//
// Texts may have references; a relative path in one starts from the working
// directory. Without a Parser, a text is read as the type of its key, as that of a
// variable is: "5" is a number where one is wanted, and commas separate the
// elements of a list. With a Parser, values have the types that it gives them.
//
// A KoanfSource is used by its pointer, also by several loads at the same time,
// and must not be changed or copied after the first one.
type KoanfSource struct {
	// Name tells the source from others in faults and logs. It is needed.
	Name string
	// Provider is read with Read, or with ReadBytes if there is a Parser. It runs
	// on a goroutine that a load abandons when its context ends, and that is never
	// started a second time before it has ended. A Provider with a method Watch, as
	// koanf's have it, tells [Config.Watch] of changes.
	Provider koanf.Provider
	// Parser reads what the Provider's ReadBytes returns, at most 16 MiB. Nil: the
	// Provider's Read returns values.
	Parser koanf.Parser
	// Koanf is an existing configuration, in the place of Provider and Parser. It
	// is read with Raw, whatever its delimiter. [Config.Watch] compares what it
	// holds, as it does with files. Nil: there is a Provider.
	Koanf *koanf.Koanf
	// Prefix begins the keys of the outermost map that belong to the configuration;
	// it is cut off, and other keys are not read. Empty: all belong to it.
	Prefix string
	// Delimiter separates the parts of the outermost map's keys, such as "/" for
	// "sessions/prices/provider". Empty: the map is nested. (Confmap and flags
	// have a delimiter of their own; etcd's provider has not.)
	Delimiter string
	// Timeout bounds each reading. Zero or less: 30 s.
	Timeout time.Duration
	// BelowFiles lets the files overlay the source. False: it overlays them.
	BelowFiles bool

	mu       sync.Mutex    // guards the following
	reading  chan struct{} // closed when the reading that runs ends; nil: none runs
	watching bool          // the Provider's Watch was called
	watchers []chan error  // of each Config.Watch that runs; nil on a channel: a change
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
