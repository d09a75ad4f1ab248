package command

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

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
	cmd.Flags().BoolVar(&start, "start-plugins", false,
		"start the plugins, and check the settings of their kinds")
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
		opts.StartPlugins, opts.LeaveOutFaulty = true, false
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
	a.sayIgnored()
	_, err = fmt.Fprintf(a.stdout, "%s: no faults\n", strings.Join(a.origin.Files, ", "))
	return err
}
