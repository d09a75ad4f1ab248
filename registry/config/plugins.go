// Read on in variables.go.

package config

import (
	"context"
	"reflect"
	"slices"
	"strconv"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

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

// factoriesOf returns the factories of all plugins, in the order of the plugins'
// names.
func factoriesOf(plugins map[string]plugin) []core.Factory {
	var out []core.Factory
	for _, name := range sorted.Keys(plugins) {
		out = append(out, plugins[name].factories...)
	}
	return out
}

// pluginReader reads the key "plugins". It belongs to the first pass: which
// kinds there are decides what variables and sessions mean.
type pluginReader struct {
	opts  Options
	files tree
	refs  *references
	found *report
	kinds map[string]bool // that are taken
}

// read returns the plugins and a registry of all kinds, which is builtin if
// there are no plugins. A plugin that is as in before keeps its factories.
func (r *pluginReader) read(
	ctx context.Context, builtin *registry.Registry, before map[string]plugin,
) (map[string]plugin, *registry.Registry) {
	section := r.section()
	if section == nil {
		return nil, builtin
	}
	r.kinds = map[string]bool{}
	for _, info := range builtin.Kinds() {
		r.kinds[info.Kind] = true
	}
	out := make(map[string]plugin, len(section))
	for _, name := range sorted.Keys(section) {
		if p, ok := r.plugin(ctx, name, section[name], before); ok {
			out[name] = p
		}
	}
	kinds, err := registry.New(slices.Concat(r.opts.Factories, factoriesOf(out))...)
	if err != nil {
		r.found.add(r.files.locate, []string{"plugins"}, reason(err))
		return out, builtin
	}
	return out, kinds
}

// section returns the value of the key, or nil if there is none.
func (r *pluginReader) section() map[string]any {
	path := []string{"plugins"}
	value := r.files.values["plugins"]
	if value == nil {
		return nil
	}
	section, ok := value.(map[string]any)
	switch {
	case !ok:
		r.found.add(r.files.locate, path, "want an object: a name and its keys for each plugin")
		return nil
	case r.opts.Plugins == nil:
		r.found.add(r.files.locate, path,
			"this program runs no plugins: it gives no Options.Plugins")
		return nil
	}
	return section
}

// plugin reads one plugin. It reports false if the plugin's keys are faulty or
// the program cannot run it.
func (r *pluginReader) plugin(
	ctx context.Context, name string, value any, before map[string]plugin,
) (plugin, bool) {
	spec, ok := r.spec(name, value)
	if !ok {
		return plugin{}, false
	}
	p := before[name]
	if !reflect.DeepEqual(p.spec, spec) {
		factories, err := r.opts.Plugins.Plugin(spec)
		if err != nil {
			r.found.add(r.files.locate, []string{"plugins", name}, reason(err))
			return plugin{}, false
		}
		p = plugin{spec, factories}
	}
	r.start(ctx, spec)
	if !r.takeKinds(p) {
		p.factories = nil
	}
	return p, true
}

// spec reads the keys of one plugin.
func (r *pluginReader) spec(name string, value any) (registry.Plugin, bool) {
	path := []string{"plugins", name}
	given, ok := value.(map[string]any)
	if !ok {
		r.found.add(r.files.locate, path, "want an object with the keys path and sha256")
		return registry.Plugin{}, false
	}
	if r.hasVisibleReference(path, given) {
		return registry.Plugin{}, false
	}
	at := locator(r.files.locate)
	values := map[string]any{}
	merge(values, given, "") // resolve writes to the copy
	typer{at.below(path...), r.found}.object(nil, values, schemaOf[pluginKeys]())
	r.refs.resolve(newPath(), values, at.below(path...))
	// A reference that cannot be resolved is reported by now. The plugin counts
	// all the same, so that its kinds are not reported as unknown as well.
	before := len(r.found.faults)
	var keys pluginKeys
	r.found.addDecoded(core.DecodeSettings(values, &keys), path, at)
	spec := registry.Plugin{
		Name: name, Path: keys.Path, SHA256: keys.SHA256,
		Args: keys.Args, Env: keys.Env, Kinds: keys.Kinds,
	}
	return spec, len(r.found.faults) == before && !r.found.isUnusable(path)
}

// hasVisibleReference reports references, which may stand for secrets, in lists
// that errors, logs and other users of the machine can see.
func (r *pluginReader) hasVisibleReference(path []string, keys map[string]any) (has bool) {
	for _, key := range []string{"args", "env", "kinds"} {
		list, _ := keys[key].([]any)
		for i, v := range list {
			if text, ok := v.(string); ok && hasReference(text) {
				r.found.add(r.files.locate, slices.Concat(path, []string{key, strconv.Itoa(i)}),
					"no reference can be here: others can see the value")
				has = true
			}
		}
	}
	return has
}

// start starts a plugin if the program wants that while loading.
func (r *pluginReader) start(ctx context.Context, spec registry.Plugin) {
	if !r.opts.StartPlugins || r.found.unresolved {
		return
	}
	if err := r.opts.Plugins.DescribePlugin(ctx, spec); err != nil {
		r.found.add(r.files.locate, []string{"plugins", spec.Name}, reason(err))
	}
}

// takeKinds adds the kinds of a plugin to those that are taken. It reports false
// if one of them was taken before.
func (r *pluginReader) takeKinds(p plugin) bool {
	ok := true
	for _, f := range p.factories {
		kind := f.Info().Kind
		if !r.kinds[kind] {
			r.kinds[kind] = true
			continue
		}
		r.found.add(r.files.locate, []string{"plugins", p.spec.Name}, "kind "+strconv.Quote(kind)+
			" is already there: leave it out of Options.Factories, or out of kinds")
		ok = false
	}
	return ok
}
