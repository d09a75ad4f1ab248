package command

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/registry/config"
)

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
	cmd.Flags().BoolVar(&builtin, "builtin", false,
		"the kinds that are built in, whatever the configuration names")
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
