package plugins

import (
	"context"

	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// factory is the host's side of one kind of a plugin.
type factory struct {
	sup    *supervisor
	plugin string
	kind   string
}

func (f *factory) describe() (core.Info, []core.Setting) {
	d := f.sup.description()
	k := d.kind(f.kind)
	if k == nil {
		return core.Info{Kind: f.kind, Plugin: f.plugin}, nil
	}
	info := k.Info
	info.Plugin, info.Version = f.plugin, d.Version
	return info, k.Settings
}

func (f *factory) check(env core.Environment, settings map[string]any) error {
	d := f.sup.description()
	if d == nil {
		return nil
	}
	k := d.kind(f.kind)
	if k == nil {
		return d.missing(f.plugin, f.kind)
	}
	return k.check(env, settings)
}

func (f *factory) open(ctx context.Context, env core.Environment, settings map[string]any) (core.Provider, error) {
	object, err := wire.FromSettings(settings)
	if err != nil {
		return nil, f.own(err)
	}
	r := newRemote(f, &v1.OpenRequest{Kind: f.kind, Environment: string(env), Settings: object})
	if b, err := proto.Marshal(r.open); err != nil {
		return nil, f.own(core.Errorf(core.BadConfig, "the settings are not UTF-8 text"))
	} else if len(b) > maxMessage {
		return nil, f.own(core.Errorf(core.BadConfig, "the settings are larger than %d MiB", maxMessage>>20))
	}
	p, err := r.bound(ctx, true)
	if err != nil {
		return nil, err
	}
	p.release()
	return r, nil
}

// own adds the kind to an error, as a factory in the program does.
func (f *factory) own(err error) error {
	if e, ok := err.(*core.Error); ok {
		e.Provider = f.kind
	}
	return err
}
