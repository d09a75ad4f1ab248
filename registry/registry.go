// Package registry holds the kinds of providers that a program knows and its
// named sessions: one shared session for each name.
//
//	reg, err := registry.New(providers.Builtin()...)
//	…
//	err = reg.Replace(ctx, []registry.Entry{{
//		Name: "prices", Kind: "apikey",
//		Settings: map[string]any{"header": "X-API-Key", "key": core.NewSecret(key)},
//	}})
//	…
//	s, err := reg.Session("prices")
//
// A set of sessions is exchanged as a whole: it is checked first, and a fault
// anywhere changes nothing. Package registry/config makes such sets from files
// and environment variables; this package reads neither.
//
// Read on in client.go.
package registry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/authsession/authsession/core"
)

// Registry holds factories by kind and sessions by name. It is made by [New]
// and safe for concurrent use; looking up a session takes no lock.
type Registry struct {
	builtin  []core.Factory // those of New
	kinds    atomic.Pointer[kinds]
	sessions atomic.Pointer[map[string]*core.Session]
	index    atomic.Pointer[core.OriginIndex] // of sessions

	mu        sync.Mutex // guards all below and writing sessions; never held across I/O
	entries   map[string]Entry
	providers map[string]*provider
	closed    bool
}

// kinds are factories by kind. They are exchanged as a whole.
type kinds struct {
	factories map[string]core.Factory
	names     []string // sorted
}

func newKinds(factories []core.Factory) (*kinds, error) {
	k := &kinds{factories: make(map[string]core.Factory, len(factories))}
	var errs []error
	for i, f := range factories {
		kind := f.Info().Kind
		switch _, twice := k.factories[kind]; {
		case kind == "":
			errs = append(errs, core.Errorf(core.BadConfig, "factory %d of the registry has no kind", i))
		case twice:
			errs = append(errs, core.Errorf(core.BadConfig, "kind %q is in the registry twice", kind))
		default:
			k.factories[kind] = f
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	k.names = slices.Sorted(maps.Keys(k.factories))
	return k, nil
}

// New returns a registry of these kinds, without sessions. A kind that occurs
// twice, and the zero Factory, are errors of code [core.BadConfig].
func New(factories ...core.Factory) (*Registry, error) {
	k, err := newKinds(factories)
	if err != nil {
		return nil, err
	}
	r := &Registry{builtin: slices.Clone(factories)}
	r.kinds.Store(k)
	sessions := map[string]*core.Session{}
	r.sessions.Store(&sessions)
	r.index.Store(core.NewOriginIndex(maps.Values(sessions)))
	return r, nil
}

// Kinds describes the kinds of providers, sorted by name.
func (r *Registry) Kinds() []core.Info {
	k := r.kinds.Load()
	infos := make([]core.Info, len(k.names))
	for i, kind := range k.names {
		infos[i] = k.factories[kind].Info()
	}
	return infos
}

// Factory returns the factory of a kind. The error for an unknown one is
// [core.BadConfig] and lists the known ones.
func (r *Registry) Factory(kind string) (core.Factory, error) { return r.kinds.Load().factory(kind) }

func (k *kinds) factory(kind string) (core.Factory, error) {
	if f, ok := k.factories[kind]; ok {
		return f, nil
	}
	if kind == "" {
		return core.Factory{}, core.Errorf(core.BadConfig, "no provider is named; known: %s", strings.Join(k.names, ", "))
	}
	return core.Factory{}, core.Errorf(core.BadConfig, "unknown provider %q%s; known: %s (forgotten to give the factory to registry.New?)",
		kind, core.DidYouMean(kind, k.names), strings.Join(k.names, ", "))
}

// Session returns the one shared session of that name. It takes no lock and
// allocates nothing. An unknown name is [core.BadConfig]. The session of a
// name stays the same when [Registry.Replace] changes its settings; after the
// name is removed, the session is closed and a later one of that name is
// another.
func (r *Registry) Session(name string) (*core.Session, error) {
	if s, ok := (*r.sessions.Load())[name]; ok {
		return s, nil
	}
	return nil, r.unknown(name)
}

// Names returns the names of all sessions, sorted.
func (r *Registry) Names() []string {
	return slices.Sorted(maps.Keys(*r.sessions.Load()))
}

const (
	searched = 10_000 // names among which a near one is looked for
	listed   = 10     // names that an error lists
)

func (r *Registry) unknown(name string) error {
	sessions := *r.sessions.Load()
	var hint string
	if len(sessions) <= searched {
		names := slices.Sorted(maps.Keys(sessions))
		hint = core.DidYouMean(name, names)
		if hint == "" && 0 < len(names) && len(names) <= listed {
			hint = "; known: " + strings.Join(names, ", ")
		}
	}
	return core.Errorf(core.BadConfig, "no session is named %q%s", name, hint)
}

// Close closes all sessions, several at a time, and returns their errors
// joined. It returns by the end of ctx. Close is idempotent. Afterwards the
// sessions can still be found, and answer [core.Closed]; the set can no longer
// be changed.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	var all []ending
	for name, s := range *r.sessions.Load() {
		all = append(all, ending{s, r.providers[name]})
	}
	r.mu.Unlock()
	return closeAll(ctx, all)
}

// ending is a session that is to be closed, with its provider.
type ending struct {
	session  *core.Session
	provider *provider
}

// closers is how many sessions are closed at a time.
const closers = 32

func closeAll(ctx context.Context, sessions []ending) error {
	var (
		wait sync.WaitGroup
		next atomic.Int64
		errs = make([]error, len(sessions))
	)
	for range min(closers, len(sessions)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(sessions)); i = next.Add(1) - 1 {
				errs[i] = sessions[i].session.Close(ctx)
				sessions[i].provider.close(ctx)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// String returns the number of kinds and sessions.
func (r *Registry) String() string {
	return fmt.Sprintf("registry of %d kinds and %d sessions", len(r.kinds.Load().names), len(*r.sessions.Load()))
}

// Format writes what String returns, whatever the verb: settings may hold
// secrets as plain text.
func (r *Registry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
