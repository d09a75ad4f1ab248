package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

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
	l := list{head: []string{"KIND", "WHAT"}}
	for _, f := range factories {
		l.add(f.Info().Kind, f.Info().Summary)
	}
	return a.printList(l)
}

func (a *app) describeKind(f core.Factory) error {
	info := f.Info()
	if a.json() {
		return writeJSON(a.stdout, struct {
			Version int `json:"schema_version"`
			kindJSON
		}{1, kindJSON{info.Kind, info.Summary, info.Environments, settingsJSON(f.Settings())}})
	}
	l := list{head: []string{"SETTING", "TYPE", "DEFAULT", "WHAT"}}
	l.describe("", f.Settings())
	return a.printList(l)
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

// describe adds settings, those inside an object by their path.
func (l *list) describe(prefix string, settings []core.Setting) {
	for _, s := range settings {
		value, what := s.Default, s.Doc
		if s.Required && value == "" {
			value = "required"
		}
		if len(s.Enum) > 0 {
			what += " One of " + strings.Join(s.Enum, ", ") + "."
		}
		if s.Secret {
			what += " Secret."
		}
		l.add(prefix+s.Name, s.Type, value, strings.TrimSpace(what))
		if s.Type == "object" {
			l.describe(prefix+s.Name+".", s.Fields)
		}
	}
}
