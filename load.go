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
	"github.com/authsession/authsession/internal/textfile"
	"github.com/authsession/authsession/plugins"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// Options configure [Load]. They are the options of package registry/config. The zero value is the
// recommended default. Load adds to them:
//
//   - Files: if empty, the file that the package comment describes. It need not exist if there are
//     Sources.
//   - Factories: the built-in providers, except those whose kind the program gives. So a program
//     can replace a built-in kind. If a plugin should serve a built-in kind, call config.Load
//     instead (docs/plugins.md).
//   - Stores: the built-in kinds of stores, in the same way.
//   - Plugins: if nil, a new [plugins.Host] with the program's Logger. [Config.Close] closes it.
type Options = config.Options

// Config is a loaded configuration with its sessions and the host of its plugins. [Load] makes it.
// It is safe for concurrent use. Its method Session returns a session by name, Registry returns all
// sessions, and Watch loads the files again when they change.
type Config struct {
	*config.Config
	host *plugins.Host // nil if the program gave Options.Plugins
}

// Load reads the configuration and creates its sessions. The session that the key default names
// becomes current, as with [core.SetCurrent]. Load sends nothing, and it starts plugins only if
// opts.StartPlugins is true. Nil options are the recommended default.
//
// If the files have faults, the error is a [*config.Error] with all of them, each with file, line
// and column; its code is [core.CodeBadConfig]. If there is no file, the code is the same. After an
// error the program closes nothing.
func Load(ctx context.Context, opts *Options) (*Config, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	if len(o.Files) == 0 {
		files, err := findFiles(o.Environ)
		if err == nil && len(files) == 0 && len(o.Sources) == 0 {
			err = core.Errorf(core.CodeBadConfig,
				"there is no configuration: the working directory has none of %s, and %s is not set",
				strings.Join(defaultFiles, ", "), fileVariable)
		}
		if err != nil {
			return nil, err
		}
		o.Files = files
	}
	o.Factories = addMissing(o.Factories, providers.Builtin(), kindOf)
	o.Stores = addMissing(o.Stores, store.Builtin(), kindOfStore)
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

// Close closes all sessions, as [config.Config.Close] does, and then the host of plugins that Load
// made: closing a session may need its plugin to revoke the credential. Close does not close a host
// that the program gave in Options.Plugins. It returns when ctx ends at the latest, with the errors
// of both joined. Close is idempotent.
func (c *Config) Close(ctx context.Context) error {
	return errors.Join(c.Config.Close(ctx), c.closeHost(ctx))
}

// closeHost closes the host that Load made, if there is one.
func (c *Config) closeHost(ctx context.Context) error {
	if c.host == nil {
		return nil
	}
	return c.host.Close(ctx)
}

// fileVariable is the environment variable that names the files if Options.Files is empty.
const fileVariable = "AUTHSESSION_CONFIG"

// defaultFiles are the names that Load looks for in the working directory, in this order.
var defaultFiles = []string{
	"authsession.yaml", "authsession.yml", "authsession.toml", "authsession.json",
}

// findFiles returns the files as the package comment describes, or none. Of several
// variables with the same name it uses the last one, as package os does.
func findFiles(environ []string) ([]string, error) {
	if environ == nil {
		environ = os.Environ()
	}
	for _, entry := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(entry, fileVariable+"="); ok && value != "" {
			if files := nonEmpty(filepath.SplitList(value)); len(files) > 0 {
				return files, nil
			}
			break
		}
	}
	for _, name := range defaultFiles {
		if textfile.IsPipe(name) { // nobody has named it, and reading it may block
			return nil, core.Errorf(core.CodeBadConfig,
				"%s in the working directory is a pipe: name it in %s", name, fileVariable)
		}
		if _, err := os.Lstat(name); err == nil || !errors.Is(err, os.ErrNotExist) {
			return []string{name}, nil // config.Load reports any other error
		}
	}
	return nil, nil
}

// nonEmpty returns the names that are not empty: in a list such as "a.yaml:$MORE", the variable may
// be empty.
func nonEmpty(names []string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

func kindOf(f core.Factory) string           { return f.Info().Kind }
func kindOfStore(f core.StoreFactory) string { return f.Info().Kind }

// addMissing returns given, and those of builtin whose kind is not in given.
func addMissing[F any](given, builtin []F, kind func(F) string) []F {
	out := slices.Clone(given)
	for _, f := range builtin {
		same := func(g F) bool { return kind(g) == kind(f) }
		if !slices.ContainsFunc(given, same) {
			out = append(out, f)
		}
	}
	return out
}
