// Read on in answer.go.

package plugins

import (
	"context"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// Description is what a plugin says about itself. Do not write to it.
type Description struct {
	Version string // of the plugin, for people; may be empty
	Kinds   []Kind // in the plugin's order
}

// Kind is one way to authenticate that a plugin serves.
type Kind struct {
	core.Info
	Settings []core.Setting

	decoded reflect.Type // a struct with these settings
}

const maxKinds = 1000

// newDescription checks and tidies what a plugin says about itself.
func newDescription(plugin string, m *v1.DescribeResponse) (*Description, error) {
	bad := func(text string) (*Description, error) {
		return nil, core.Errorf(core.CodeBadConfig, "plugin %q: its description is faulty: %s: "+
			"tell its author", plugin, text)
	}
	d := &Description{Version: process.OneLine(m.GetVersion(), 100)}
	if len(m.GetKinds()) == 0 || len(m.GetKinds()) > maxKinds {
		return bad("it has no kind, or too many")
	}
	left := maxSettings
	for _, k := range m.GetKinds() {
		info, settings := wire.ToInfo(k)
		if !process.IsName(info.Kind) || d.kind(info.Kind) != nil {
			return bad("a kind has no proper name, or that of another: " +
				strconv.Quote(process.OneLine(info.Kind, 100)))
		}
		info.Summary = process.OneLine(info.Summary, 500)
		if !areProperEnvironments(info.Environments) {
			return bad("kind " + strconv.Quote(info.Kind) +
				" has an environment without a proper name")
		}
		if fault := tidySettings(settings, &left); fault != "" {
			return bad("kind " + strconv.Quote(info.Kind) + ": " + fault)
		}
		d.Kinds = append(d.Kinds, Kind{Info: info, Settings: settings, decoded: structOf(settings)})
	}
	return d, nil
}

// areProperEnvironments reports whether each environment has a name of its own
// that is fit for people.
func areProperEnvironments(list []core.Environment) bool {
	for i, env := range list {
		if env == "" || process.OneLine(string(env), 100) != string(env) ||
			slices.Contains(list[:i], env) {
			return false
		}
	}
	return true
}

// kind returns the kind with a name, or nil. d may be nil.
func (d *Description) kind(name string) *Kind {
	if d == nil {
		return nil
	}
	for i := range d.Kinds {
		if d.Kinds[i].Kind == name {
			return &d.Kinds[i]
		}
	}
	return nil
}

// checkKinds reports which of the binary's kinds the plugin does not serve.
func (d *Description) checkKinds(b Binary) error {
	for _, name := range b.kinds() {
		if d.kind(name) == nil {
			return d.missing(b.Name, name)
		}
	}
	return nil
}

func (d *Description) missing(plugin, kind string) error {
	names := make([]string, len(d.Kinds))
	for i, k := range d.Kinds {
		names[i] = k.Kind
	}
	return core.Errorf(core.CodeBadConfig, "plugin %q serves no kind %q%s; it serves: %s",
		plugin, kind, core.DidYouMean(kind, names), strings.Join(names, ", "))
}

// check reports the faults of settings, as a factory in the program would.
func (k *Kind) check(env core.Environment, settings map[string]any) error {
	faults := core.DecodeSettings(settings, reflect.New(k.decoded).Interface())
	if err := k.CheckEnvironment(env); err != nil {
		return err
	}
	if faults != nil {
		return &core.Error{Kind: k.Kind, Code: core.CodeBadConfig, Err: faults}
	}
	return nil
}

// askDescription asks a process of a plugin for its description. One that contains
// one of the secrets is refused: errors about settings name what is in it.
func askDescription(ctx context.Context, plugin string, secrets *secretBook,
	conn grpc.ClientConnInterface) (process.Description, error) {
	m, err := v1.NewProviderClient(conn).Describe(ctx, &v1.DescribeRequest{})
	if err != nil {
		return process.Description{}, err
	}
	if secrets.isIn(m.String) {
		return process.Description{}, core.Errorf(core.CodeBadConfig,
			"plugin %q: its description contains a secret of its settings: tell its author", plugin)
	}
	d, err := newDescription(plugin, m)
	if err != nil {
		return process.Description{}, err
	}
	return process.Description{Version: d.Version, Value: d}, nil
}

// askSignOfLife asks a process for its description, which every plugin has at
// hand, and does not look at the answer.
func askSignOfLife(ctx context.Context, conn grpc.ClientConnInterface) error {
	_, err := v1.NewProviderClient(conn).Describe(ctx, &v1.DescribeRequest{})
	return err
}

// descriptionOf returns what a plugin said about itself when it last started, or
// nil before it has started once.
func descriptionOf(s *process.Supervisor) *Description {
	d, _ := s.Described().(*Description)
	return d
}
