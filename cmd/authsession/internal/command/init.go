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
otherwise config.yaml in the user's settings, and never over one that is there.

No secret goes into the file: a setting that is secret becomes a reference to a
variable, such as ${env:REPORTS_CLIENT_SECRET}, and init says which ones to set.

With --no-input, or without a terminal, everything comes from the flags.`,
		Example: `  authsession init
  authsession init --no-input --provider oauth2 --name reports --origin https://reports.example.com \
    --set issuer=https://login.example.com --set client_id=nightly`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.init(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.StringVar(&o.kind, "provider", "", "`kind` of the provider")
	f.StringVar(&o.name, "name", "", "`name` of the session; without it, the kind")
	f.StringArrayVar(&o.origins, "origin", nil, "`origin` of the API, as https://api.example.com; may be given several times")
	f.StringVar(&o.environment, "environment", "", "`environment` of a provider that knows some")
	f.StringVar(&o.store, "store", "file", "where credentials are kept: file, keyring or none; the key of the files is in the keyring, or where there is none, in a file")
	f.StringArrayVar(&o.set, "set", nil, "a setting, as `KEY=VALUE`; may be given several times")
	_ = cmd.RegisterFlagCompletionFunc("provider",
		cobra.FixedCompletions(kindNames(providers.Builtin()), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (a *app) init(ctx context.Context, o initOptions) error {
	path := userFile()
	if len(a.flags.config) > 0 {
		path = a.flags.config[0]
	}
	if _, err := os.Lstat(path); err == nil {
		return &failure{
			kind: kinds[core.BadConfig], next: []string{"config", "check"},
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

// initDone says what was written and what comes next.
func (a *app) initDone(path string, d *draft) error {
	if _, err := fmt.Fprintf(a.stdout, "%s: written, with the session %q\n", path, d.name); err != nil {
		return err
	}
	for _, v := range d.variables {
		fmt.Fprintf(a.stderr, "set the variable %s: %s\n", v.name, printable(v.doc))
	}
	fmt.Fprintf(a.stderr, "then run: %s\n", a.commandLine([]string{"login", d.name}))
	return nil
}

// questions asks the person, if there is one.
type questions struct {
	app *app
	ui  *core.UI
	ask bool
}

// answer returns given or, if that is empty, what the person says.
func (q questions) answer(ctx context.Context, given, prompt, byDefault string) (string, error) {
	if given != "" || !q.ask {
		return firstOf(given, byDefault), nil
	}
	if byDefault != "" {
		prompt += " [" + byDefault + "]"
	}
	secret, err := q.ui.Ask(ctx, prompt, false)
	if err != nil {
		return "", err
	}
	return firstOf(strings.TrimSpace(secret.Reveal()), byDefault), nil
}

// draft asks for what every session has.
func (q questions) draft(ctx context.Context, o initOptions) (*draft, error) {
	factories := providers.Builtin()
	if q.ask && o.kind == "" {
		if err := q.app.listKinds(factories); err != nil {
			return nil, err
		}
	}
	kind, err := q.answer(ctx, o.kind, "Kind of the provider", "")
	if err != nil {
		return nil, err
	}
	if kind == "" {
		return nil, &failure{kind: usage, next: []string{"kinds"}, err: errors.New("--provider: want the kind of the provider")}
	}
	f, err := factoryOf(factories, kind)
	if err != nil {
		return nil, err
	}
	d := &draft{factory: f, origins: o.origins, values: map[string]string{}}
	if d.name, err = q.answer(ctx, o.name, "Name of the session", kind); err != nil {
		return nil, err
	}
	if d.store, err = q.chosen(ctx, o.store, []string{"file", "keyring", "none"}, "--store"); err != nil {
		return nil, err
	}
	if err := q.place(ctx, o, d); err != nil {
		return nil, err
	}
	for _, text := range o.set {
		if err := d.set(text); err != nil {
			return nil, err
		}
	}
	return d, q.choices(ctx, d)
}

// place asks for the environment and the origins.
func (q questions) place(ctx context.Context, o initOptions, d *draft) (err error) {
	if known := d.factory.Info().Environments; len(known) > 0 {
		names := make([]string, len(known))
		for i, e := range known {
			names[i] = string(e)
		}
		given, err := q.answer(ctx, o.environment, "Environment: "+strings.Join(names, ", "), names[0])
		if err != nil {
			return err
		}
		if d.environment, err = q.chosen(ctx, given, names, "--environment"); err != nil {
			return err
		}
		return nil // such a provider knows its origins, too
	}
	if len(d.origins) == 0 && q.ask {
		text, err := q.answer(ctx, "", "Where the credential may go, such as https://api.example.com", "")
		if err != nil {
			return err
		}
		d.origins = strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' })
	}
	return nil
}

func (q questions) chosen(_ context.Context, given string, known []string, flag string) (string, error) {
	if !slices.Contains(known, given) {
		return "", wrong("%s: want one of %s%s", flag, strings.Join(known, ", "), core.DidYouMean(given, known))
	}
	return given, nil
}

// choices asks which way of the provider is wanted: settings with few values that
// say whose credential it is.
func (q questions) choices(ctx context.Context, d *draft) error {
	for _, s := range d.factory.Settings() {
		if len(s.Enum) == 0 || !s.Identity || d.values[s.Name] != "" {
			continue
		}
		value, err := q.answer(ctx, "", s.Doc+" One of "+strings.Join(s.Enum, ", "), s.Default)
		if err != nil {
			return err
		}
		if value != s.Default {
			d.values[s.Name] = value
		}
	}
	return nil
}

// complete asks for settings until the configuration is accepted, and returns it.
func (q questions) complete(ctx context.Context, d *draft) (string, error) {
	asked := map[string]bool{}
	for {
		text, err := d.text()
		if err != nil {
			return "", err
		}
		err = checkText(ctx, text)
		if err == nil {
			return text, nil
		}
		name, problem := d.missing(err, asked)
		s, _ := d.setting(name)
		asked[name] = true
		switch {
		case name != "" && s.Secret:
			d.refer(name, s)
		case !q.ask || name == "" && problem == "":
			return "", &failure{err: err, next: []string{"kinds", d.factory.Info().Kind}}
		case name != "":
			value, err := q.answer(ctx, "", name+": "+problem+". "+s.Doc, "")
			if err != nil {
				return "", err
			}
			d.values[name] = value
		default:
			if err := q.anySetting(ctx, d, problem); err != nil {
				return "", err
			}
		}
	}
}

// anySetting asks for one of several settings that would do.
func (q questions) anySetting(ctx context.Context, d *draft, problem string) error {
	text, err := q.answer(ctx, "", problem+". One setting, as KEY=VALUE; of a secret one, KEY alone", "")
	if err != nil {
		return err
	}
	if s, ok := d.setting(text); ok && s.Secret {
		d.refer(text, s)
		return nil
	}
	return d.set(text)
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
