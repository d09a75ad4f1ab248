// Read on in replace.go.

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

	mu        sync.Mutex // guards all below and the writes above; not held across I/O
	entries   map[string]Entry
	providers map[string]*provider
	closed    bool
}

// New returns a registry of these kinds, without sessions. A kind that occurs
// twice, and the zero Factory, are errors of code [core.CodeBadConfig].
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
// [core.CodeBadConfig] and lists the known ones.
func (r *Registry) Factory(kind string) (core.Factory, error) {
	return r.kinds.Load().factory(kind)
}

// Session returns the one shared session of that name. It takes no lock and
// allocates nothing. An unknown name is [core.CodeBadConfig]. The session of a
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

// mostSearched is the number of names up to which a similar one is looked for.
const mostSearched = 10_000

// unknown returns the error for a name that no session has.
func (r *Registry) unknown(name string) error {
	sessions := *r.sessions.Load()
	var hint string
	if len(sessions) <= mostSearched {
		names := slices.Sorted(maps.Keys(sessions))
		hint = core.DidYouMean(name, names)
		if hint == "" && 0 < len(names) && len(names) <= mostListed {
			hint = "; known: " + strings.Join(names, ", ")
		}
	}
	return core.Errorf(core.CodeBadConfig, "no session is named %q%s", name, hint)
}

// Close closes all sessions, several at a time, and returns their errors
// joined. It returns by the end of ctx. Close is idempotent. Afterwards
// [Registry.Session] still returns the sessions, which return [core.CodeClosed]; the
// set can no longer be changed.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	var all []closing
	for name, s := range *r.sessions.Load() {
		all = append(all, closing{s, r.providers[name]})
	}
	r.mu.Unlock()
	return closeAll(ctx, all)
}

// closing is a session that is to be closed, with its provider.
type closing struct {
	session  *core.Session
	provider *provider
}

// closedAtOnce is how many sessions are closed at a time.
const closedAtOnce = 32

// closeAll closes sessions, and each one's provider after it, and returns the
// sessions' errors joined.
func closeAll(ctx context.Context, sessions []closing) error {
	var (
		wait sync.WaitGroup
		next atomic.Int64
		errs = make([]error, len(sessions))
	)
	for range min(closedAtOnce, len(sessions)) {
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
	return fmt.Sprintf("registry of %d kinds and %d sessions",
		len(r.kinds.Load().names), len(*r.sessions.Load()))
}

// Format writes what String returns, whatever the verb: settings may hold
// secrets as plain text.
func (r *Registry) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }
