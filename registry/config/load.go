// Read on in config.go.

package config

import (
	"context"
	"crypto/tls"
	"maps"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
	"github.com/authsession/authsession/registry"
)

// setup is what a program gives for every load.
type setup struct {
	opts    Options
	builtin *registry.Registry // of Options.Factories; it never has sessions
	stores  storeKinds
	keys    keySchemas
	pipes   pipes
}

// newSetup checks the kinds in opts.
func newSetup(opts Options) (setup, error) {
	builtin, err := registry.New(opts.Factories...)
	if err != nil {
		return setup{}, err
	}
	stores, err := newStoreKinds(opts.Stores)
	if err != nil {
		return setup{}, err
	}
	if err := checkSources(opts.Sources); err != nil {
		return setup{}, err
	}
	if err := checkResolvers(opts.Resolvers); err != nil {
		return setup{}, err
	}
	opts.Resolvers = maps.Clone(opts.Resolvers)
	opts.Files = slices.Clone(opts.Files)
	opts.Sources = slices.Clone(opts.Sources)
	opts.Environ = slices.Clone(opts.Environ)
	opts.WithoutStore = slices.Clone(opts.WithoutStore)
	if opts.Logger == nil {
		opts.Logger = opts.Session.Logger
	}
	return setup{opts, builtin, stores, stores.keys(), pipes{}}, nil
}

// work is one load after the first pass.
type work struct {
	resolver resolver
	checker  checker
	plugins  map[string]plugin
}

// parse runs the first pass: files, plugins and variables. before is the last
// good load, whose plugins and stores are kept if they did not change; nil: there
// is none. An error is nothing but faults, or the cause of ctx.
func (s setup) parse(
	ctx context.Context, before *loaded, read watchedFiles, found *report,
) (*work, error) {
	found.leavesOut = s.opts.LeaveOutFaulty
	found.schemes = sorted.Keys(s.opts.Resolvers)
	readings, err := readSources(ctx, s.opts.Sources)
	if err != nil {
		return nil, err
	}
	found.readings = readings
	s.pipes.read(ctx, s.opts.Files)
	found.pipes = s.pipes
	files, ok := parse(ctx, s.opts.Files, read, found, readings...)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if !ok {
		return nil, s.failure(found)
	}
	if before == nil {
		before = &loaded{}
	}
	found.references = map[ownReference]ownValue{}
	refs := &references{
		ctx: ctx, environ: environMap(s.opts.Environ), read: read, texts: map[string]fileText{},
		own: ownReferences{s.opts.Resolvers, found.references}, found: found, none: !files.references,
	}
	p := pluginReader{opts: s.opts, files: files, refs: refs, found: found}
	plugins, kinds := p.read(ctx, s.builtin, before.plugins)
	v := variableReader{files, newTree(), s.keys, kinds, refs, found, nil}
	v.read()
	stores := &storeMaker{s.stores, map[storeID]core.Store{}, before.stores, found}
	readFile := func(name string) ([]byte, error) { return read.read(ctx, name, maxReference) }
	tlsOf := &tlsMaker{readFile, map[tlsID]*tls.Config{}, before.tls, s.opts.Logger, found}
	return &work{
		resolver: resolver{files, v.variables, s.keys, kinds, refs, found, isUntyped(s.opts.Sources)},
		checker:  checker{files, s.opts.Session, s.keys, kinds, stores, tlsOf, found, s.opts.WithoutStore},
		plugins:  plugins,
	}, nil
}

// failure returns the faults of a load as an error, or nil if there are none.
func (s setup) failure(found *report) error {
	err := newError(found.faults, s.opts.Files, s.opts.Sources)
	if e, ok := err.(*Error); ok {
		e.More = found.more
	}
	return err
}

// interrupted returns the error of a load whose context has ended, with the
// resolver that it waited for.
func (w *work) interrupted(ctx context.Context) error {
	if scheme := w.resolver.refs.own.abandoned(ctx); scheme != "" {
		return core.Errorf(core.CodeUnavailable, "the resolver of %s: %w", formOf(scheme),
			context.Cause(ctx))
	}
	return context.Cause(ctx)
}

// load runs the three passes for the environment of each session.
func (s setup) load(
	ctx context.Context, before *loaded, read watchedFiles, found *report,
) (*loaded, error) {
	w, err := s.parse(ctx, before, read, found)
	if err != nil {
		return nil, err
	}
	file := w.resolver.resolve(s.opts.Environment)
	if ctx.Err() != nil {
		return nil, w.interrupted(ctx)
	}
	variants := make([]*variant, 0, len(file.sessions))
	for _, session := range file.sessions {
		if ctx.Err() != nil {
			return nil, w.interrupted(ctx)
		}
		variants = append(variants, w.resolver.variant(session))
	}
	w.checker.checkTop(file.top)
	sessions := make(map[string]*checked, len(variants))
	for _, v := range variants {
		if ctx.Err() != nil {
			return nil, w.interrupted(ctx)
		}
		w.checker.checkSections(v.session, func(env string) bool {
			return v.environmentOK && string(v.environment) == env
		})
		sessions[v.name] = w.checker.check(ctx, v)
	}
	out := &loaded{
		environment: file.environment, defaultSession: file.defaultSession,
		sessions: sessions, names: slices.Collect(maps.Keys(w.resolver.files.object("sessions"))),
		faulty: map[string][]Fault{}, plugins: w.plugins,
		stores: w.checker.stores.made, tls: w.checker.tls.made,
	}
	if s.opts.LeaveOutFaulty {
		out.leaveOut(found)
	}
	w.checker.checkInputs(ctx, sessions)
	if ctx.Err() != nil {
		return nil, w.interrupted(ctx)
	}
	if s.opts.LeaveOutFaulty {
		out.leaveOut(found)
	}
	if len(found.faults) > 0 { // else registry.Replace checks the settings
		w.checker.checkSettings(ctx, sessions)
		if ctx.Err() != nil {
			return nil, w.interrupted(ctx)
		}
		return nil, s.failure(found)
	}
	return out, nil
}
