package command

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// anyPlugins stands for a host, where nothing is loaded.
type anyPlugins struct{}

func (anyPlugins) Plugin(registry.Plugin) ([]core.Factory, error)        { return nil, nil }
func (anyPlugins) DescribePlugin(context.Context, registry.Plugin) error { return nil }

// builtinOptions are those of the published schema.
func builtinOptions() config.Options {
	return config.Options{
		Factories: providers.Builtin(), Stores: store.Builtin(), Plugins: anyPlugins{},
	}
}

// PublishedSchema returns the JSON Schema for the kinds that are built in.
func PublishedSchema() ([]byte, error) { return config.Schema(builtinOptions()) }

func (a *app) kindsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "kinds [KIND]",
		Short: "List the kinds of providers, or the settings of one",
		Long: `kinds lists the kinds of providers that are built in. With the name of one, it lists
the settings of that kind: their types and defaults, which are required, which are
secret, and what each is for.`,
		Example: `  authsession kinds
  authsession kinds oauth2
  authsession kinds -o json`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return kindNames(providers.Builtin()), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			factories := providers.Builtin()
			if len(args) == 0 {
				return a.listKinds(factories)
			}
			f, err := factoryOf(factories, args[0])
			if err != nil {
				return err
			}
			return a.describeKind(f)
		},
	}
}

func kindNames(factories []core.Factory) []string {
	names := make([]string, len(factories))
	for i, f := range factories {
		names[i] = f.Info().Kind
	}
	return names
}

// factoryOf returns the factory of a kind. The error names the nearest one.
func factoryOf(factories []core.Factory, kind string) (core.Factory, error) {
	names := kindNames(factories)
	if i := slices.Index(names, kind); i >= 0 {
		return factories[i], nil
	}
	return core.Factory{}, &failure{
		kind: usage, next: []string{"kinds"},
		err: fmt.Errorf("unknown kind %q%s", kind, core.DidYouMean(kind, names)),
	}
}

// kindJSON is a kind of provider. Fields are only added.
type kindJSON struct {
	Kind         string             `json:"kind"`
	Summary      string             `json:"summary"`
	Environments []core.Environment `json:"environments,omitempty"`
	Settings     []settingJSON      `json:"settings,omitempty"`
}

type settingJSON struct {
	Name     string        `json:"name"`
	Type     string        `json:"type"`
	Default  string        `json:"default,omitempty"`
	Enum     []string      `json:"enum,omitempty"`
	Required bool          `json:"required"`
	Secret   bool          `json:"secret"`
	Doc      string        `json:"doc,omitempty"`
	Fields   []settingJSON `json:"fields,omitempty"`
}

func (a *app) listKinds(factories []core.Factory) error {
	if a.json() {
		out := make([]kindJSON, len(factories))
		for i, f := range factories {
			info := f.Info()
			out[i] = kindJSON{Kind: info.Kind, Summary: info.Summary, Environments: info.Environments}
		}
		return writeJSON(a.stdout, struct {
			Version int        `json:"schema_version"`
			Kinds   []kindJSON `json:"kinds"`
		}{1, out})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tWHAT")
	for _, f := range factories {
		fmt.Fprintf(w, "%s\t%s\n", f.Info().Kind, f.Info().Summary)
	}
	return w.Flush()
}

func (a *app) describeKind(f core.Factory) error {
	info := f.Info()
	if a.json() {
		return writeJSON(a.stdout, struct {
			Version int `json:"schema_version"`
			kindJSON
		}{1, kindJSON{info.Kind, info.Summary, info.Environments, settingsJSON(f.Settings())}})
	}
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SETTING\tTYPE\tDEFAULT\tWHAT")
	describeSettings(w, "", f.Settings())
	return w.Flush()
}

func settingsJSON(settings []core.Setting) []settingJSON {
	var out []settingJSON
	for _, s := range settings {
		out = append(out, settingJSON{
			s.Name, s.Type, s.Default, s.Enum, s.Required, s.Secret, s.Doc, settingsJSON(s.Fields),
		})
	}
	return out
}

func describeSettings(w *tabwriter.Writer, prefix string, settings []core.Setting) {
	for _, s := range settings {
		value := s.Default
		switch {
		case s.Required && value == "":
			value = "required"
		case value == "":
			value = "-"
		}
		what := s.Doc
		if len(s.Enum) > 0 {
			what += " One of " + strings.Join(s.Enum, ", ") + "."
		}
		if s.Secret {
			what += " Secret."
		}
		fmt.Fprintf(w, "%s%s\t%s\t%s\t%s\n", prefix, s.Name, s.Type, value, strings.TrimSpace(what))
		if s.Type == "object" {
			describeSettings(w, prefix+s.Name+".", s.Fields)
		}
	}
}
