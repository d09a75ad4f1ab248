package config

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry"
)

// Plugins runs the programs that the key "plugins" names. *plugins.Host is one.
type Plugins interface {
	// Plugin returns a factory for each kind of p, and starts nothing. Called
	// with another p of the same name, it returns factories for that one;
	// those of before go on until their providers are closed.
	Plugin(p registry.Plugin) ([]core.Factory, error)
	// DescribePlugin starts p unless it runs, so that its factories know their
	// settings.
	DescribePlugin(ctx context.Context, p registry.Plugin) error
}

// pluginKeys are the keys of a plugin.
type pluginKeys struct {
	Path   string   `json:"path" required:"true"`
	SHA256 string   `json:"sha256" required:"true"`
	Args   []string `json:"args"`
	Env    []string `json:"env"`
	Kinds  []string `json:"kinds"`
}

// plugin is one program of a load, with the factories of its kinds.
type plugin struct {
	spec      registry.Plugin
	factories []core.Factory
}

// loadPlugins reads the key "plugins" and makes the registry by which the rest
// of the load goes. A plugin that is as in before keeps its factories.
func (l *loader) loadPlugins(ctx context.Context, before *loaded) map[string]plugin {
	section, given := l.values["plugins"]
	if !given || section == nil {
		return nil
	}
	path := []string{"plugins"}
	list, ok := section.(map[string]any)
	switch {
	case !ok:
		l.fault(path, "want an object: a name and its keys for each plugin")
		return nil
	case l.opts.Plugins == nil:
		l.fault(path, "this program runs no plugins: it gives no Options.Plugins")
		return nil
	}
	out := make(map[string]plugin, len(list))
	kinds := map[string]bool{}
	for _, info := range l.reg.Kinds() {
		kinds[info.Kind] = true
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		spec, ok := l.pluginSpec(name, list[name])
		if !ok {
			continue
		}
		p := plugin{spec: spec}
		if before != nil && reflect.DeepEqual(before.plugins[name].spec, spec) {
			p = before.plugins[name]
		} else if !l.makePlugin(&p) {
			continue
		}
		l.startPlugin(ctx, spec)
		l.takeKinds(&p, kinds)
		out[name] = p
	}
	reg, err := registry.New(slices.Concat(l.opts.Factories, factoriesOf(out))...)
	if err != nil {
		l.fault(path, reason(err))
		return out
	}
	l.reg = reg
	return out
}

// startPlugin starts a plugin if the program wants that while loading.
func (l *loader) startPlugin(ctx context.Context, spec registry.Plugin) {
	if !l.opts.StartPlugins || l.checking {
		return
	}
	if err := l.opts.Plugins.DescribePlugin(ctx, spec); err != nil {
		l.fault([]string{"plugins", spec.Name}, reason(err))
	}
}

// takeKinds adds the kinds of a plugin to those that are known.
func (l *loader) takeKinds(p *plugin, kinds map[string]bool) {
	for _, f := range p.factories {
		kind := f.Info().Kind
		if !kinds[kind] {
			kinds[kind] = true
			continue
		}
		l.fault([]string{"plugins", p.spec.Name},
			"kind "+strconv.Quote(kind)+" is already there: leave it out of Options.Factories, or out of kinds")
		p.factories = nil
	}
}

// pluginSpec reads the keys of one plugin.
func (l *loader) pluginSpec(name string, value any) (registry.Plugin, bool) {
	path := []string{"plugins", name}
	if _, ok := value.(map[string]any); !ok {
		l.fault(path, "want an object with the keys path and sha256")
		return registry.Plugin{}, false
	}
	if l.shownReference(path, value.(map[string]any)) {
		return registry.Plugin{}, false
	}
	at := func(rest []string) ([]string, place) { return l.at(slices.Concat(path, rest)) }
	values, _ := l.resolveAll(nil, value, at).(map[string]any)
	var keys pluginKeys
	faults := len(l.faults)
	l.decodeFaults(core.DecodeSettings(values, &keys), path, l.at)
	spec := registry.Plugin{Name: name, Path: keys.Path, SHA256: keys.SHA256, Args: keys.Args, Env: keys.Env, Kinds: keys.Kinds}
	return spec, len(l.faults) == faults && !l.isBroken(path)
}

// shownReference reports references, which may stand for secrets, in lists that
// other users of the machine, errors and logs show.
func (l *loader) shownReference(path []string, keys map[string]any) (found bool) {
	for _, key := range []string{"args", "env", "kinds"} {
		list, _ := keys[key].([]any)
		for i, v := range list {
			if text, ok := v.(string); ok && strings.Contains(text, "${") {
				l.fault(slices.Concat(path, []string{key, strconv.Itoa(i)}), "no reference can be here: others can see the value")
				found = true
			}
		}
	}
	return found
}

func (l *loader) makePlugin(p *plugin) bool {
	factories, err := l.opts.Plugins.Plugin(p.spec)
	if err != nil {
		l.fault([]string{"plugins", p.spec.Name}, reason(err))
		return false
	}
	p.factories = factories
	return true
}

// keepPlugins gives the names of plugins back to those of the last good load,
// after one that was not.
func (c *Config) keepPlugins() {
	before := c.state.Load()
	if before == nil || c.opts.Plugins == nil {
		return
	}
	for _, p := range before.plugins {
		_, _ = c.opts.Plugins.Plugin(p.spec)
	}
}

func factoriesOf(list map[string]plugin) []core.Factory {
	var out []core.Factory
	for _, name := range slices.Sorted(maps.Keys(list)) {
		out = append(out, list[name].factories...)
	}
	return out
}
