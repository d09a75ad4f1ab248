package command

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

// initOptions are what init is told by flags. It asks for the rest.
type initOptions struct {
	kind        string
	name        string
	origins     []string
	environment string
	store       string
	set         []string
}

func (a *app) initCommand() *cobra.Command {
	var o initOptions
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration",
		Long: `init asks for a provider and what it needs, and writes a configuration with one
session that "authsession config check" accepts. It writes the file that --config names,
otherwise that of $AUTHSESSION_CONFIG, otherwise config.yaml in the user's settings, and
never over one that is there. The file is YAML.

No secret goes into the file: a setting that is secret becomes a reference to a
variable, such as ${env:REPORTS_CLIENT_SECRET}, and init says which ones to set.

With --no-input, or without a terminal, everything comes from the flags.`,
		Example: `  authsession init
  authsession init --no-input --provider oauth2 --name reports \
    --origin https://reports.example.com --set issuer=https://login.example.com \
    --set client_id=nightly`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "provider", "", "`kind` of the provider")
	f.StringVar(&o.name, "name", "", "`name` of the session; without it, the kind")
	f.StringArrayVar(&o.origins, "origin", nil,
		"`origin` of the API, as https://api.example.com; may be given several times")
	f.StringVar(&o.environment, "environment", "", "`environment` of a provider that knows some")
	f.StringVar(&o.store, "store", "file",
		"where credentials are kept: file, keyring or none; the key of the files is in the keyring, "+
			"or where there is none, in a file")
	f.StringArrayVar(&o.set, "set", nil, "a setting, as `KEY=VALUE`; may be given several times")
	_ = cmd.RegisterFlagCompletionFunc("provider",
		cobra.FixedCompletions(kindNames(providers.Builtin()), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) init(ctx context.Context, o initOptions) error {
	path, err := a.initPath()
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil {
		return &failure{
			kind: kinds[core.CodeBadConfig], next: []string{"config", "check"},
			err: fmt.Errorf("%s is there already: edit it, or name another one with --config", path),
		}
	}
	q := questions{app: a, ui: a.ui(true, func() {})}
	q.ask = !a.flags.noInput && isTerminal(a.stdin) && isTerminal(a.stderr)
	d, err := q.draft(ctx, o)
	if err != nil {
		return err
	}
	text, err := q.complete(ctx, d)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return a.initDone(path, d)
}

// initPath returns the file that init writes.
func (a *app) initPath() (string, error) {
	var path string
	named := append(slices.Clone(a.flags.config), filesOfVariable()...)
	switch {
	case len(named) > 0:
		path = named[0]
	case userDir() == "":
		return "", wrong("HOME is not set, so name the file to write with --config")
	default:
		path = filepath.Join(userDir(), "config.yaml")
	}
	switch extension := filepath.Ext(path); strings.ToLower(extension) {
	case ".json", ".toml":
		return "", wrong("%s: init writes YAML: name a file that ends in .yaml instead of %s",
			path, extension)
	}
	return path, nil
}

// initDone says what was written and what comes next.
func (a *app) initDone(path string, d *draft) error {
	if _, err := fmt.Fprintf(a.stdout, "%s: written, with the session %q\n", path,
		d.name); err != nil {
		return err
	}
	for _, v := range d.variables {
		fmt.Fprintf(a.stderr, "set the variable %s: %s\n", v.name, printable(v.doc))
	}
	fmt.Fprintf(a.stderr, "then run: %s\n", a.commandLine([]string{"login", d.name}))
	return nil
}

// checkText reports the faults of a configuration.
func checkText(ctx context.Context, text string) error {
	f, err := os.CreateTemp("", "authsession-init-*.yaml")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it is in the folder for temporary files
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	opts := builtinOptions()
	opts.Files, opts.Environ, opts.Plugins = []string{f.Name()}, []string{}, nil
	err = config.Check(ctx, opts)
	var faults *config.Error
	if errors.As(err, &faults) {
		for i := range faults.Faults {
			faults.Faults[i].File, faults.Faults[i].Line = "", 0 // a file that nobody will see
		}
	}
	return err
}
