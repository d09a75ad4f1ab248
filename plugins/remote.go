package plugins

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// remote is a provider that lives in a plugin. It has all the abilities and
// answers [errors.ErrUnsupported] for those that the plugin's provider lacks.
// It is opened again, with the same settings, in each new process.
type remote struct {
	*factory
	open   *v1.OpenRequest // holds the settings, which may be secret; never written to
	opened atomic.Pointer[opening]
	turn   chan struct{} // holds one element while someone opens or closes
	used   atomic.Bool   // counted by the supervisor
}

// opening is what Open achieved in one process.
type opening struct {
	proc      *process
	abilities []v1.Ability
}

func newRemote(f *factory, open *v1.OpenRequest) *remote {
	open.Instance = rand.Text()
	return &remote{factory: f, open: open, turn: make(chan struct{}, 1)}
}

// bound returns the process after opening the instance in it if need be. The
// caller releases it.
func (r *remote) bound(ctx context.Context, repeat bool) (*process, error) {
	p, err := r.sup.acquire(ctx)
	if err != nil {
		return nil, err
	}
	if o := r.opened.Load(); o != nil && o.proc == p {
		return p, nil
	}
	broke, err := r.openIn(ctx, p)
	if err == nil {
		return p, nil
	}
	p.release()
	if broke && repeat {
		return r.bound(ctx, false)
	}
	return nil, err
}

// openIn opens the instance in a process, once for all who ask. broke tells
// that the process is to blame for the error.
func (r *remote) openIn(ctx context.Context, p *process) (broke bool, err error) {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return false, r.sup.left(ctx)
	}
	if o := r.opened.Load(); o != nil && o.proc == p {
		return false, nil
	}
	if d := r.sup.description(); d.kind(r.kind) == nil {
		return false, d.missing(r.plugin, r.kind)
	}
	m, err := p.client.Open(ctx, r.request())
	if err != nil {
		err, broke = p.fault(ctx, err)
		return broke, err
	}
	if m.GetError() != nil {
		err := r.meant(ctx, m.GetError())
		err.Provider = r.kind
		return false, err
	}
	if !r.used.Swap(true) {
		r.sup.refer(1)
	}
	r.opened.Store(&opening{proc: p, abilities: m.GetAbilities()})
	return false, nil
}

func (r *remote) request() *v1.OpenRequest {
	return &v1.OpenRequest{Instance: r.open.Instance, Kind: r.open.Kind, Environment: r.open.Environment, Settings: r.open.Settings}
}

// call makes one call in the process that is there, or the next one. It is
// repeated once where the plugin does not know the instance, and, with repeat,
// where the process failed.
func (r *remote) call(ctx context.Context, repeat bool, fn func(*process) error) error {
	for again := true; ; again = false {
		p, err := r.bound(ctx, repeat && again)
		if err != nil {
			return err
		}
		used := r.opened.Load()
		err = held(p, fn)
		var broke bool
		switch {
		case err == nil:
			return nil
		case isMeant(err):
			return err.(*meant).error
		case errors.Is(err, errors.ErrUnsupported):
			return err
		case status.Code(err) == codes.NotFound && ctx.Err() == nil:
			r.opened.CompareAndSwap(used, nil) // a newer opening stays
			if again {
				continue
			}
			return core.Errorf(core.Unavailable, "plugin %q does not know the instance that it has opened", r.plugin)
		default:
			err, broke = p.fault(ctx, err)
		}
		if !broke || !repeat || !again {
			return err
		}
	}
}

// meant is an error that the plugin's provider reported, or that the host has
// about its answer: not one of the call.
type meant struct{ error }

func isMeant(err error) bool { _, ok := err.(*meant); return ok }

// sameTime is how much earlier a plugin may notice the end of a call.
const sameTime = 20 * time.Millisecond

// meant makes an error of a message, with the same text as in the program.
func (r *remote) meant(ctx context.Context, m *v1.Error) *core.Error {
	e := r.withoutSecrets(wire.ToError(m).(*core.Error))
	if end, ok := ctx.Deadline(); ok && e.Code == core.Unavailable && time.Until(end) < sameTime {
		<-ctx.Done() // the plugin's clock has struck first
	}
	if cause := context.Cause(ctx); cause != nil {
		e.Input = ""
		e.Code, e.Err = core.Unavailable, &late{text: textOf(e.Err), cause: cause}
	}
	return e
}

// late is an error that came because the caller's context ended.
type late struct {
	text  string
	cause error
}

func (l *late) Error() string { return l.text }
func (l *late) Unwrap() error { return l.cause }

func textOf(err error) string {
	if err == nil {
		return "the caller did not wait"
	}
	return err.Error()
}

// bad is an answer that is refused.
func (r *remote) bad(format string, args ...any) error {
	return &meant{core.Errorf(core.Unavailable, "plugin %q: %w", r.plugin, fmt.Errorf(format, args...))}
}

// Close lets go of the instance. Whoever made the provider calls it once no
// session uses it; registry does. A later call opens it again.
func (r *remote) Close(ctx context.Context) error {
	select {
	case r.turn <- struct{}{}:
		defer func() { <-r.turn }()
	case <-ctx.Done():
		return r.sup.left(ctx)
	}
	o := r.opened.Swap(nil)
	if o != nil && o.proc.borrow() {
		ctx, cancel := context.WithTimeout(ctx, farewell)
		_, _ = o.proc.client.Close(ctx, r.closeRequest())
		cancel()
		o.proc.release()
	}
	if r.used.Swap(false) {
		r.sup.refer(-1)
	}
	return nil
}

func (r *remote) closeRequest() *v1.CloseRequest { return &v1.CloseRequest{Instance: r.open.Instance} }

// String names the provider; its settings are not shown.
func (r *remote) String() string { return fmt.Sprintf("provider %q of plugin %q", r.kind, r.plugin) }

// sendable reports what would not arrive.
func (r *remote) sendable(m proto.Message, what string) error {
	err := sendable(m, what)
	if err != nil {
		return core.Errorf(core.Unavailable, "plugin %q: %w", r.plugin, err.(*core.Error).Err)
	}
	return nil
}

// held calls fn and lets go of the process that was acquired for it, also
// after a panic.
func held(p *process, fn func(*process) error) error {
	defer p.release()
	return fn(p)
}
