package command

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/registry/config"
)

// completeNames completes the names of sessions from the configuration. It sends
// nothing. A configuration that cannot be loaded gives none.
func (a *app) completeNames(
	cmd *cobra.Command, given []string, _ string,
) ([]string, cobra.ShellCompDirective) {
	const only = cobra.ShellCompDirectiveNoFileComp
	// cobra reads the flags twice here, which doubles a list.
	if files := a.flags.config; slices.Equal(files[:len(files)/2], files[(len(files)+1)/2:]) {
		a.flags.config = files[:(len(files)+1)/2]
	}
	opts, err := a.options()
	if err != nil {
		return nil, only
	}
	opts.Logger, opts.Session.Logger = nil, nil
	cfg, err := config.Load(cmd.Context(), opts)
	if err != nil {
		if a.wantsPlugins(err) {
			_ = runWithPlugins()
		}
		return nil, only
	}
	defer cfg.Close(cmd.Context()) //nolint:errcheck // nothing was obtained
	var names []string
	for _, name := range sessionNames(cfg) {
		if !slices.Contains(given, name) {
			names = append(names, name)
		}
	}
	return names, only
}

// completeOne completes the first argument only.
func (a *app) completeOne(
	cmd *cobra.Command, given []string, prefix string,
) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeNames(cmd, given, prefix)
}
