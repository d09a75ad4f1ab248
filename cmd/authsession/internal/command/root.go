package command

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
)

// root returns the tree of commands.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "authsession",
		Short: "Give a person, a script or a program the sessions of a configuration file",
		Long: `authsession signs in to the APIs that a configuration file names, keeps the
credentials fresh, and gives them to people, scripts and other programs.

The configuration is the first of these that exists:
  the files of --config
  the files of $AUTHSESSION_CONFIG, separated as in $PATH
  authsession.yaml, .yml, .toml or .json in this directory
  $XDG_CONFIG_HOME/authsession/config.yaml and config.d/*.yaml (without the
  variable: ~/.config/authsession)

Exit status: 0, or 1 for anything that has no other; 64 usage; 69 not initialised or
closed; 75 unavailable; 77 denied, or not an origin of the session; 78 bad
configuration; 80 a person must sign in; 130 Ctrl-C.`,
		Example: `  authsession init
  authsession login
  authsession status
  curl -H "$(authsession token reports --header)" https://reports.example.com/v1/today`,
		SilenceErrors: true, SilenceUsage: true,
		Args: knownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := a.checkFlags(); err != nil {
				return err
			}
			a.running = true
			return nil
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	a.globalFlags(root)
	root.AddCommand(
		a.loginCommand(), a.logoutCommand(), a.statusCommand(), a.tokenCommand(),
		a.requestCommand(), a.execCommand(), a.helperCommand(), a.setupCommand(),
		a.initCommand(), a.configCommand(), a.kindsCommand(), a.versionCommand(),
	)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	flagsBeforeCommand(root)
	return root
}

// flagsBeforeCommand makes flags before a subcommand those of root: -o of request is another
// one. Cobra has to know which of them take a value before it looks for the subcommand, and
// a -h there asks for the help of the subcommand.
func flagsBeforeCommand(root *cobra.Command) {
	root.TraverseChildren = true
	root.Flags().AddFlagSet(root.PersistentFlags())
	root.InitDefaultHelpFlag()
	shareHelp(root)
}

// shareHelp makes the -h of a command that of its subcommands, too.
func shareHelp(parent *cobra.Command) {
	for _, c := range parent.Commands() {
		c.InitDefaultHelpFlag()
		c.Flags().Lookup("help").Value = parent.Flags().Lookup("help").Value
		shareHelp(c)
	}
}

// knownCommand reports an argument that names no command, with the nearest one.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names []string
	for _, c := range cmd.Commands() {
		names = append(names, c.Name())
	}
	return wrong("unknown command %q%s", args[0], core.DidYouMean(args[0], names))
}

func (a *app) globalFlags(root *cobra.Command) {
	f := root.PersistentFlags()
	f.StringArrayVarP(&a.flags.config, "config", "c", nil,
		"configuration `file`; a later one lies over an earlier one")
	f.StringVarP(&a.flags.environment, "env", "e", "",
		"`environment` of all sessions without one of their own")
	f.StringVarP(&a.flags.output, "output", "o", "text", "form of answers and errors: text or json")
	f.StringVar(&a.flags.color, "color", "auto", "when to colour states: auto, always or never")
	f.BoolVar(&a.flags.noInput, "no-input", false, "never ask a person")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "print the answer and errors only")
	f.BoolVarP(&a.flags.verbose, "verbose", "v", false,
		"print what sessions do, to stderr; not with -o json")
	f.DurationVar(&a.flags.timeout, "timeout", 30*time.Second, "how long to wait for a credential")
	fixed := func(values ...string) cobra.CompletionFunc {
		return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
	}
	_ = root.RegisterFlagCompletionFunc("output", fixed("text", "json"))
	_ = root.RegisterFlagCompletionFunc("color", fixed("auto", "always", "never"))
}

// checkFlags reports values of the global flags that are not known.
func (a *app) checkFlags() error {
	for _, f := range []struct {
		name, value string
		known       []string
	}{
		{"output", a.flags.output, []string{"text", "json"}},
		{"color", a.flags.color, []string{"auto", "always", "never"}},
	} {
		if !slices.Contains(f.known, f.value) {
			return fmt.Errorf("--%s: want one of %s", f.name, strings.Join(f.known, ", "))
		}
	}
	if a.flags.timeout <= 0 {
		return errors.New("--timeout: want a duration above zero, such as 30s")
	}
	return nil
}

func (a *app) json() bool { return a.flags.output == "json" }
