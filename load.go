package authsession

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// Options say what to load. They are those of package registry/config, and [Load] fills in:
//
//   - Files: if empty, the places that the package comment lists.
//   - Factories and Stores: those of the module are added to the ones that are given. One of the
//     same kind is left out, so that a program can replace it.
//   - Plugins: if nil, a new [plugins.Host] with the program's Logger, which Close closes.
type Options = config.Options

// Config is a loaded configuration, the registry of its sessions, and the host of its plugins. It
// is made by [Load] and safe for concurrent use. Session finds a session by its name; Watch loads
// the files again when they change.
type Config struct {
	*config.Config
	host *plugins.Host // nil if the program gave Options.Plugins
}

// Load reads the configuration and creates its sessions. The session that the file calls default
// becomes the current one, as with [core.SetCurrent]. Nothing is sent, and no plugin is started
// unless opts.StartPlugins says so. Nil options are the recommended default.
//
// Faults of the files are a [*config.Error] of code [core.BadConfig] that has all of them, each
// with file, line and column. If there is no file, the error is [core.BadConfig] too. After an
// error there is nothing to close.
func Load(ctx context.Context, opts *Options) (*Config, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if len(o.Files) == 0 {
		files, err := findFiles(o.Environ)
		if err != nil {
			return nil, err
		}
		o.Files = files
	}
	o.Factories = add(o.Factories, providers.Builtin(), kindOf)
	o.Stores = add(o.Stores, store.Builtin(), kindOfStore)
	var host *plugins.Host
	if o.Plugins == nil {
		host = &plugins.Host{Logger: cmp.Or(o.Logger, o.Session.Logger)}
		o.Plugins = host
	}
	cfg, err := config.Load(ctx, o)
	c := &Config{Config: cfg, host: host}
	if err != nil {
		if e := c.closeHost(ctx); e != nil {
			err = errors.Join(err, e)
		}
		return nil, err
	}
	return c, nil
}

// Close closes all sessions, as [config.Config.Close] does, and then ends the plugins that Load
// runs, since closing a session may ask its plugin to revoke the credential. It returns by the end
// of ctx, and the errors of both joined. Close is idempotent. A host that the program gave in
// Options.Plugins is the program's to close.
func (c *Config) Close(ctx context.Context) error {
	return errors.Join(c.Config.Close(ctx), c.closeHost(ctx))
}

func (c *Config) closeHost(ctx context.Context) error {
	if c.host == nil {
		return nil
	}
	return c.host.Close(ctx)
}

// fileVariable names the files if the program does not.
const fileVariable = "AUTHSESSION_CONFIG"

// defaultFiles are looked for in the working directory. The first one is taken.
var defaultFiles = []string{
	"authsession.yaml", "authsession.yml", "authsession.toml", "authsession.json",
}

// findFiles returns the files that the package comment says. It takes the last of equal variables,
// as package os does.
func findFiles(environ []string) ([]string, error) {
	if environ == nil {
		environ = os.Environ()
	}
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, fileVariable+"="); ok && value != "" {
			return filepath.SplitList(value), nil
		}
	}
	for _, name := range defaultFiles {
		if _, err := os.Lstat(name); err == nil || !errors.Is(err, os.ErrNotExist) {
			return []string{name}, nil // Load says what is wrong with it
		}
	}
	return nil, core.Errorf(core.BadConfig,
		"there is no configuration: the working directory has none of %s, and %s is not set",
		strings.Join(defaultFiles, ", "), fileVariable)
}

func kindOf(f core.Factory) string           { return f.Info().Kind }
func kindOfStore(f core.StoreFactory) string { return f.Info().Kind }

// add returns given and those of ours whose kind is not among them.
func add[F any](given, ours []F, kind func(F) string) []F {
	out := slices.Clone(given)
	for _, f := range ours {
		same := func(g F) bool { return kind(g) == kind(f) }
		if !slices.ContainsFunc(given, same) {
			out = append(out, f)
		}
	}
	return out
}
