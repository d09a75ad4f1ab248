package command

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// setupOptions are the flags of setup.
type setupOptions struct {
	write       bool
	name        string // of the user of a kubeconfig, or of the profile
	apiVersion  string
	interactive bool
	aws         awsOptions
	user        string // for git
	bearer      bool
}

func (a *app) setupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Print or write the configuration that makes kubectl, AWS tools or git run authsession",
		Long: `setup prints what another program needs in its configuration to run authsession as a
helper. With --write it shows what changes in that program's file and changes it. Writing
twice changes nothing. To undo it, remove the lines that are shown after + and put those
after - back. The owner and the mode of the file stay, and a link stays a link.`,
		Example: `  authsession setup kubectl cluster
  authsession setup git forge --write`,
		Args: cobra.NoArgs,
		RunE: needsCommand,
	}
	cmd.AddCommand(a.setupKubectlCommand(), a.setupAWSCommand(), a.setupGitCommand())
	return cmd
}

// setupSub returns a subcommand of setup.
func (a *app) setupSub(
	use, short, long, example string, o *setupOptions,
	run func(ctx context.Context, name string, words []string, o setupOptions) error,
) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: example,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOne,
		RunE: func(cmd *cobra.Command, args []string) error {
			words, err := a.helperWords(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return run(cmd.Context(), args[0], words, *o)
		},
	}
	cmd.Flags().BoolVar(&o.write, "write", false, "show what changes in the file, and change it")
	return cmd
}

// helperWords returns the words that run authsession with this configuration from
// anywhere.
func (a *app) helperWords(ctx context.Context, name string) ([]string, error) {
	cfg, err := a.load(ctx)
	if err != nil {
		return nil, err
	}
	defer cfg.Close(ctx) //nolint:errcheck // nothing was obtained
	if _, err := findSession(cfg, name); err != nil {
		return nil, err
	}
	program, err := programPath()
	if err != nil {
		return nil, err
	}
	flags, err := a.absolute()
	if err == nil {
		a.sayVariables()
	}
	return append([]string{program}, flags...), err
}

// programPath returns the path of this program: as it is found in PATH, which a new
// version keeps, otherwise where it is.
func programPath() (string, error) {
	own, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := strings.Replace(filepath.Base(own), withPlugins, "authsession", 1)
	own = filepath.Join(filepath.Dir(own), name)
	found, err := exec.LookPath(name)
	if err != nil || !sameFile(found, own) {
		return own, nil
	}
	return filepath.Abs(found)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}
