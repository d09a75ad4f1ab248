package command

import (
	"context"
	"errors"
	"fmt"
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
twice changes nothing.`,
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

// change is a new text for a file.
type change struct {
	path          string
	before, after string
}

// read returns a change of a file that changes nothing yet. A file that is not
// there is empty.
func readForChange(path string) (change, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return change{path, string(text), string(text)}, err
}

// apply shows the difference and writes the file as a whole.
func (a *app) apply(c change) error {
	if c.before == c.after {
		_, err := fmt.Fprintf(a.stdout, "%s: nothing to change\n", c.path)
		return err
	}
	if _, err := fmt.Fprintf(a.stdout, "%s:\n%s", c.path, difference(c.before, c.after)); err != nil {
		return err
	}
	target := c.path
	if resolved, err := filepath.EvalSymlinks(target); err == nil {
		target = resolved // a link stays one
	}
	mode := os.FileMode(0o600)
	if info, err := os.Stat(target); err == nil {
		mode = info.Mode().Perm()
	}
	dir := filepath.Dir(target)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return replaceFile(dir, target, c.after, mode)
}

func replaceFile(dir, target, text string, mode os.FileMode) error {
	temporary, err := os.CreateTemp(dir, ".authsession-")
	if err != nil {
		return err
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // it has another name by then
	_, err = temporary.WriteString(text)
	if err := errors.Join(err, temporary.Chmod(mode), temporary.Close()); err != nil {
		return err
	}
	return os.Rename(temporary.Name(), target)
}

// difference shows the lines that differ, between those that are the same at both
// ends.
func difference(before, after string) string {
	old, now := splitLines(before), splitLines(after)
	start := 0
	for start < len(old) && start < len(now) && old[start] == now[start] {
		start++
	}
	end := 0
	for end < len(old)-start && end < len(now)-start && old[len(old)-1-end] == now[len(now)-1-end] {
		end++
	}
	var b strings.Builder
	for _, line := range old[start : len(old)-end] {
		fmt.Fprintf(&b, "- %s\n", printable(line))
	}
	for _, line := range now[start : len(now)-end] {
		fmt.Fprintf(&b, "+ %s\n", printable(line))
	}
	return b.String()
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
