// Read on in client.go.

package registry

import (
	"context"
	"maps"
	"slices"

	"github.com/authsession/authsession/core"
)

// Add adds sessions to those that are there, as [Registry.Replace] does. A
// name that is taken is a fault.
func (r *Registry) Add(ctx context.Context, entries ...Entry) error {
	r.mu.Lock()
	all := slices.AppendSeq(slices.Clip(slices.Clone(entries)), maps.Values(r.entries))
	removed, err := r.swap(ctx, r.kinds.Load(), all)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_ = closeAll(ctx, removed)
	return nil
}

// Replace makes entries the whole set of sessions. First everything is
// checked, without sending anything; all faults are reported together, joined,
// each a [*core.Error] of code [core.CodeBadConfig] with the session's name, and
// then nothing has changed. Otherwise the sets are exchanged at once:
//
//   - a session whose entry is as before keeps its credential,
//   - one whose entry changed is reconfigured in place: it serves its old
//     credential until it has a new one (see [core.Session.Reconfigure]); the
//     old provider is closed then, if it is a [core.Closer],
//   - new ones are created, uninitialised,
//   - removed ones are closed, within ctx. Replace does not return the errors
//     of their revocations: the sessions log them.
//
// The plugins are kinds beside those of [New]; they take the place of those of
// an earlier Replace. A session whose kind is now made by another factory
// counts as changed.
//
// If ctx ends while many entries are checked, the error is its cause, and nothing has changed.
//
// Entries are copied. A provider is opened when its session first
// authenticates. After [Registry.Close] the error is [core.CodeClosed].
func (r *Registry) Replace(ctx context.Context, entries []Entry, plugins ...core.Factory) error {
	k, err := newKinds(slices.Concat(r.builtin, plugins))
	if err != nil {
		return err
	}
	r.mu.Lock()
	removed, err := r.swap(ctx, k, entries)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_ = closeAll(ctx, removed)
	return nil
}

// Check reports every fault that [Registry.Replace] would find in entries, and
// changes nothing.
func (r *Registry) Check(entries []Entry) error {
	return r.kinds.Load().check(context.Background(), entries)
}

// swap checks entries, exchanges the sets and returns the sessions that were
// removed. The caller holds r.mu.
func (r *Registry) swap(ctx context.Context, k *kinds, entries []Entry) ([]closing, error) {
	if r.closed {
		return nil, core.Errorf(core.CodeClosed, "the registry is closed")
	}
	if err := k.check(ctx, entries); err != nil {
		return nil, err
	}
	factories := r.kinds.Load().factories
	old := *r.sessions.Load()
	sessions := make(map[string]*core.Session, len(entries))
	kept := make(map[string]Entry, len(entries))
	providers := make(map[string]*provider, len(entries))
	for i, e := range inOrder(entries) { // so that sessions has the inputs of e
		if len(old) == 0 && i%entriesBetween == entriesBetween-1 && ctx.Err() != nil {
			return nil, context.Cause(ctx) // no session was reconfigured yet
		}
		s, before, f := old[e.Name], r.entries[e.Name], k.factories[e.Kind]
		if s != nil && e.same(before) && f.Same(factories[e.Kind]) {
			kept[e.Name], sessions[e.Name], providers[e.Name] = before, s, r.providers[e.Name]
			continue
		}
		e = e.clone()
		p := newProvider(f, e.Environment, e.Settings)
		opts := e.sessionOptions(p, sessions)
		if s != nil {
			p.succeed(r.providers[e.Name])
			s.Reconfigure(p, p.observing(opts))
		} else {
			s = core.New(e.Name, p, &opts)
		}
		kept[e.Name], sessions[e.Name], providers[e.Name] = e, s, p
	}
	var removed []closing
	for name, s := range old {
		if sessions[name] == nil {
			removed = append(removed, closing{s, r.providers[name]})
		}
	}
	r.entries, r.providers = kept, providers
	r.kinds.Store(k)
	r.sessions.Store(&sessions)
	r.index.Store(core.NewOriginIndex(maps.Values(sessions)))
	return removed, nil
}

// sessionOptions returns the options that the session gets. e is a clone, and
// sessions has the sessions of its inputs.
func (e Entry) sessionOptions(p *provider, sessions map[string]*core.Session) core.Options {
	f, opts := p.factory, e.Options
	if opts.Facade == nil && (f.Info().Facade || !f.Described()) {
		opts.Facade = p.facade
	}
	if opts.Store != nil && opts.StoreKey == "" && opts.StoreScope == "" {
		opts.StoreScope = e.storeScope(f)
		if opts.StoreFormerKey == "" { // in earlier versions all settings counted
			opts.StoreFormerKey = e.Name + "-" + e.scopeOfAllSettings(f)
		}
	}
	if len(e.Inputs) > 0 {
		opts.Inputs = maps.Clone(opts.Inputs)
		if opts.Inputs == nil {
			opts.Inputs = make(map[string]*core.Session, len(e.Inputs))
		}
		for role, name := range e.Inputs {
			opts.Inputs[role] = sessions[name]
		}
	}
	return opts
}
