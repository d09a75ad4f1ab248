package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/authsession/authsession/core"
)

// Entry describes one named session.
type Entry struct {
	Name        string           // unique; not empty
	Kind        string           // of the provider
	Environment core.Environment // handed to the provider; empty: none
	Settings    map[string]any   // of the provider, as core.Factory.Open takes them
	// Inputs are the names of sessions of the same set, by role: they become
	// Options.Inputs. Nil: none.
	Inputs map[string]string
	// Options of the session. Provider and Environment are filled in, and Facade if
	// it is nil. With a
	// Store and neither StoreKey nor StoreScope, StoreScope is filled in (see
	// [Entry.StoreKey]), and StoreFormerKey if it is empty.
	Options core.Options
}

// String returns the name and the kind.
func (e Entry) String() string { return fmt.Sprintf("entry %q (%s)", e.Name, e.Kind) }

// Format writes what String returns, whatever the verb: Settings may hold
// secrets as plain text.
func (e Entry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.String()) }

// Add adds sessions to those that are there, as [Registry.Replace] does. A
// name that is taken is a fault.
func (r *Registry) Add(ctx context.Context, entries ...Entry) error {
	r.mu.Lock()
	all := slices.AppendSeq(slices.Clip(slices.Clone(entries)), maps.Values(r.entries))
	ended, err := r.swap(r.kinds.Load(), all)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_ = closeAll(ctx, ended)
	return nil
}

// Replace makes entries the whole set of sessions. First everything is
// checked, without sending anything; all faults are reported together, joined,
// each a [*core.Error] of code [core.BadConfig] with the session's name, and
// then nothing has changed. Otherwise the sets are exchanged at once:
//
//   - a session whose entry is as before keeps its credential,
//   - one whose entry changed is reconfigured in place: it serves its old
//     credential until it has a new one (see [core.Session.Reconfigure]); the
//     old provider is closed then, if it is a [core.Closer],
//   - new ones are created, uninitialised,
//   - removed ones are closed, within ctx. Their revocations' errors are not
//     Replace's: the sessions log them.
//
// The plugins are kinds beside those of [New]; they take the place of those of
// an earlier Replace. A session whose kind is now made by another factory
// counts as changed.
//
// Entries are copied. A provider is opened when its session first
// authenticates. After [Registry.Close] the error is [core.Closed].
func (r *Registry) Replace(ctx context.Context, entries []Entry, plugins ...core.Factory) error {
	k, err := newKinds(slices.Concat(r.builtin, plugins))
	if err != nil {
		return err
	}
	r.mu.Lock()
	ended, err := r.swap(k, entries)
	r.mu.Unlock()
	if err != nil {
		return err
	}
	_ = closeAll(ctx, ended)
	return nil
}

// Check reports every fault that [Registry.Replace] would find in entries, and
// changes nothing.
func (r *Registry) Check(entries []Entry) error { return r.kinds.Load().check(entries) }

// swap checks entries, exchanges the sets and returns the sessions that were
// removed. r.mu is held.
func (r *Registry) swap(k *kinds, entries []Entry) ([]ending, error) {
	if r.closed {
		return nil, core.Errorf(core.Closed, "the registry is closed")
	}
	if err := k.check(entries); err != nil {
		return nil, err
	}
	made := r.kinds.Load().factories
	old := *r.sessions.Load()
	sessions := make(map[string]*core.Session, len(entries))
	kept := make(map[string]Entry, len(entries))
	providers := make(map[string]*provider, len(entries))
	var ended []ending
	for _, e := range inOrder(entries) {
		s, before := old[e.Name], r.entries[e.Name]
		f := k.factories[e.Kind]
		if s != nil && e.same(before) && f.Same(made[e.Kind]) {
			kept[e.Name], sessions[e.Name], providers[e.Name] = before, s, r.providers[e.Name]
			continue
		}
		e = e.clone()
		p := &provider{factory: f, env: e.Environment, settings: e.Settings, turn: make(chan struct{}, 1)}
		opts := e.options(p, sessions)
		if s != nil {
			p.replace(r.providers[e.Name])
			s.Reconfigure(p, p.observe(opts))
		} else {
			s = core.New(e.Name, p, &opts)
		}
		kept[e.Name], sessions[e.Name], providers[e.Name] = e, s, p
	}
	for name, s := range old {
		if sessions[name] == nil {
			ended = append(ended, ending{s, r.providers[name]})
		}
	}
	r.entries, r.providers = kept, providers
	r.kinds.Store(k)
	r.sessions.Store(&sessions)
	r.index.Store(core.NewOriginIndex(maps.Values(sessions)))
	return ended, nil
}

// check reports every fault of entries.
func (k *kinds) check(entries []Entry) error {
	var errs []error
	seen := make(map[string]bool, len(entries))
	for _, e := range entries {
		if err := k.checkEntry(e); err != nil {
			errs = append(errs, err)
		}
		if seen[e.Name] {
			errs = append(errs, e.fault(core.Errorf(core.BadConfig, "the name is taken")))
		}
		seen[e.Name] = true
	}
	errs = append(errs, checkInputs(entries)...)
	return errors.Join(errs...)
}

func (k *kinds) checkEntry(e Entry) error {
	if e.Name == "" {
		return e.fault(core.Errorf(core.BadConfig, "a session has no name"))
	}
	f, err := k.factory(e.Kind)
	if err != nil {
		return e.fault(err)
	}
	return errors.Join(e.fault(f.Check(e.Environment, e.Settings)), e.fault(e.Options.Check()))
}

// fault adds the entry's name and kind to an error.
func (e Entry) fault(err error) error {
	if err == nil {
		return nil
	}
	out := core.Error{Session: e.Name, Provider: e.Kind, Code: core.BadConfig, Err: err}
	if inner, ok := err.(*core.Error); ok {
		out.Err = inner.Err
	}
	return &out
}

// clone copies what the caller might write to later.
func (e Entry) clone() Entry {
	e.Settings, _ = cloneValue(e.Settings).(map[string]any)
	e.Inputs = maps.Clone(e.Inputs)
	e.Options.Origins, e.Options.Inputs = slices.Clone(e.Options.Origins), maps.Clone(e.Options.Inputs)
	e.Options.Provider, e.Options.Environment = e.Kind, e.Environment
	return e
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, value := range v {
			out[key] = cloneValue(value)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, value := range v {
			out[i] = cloneValue(value)
		}
		return out
	}
	return value
}

// same reports whether e asks for the session that before, a clone, made. The
// texts of secrets count, and of functions and other live values which they
// are: a function made anew may count as another, which costs one renewal, and
// two closures of one literal may count as the same.
func (e Entry) same(before Entry) bool {
	a, b := e.Options, before.Options
	a.Provider, a.Environment = e.Kind, e.Environment
	live := sameFunc(a.Observe, b.Observe) && sameFunc(a.Facade, b.Facade) && sameFunc(a.Begin, b.Begin) &&
		sameFunc(a.AuthTransport, b.AuthTransport) && sameValue(a.Transport, b.Transport) && a.Logger == b.Logger && a.UI == b.UI &&
		sameValue(a.Store, b.Store) && maps.Equal(a.Inputs, b.Inputs) && maps.Equal(e.Inputs, before.Inputs)
	a.Begin, a.AuthTransport, b.Begin, b.AuthTransport = nil, nil, nil, nil
	a.Observe, a.Facade, a.Transport, a.Logger, a.UI, a.Store, a.Inputs = nil, nil, nil, nil, nil, nil, nil
	b.Observe, b.Facade, b.Transport, b.Logger, b.UI, b.Store, b.Inputs = nil, nil, nil, nil, nil, nil, nil
	if len(a.Origins) == 0 && len(b.Origins) == 0 {
		a.Origins, b.Origins = nil, nil
	}
	settings := len(e.Settings) == 0 && len(before.Settings) == 0 || reflect.DeepEqual(e.Settings, before.Settings)
	return live && settings && reflect.DeepEqual(a, b)
}

func sameFunc[F any](a, b F) bool {
	return reflect.ValueOf(a).Pointer() == reflect.ValueOf(b).Pointer()
}

// sameValue compares two interfaces without a panic for types that have no ==.
func sameValue(a, b any) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return reflect.TypeOf(a) == reflect.TypeOf(b) && reflect.TypeOf(a).Comparable() && a == b
}
