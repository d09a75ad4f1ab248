// Read on in host.go.

package plugins

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// factory is the host's side of one kind of a plugin.
type factory struct {
	processes *process.Supervisor
	secrets   *secretBook
	plugin    string
	kind      string
}

// describe returns what is known of the kind: before the first start, its name.
func (f *factory) describe() (core.Info, []core.Setting) {
	d := descriptionOf(f.processes)
	k := d.kind(f.kind)
	if k == nil {
		return core.Info{Kind: f.kind, Plugin: f.plugin}, nil
	}
	info := k.Info
	info.Plugin, info.Version = f.plugin, d.Version
	return info, k.Settings
}

// check reports the faults of settings; before the first start, it finds none.
func (f *factory) check(env core.Environment, settings map[string]any) error {
	d := descriptionOf(f.processes)
	if d == nil {
		return nil
	}
	k := d.kind(f.kind)
	if k == nil {
		return d.missing(f.plugin, f.kind)
	}
	return k.check(env, settings)
}

// open opens a provider in the plugin.
func (f *factory) open(ctx context.Context, env core.Environment,
	settings map[string]any) (core.Provider, error) {
	object, err := wire.FromSettings(settings)
	if err != nil {
		return nil, f.withKind(err)
	}
	open := &v1.OpenRequest{Kind: f.kind, Environment: string(env), Settings: object}
	r := newRemote(f.processes, f.secrets, f.plugin, open)
	if b, err := proto.Marshal(r.open); err != nil {
		return nil, f.withKind(core.Errorf(core.CodeBadConfig, "the settings are not UTF-8 text"))
	} else if len(b) > maxMessage {
		return nil, f.withKind(core.Errorf(core.CodeBadConfig, "the settings are larger than %d MiB",
			maxMessage>>20))
	}
	f.secrets.setSettings(r, secretsIn(object, r.schema()))
	in, err := r.acquire(ctx, true)
	if err != nil {
		f.secrets.forget(r)
		return nil, err
	}
	in.process.Release()
	return r, nil
}

// withKind adds the kind to an error, as a factory in the program does.
func (f *factory) withKind(err error) error {
	if e, ok := err.(*core.Error); ok {
		e.Kind = f.kind
	}
	return err
}
