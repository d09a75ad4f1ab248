package command

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

func (a *app) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Check and explain the configuration",
		Example: `  authsession config check
  authsession config explain reports
  authsession config schema >authsession.schema.json`,
		Args: cobra.NoArgs,
		RunE: needsCommand,
	}
	cmd.AddCommand(a.checkCommand(), a.explainCommand(), a.schemaCommand())
	return cmd
}

// needsCommand is what a command without a subcommand does.
func needsCommand(cmd *cobra.Command, _ []string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	return &failure{
		kind: usage, err: fmt.Errorf("want one of %s", strings.Join(names, ", ")),
		next: append([]string{"help"}, strings.Fields(cmd.CommandPath())[1:]...),
	}
}

func (a *app) checkCommand() *cobra.Command {
	var start bool
	cmd := &cobra.Command{
		Use:   "check [FILE...]",
		Short: "Report every fault of the configuration, in every environment",
		Long: `check reports every fault of the configuration, in each environment that it has a
section for. It needs no secret, starts no plugin and sends nothing.

With --start-plugins it also starts the plugins and checks the settings of their
kinds. That needs what the references of the files name.`,
		Example: `  authsession config check
  authsession config check authsession.yaml authsession.local.yaml
  authsession config check -o json`,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) > 0 {
				a.flags.config = files
			}
			return a.check(cmd.Context(), start)
		},
	}
	cmd.Flags().BoolVar(&start, "start-plugins", false, "start the plugins, and check the settings of their kinds")
	return cmd
}

func (a *app) check(ctx context.Context, start bool) error {
	opts, err := a.options()
	if err != nil {
		return err
	}
	err = config.Check(ctx, opts)
	if a.wantsPlugins(err) {
		return runWithPlugins()
	}
	if err == nil && start {
		opts.StartPlugins = true
		var cfg *config.Config
		if cfg, err = config.Load(ctx, opts); err == nil {
			defer cfg.Close(context.WithoutCancel(ctx)) //nolint:errcheck // nothing was obtained
		}
	}
	if err != nil {
		return &failure{err: err, next: []string{}}
	}
	if a.json() {
		return writeJSON(a.stdout, struct {
			Version int    `json:"schema_version"`
			Config  origin `json:"config"`
			Valid   bool   `json:"valid"`
		}{1, a.origin, true})
	}
	_, err = fmt.Fprintf(a.stdout, "%s: no faults\n", strings.Join(a.origin.Files, ", "))
	return err
}

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME [KEY]",
		Short: "Print the keys of a session in effect, and where each comes from",
		Long: `explain prints the keys of a session with their values in effect, where each comes
from (file, line and column, a variable, or the default), and what it is for.
Secrets, and what a variable or a reference takes part in, are shown as REDACTED.

KEY is one key, such as origins or settings.client_id, or the beginning of some,
such as settings.`,
		Example: `  authsession config explain reports
  authsession config explain reports settings.client_id
  authsession -e qa config explain reports origins`,
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			key := ""
			if len(args) == 2 {
				key = args[1]
			}
			return a.explain(cmd.Context(), args[0], key)
		},
	}
}

// sourceJSON is a key in effect. Fields are only added.
type sourceJSON struct {
	Key      string `json:"key"`
	Value    string `json:"value"`
	From     string `json:"from"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Variable string `json:"variable,omitempty"`
	Default  bool   `json:"default"`
	Doc      string `json:"doc,omitempty"`
}

func (a *app) explain(ctx context.Context, name, key string) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	defer cfg.Close(ctx) //nolint:errcheck // nothing was obtained
	sources, err := cfg.Sources(name)
	if err != nil {
		return then(err, "status")
	}
	if sources, err = choose(cfg, name, key, sources); err != nil {
		return then(err, "config", "explain", name)
	}
	if a.json() {
		out := make([]sourceJSON, len(sources))
		for i, s := range sources {
			out[i] = sourceJSON{
				s.Key, s.Value, s.String(), s.File, s.Line, s.Column, s.Variable, s.Default, s.Doc,
			}
		}
		return writeJSON(a.stdout, struct {
			Version int          `json:"schema_version"`
			Session string       `json:"session"`
			Keys    []sourceJSON `json:"keys"`
		}{1, name, out})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tVALUE\tFROM\tWHAT")
	for _, s := range sources {
		cells := []string{shortKey(s.Key, name), s.Value, s.String(), s.Doc}
		for i, cell := range cells {
			if cells[i] = printable(cell); cells[i] == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintln(w, strings.Join(cells, "\t"))
	}
	return w.Flush()
}

// shortKey returns a key without the path of its session.
func shortKey(key, session string) string {
	return strings.TrimPrefix(key, "sessions."+session+".")
}

// choose returns the sources of a key and of those that it is the beginning of.
func choose(cfg *config.Config, name, key string, all []config.Source) ([]config.Source, error) {
	if key == "" {
		return all, nil
	}
	var out []config.Source
	for _, s := range all {
		// A value of an environment has the path of its section.
		short := shortKey(s.Key, name)
		if _, rest, ok := strings.Cut(short, "environments."); ok && rest != "" {
			_, short, _ = strings.Cut(rest, ".")
		}
		if short == key || strings.HasPrefix(short, strings.TrimSuffix(key, ".")+".") {
			out = append(out, s)
		}
	}
	if out != nil {
		return out, nil
	}
	one, err := cfg.Source(name, key)
	return []config.Source{one}, err
}

func (a *app) schemaCommand() *cobra.Command {
	var builtin bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of the configuration, for editors",
		Long: `schema prints the JSON Schema (draft-07) of the configuration file: for the kinds
that are built in and those of its plugins. Without a configuration, or with
--builtin, it is the schema for the kinds that are built in; then a session may
name any kind, as a plugin may have it.

Where an editor uses yaml-language-server, the first line of the file names it:
  # yaml-language-server: $schema=authsession.schema.json`,
		Example: `  authsession config schema >authsession.schema.json
  authsession config schema --builtin`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			schema, err := a.schema(cmd.Context(), builtin)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(a.stdout, string(schema))
			return err
		},
	}
	cmd.Flags().BoolVar(&builtin, "builtin", false, "the kinds that are built in, whatever the configuration names")
	return cmd
}

func (a *app) schema(ctx context.Context, builtin bool) ([]byte, error) {
	opts, err := a.options()
	switch {
	case builtin, errors.Is(err, errNoConfig):
		return PublishedSchema()
	case err != nil:
		return nil, err
	}
	opts.StartPlugins = a.host != nil
	cfg, err := config.Load(ctx, opts)
	if a.wantsPlugins(err) {
		return nil, runWithPlugins()
	}
	if err == nil && a.host == nil { // the file may get some
		opts.Plugins = anyPlugins{}
		cfg, err = config.Load(ctx, opts)
	}
	if err != nil {
		return nil, err
	}
	defer cfg.Close(ctx) //nolint:errcheck // nothing was obtained
	return cfg.Schema()
}

// sessionNames returns the names of all sessions, sorted.
func sessionNames(cfg *config.Config) []string {
	names := cfg.Registry().Names()
	slices.Sort(names)
	return names
}

// findSession returns a session. The error names the nearest one.
func findSession(cfg *config.Config, name string) (*core.Session, error) {
	s, err := cfg.Session(name)
	return s, then(err, "status")
}
