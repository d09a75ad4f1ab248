// Read on in remote_abilities.go.

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
	"github.com/authsession/authsession/internal/lazy"
	"github.com/authsession/authsession/plugins/internal/process"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// remote is a provider that lives in a plugin. It has all the abilities and
// answers [errors.ErrUnsupported] for those that the plugin's provider lacks.
// It is opened again, with the same settings, in each new process.
type remote struct {
	processes *process.Supervisor
	secrets   *secretBook // nil: none are noted
	plugin    string
	kind      string
	open      *v1.OpenRequest // has the settings, which may be secret; never written to

	// instance is the provider in the last process that was used. It is replaced
	// when the process is another one, and when the plugin has forgotten it.
	instance atomic.Pointer[instance]
	isUser   atomic.Bool // processes counts it as a user
}

// instance is the plugin's provider in one process.
type instance struct {
	process *process.Process
	client  v1.ProviderClient
	// abilities opens the provider, once for all calls that wait for it. Its
	// errors are *openError.
	abilities *lazy.Value[[]v1.Ability]
}

// openError is an error of opening a provider, unlike the end of a caller's
// context.
type openError struct {
	error
	isFault bool // of the process, so that opening in another one may succeed
}

func newRemote(s *process.Supervisor, secrets *secretBook, plugin string,
	open *v1.OpenRequest) *remote {
	open.Instance = rand.Text()
	return &remote{processes: s, secrets: secrets, plugin: plugin, kind: open.GetKind(), open: open}
}

// acquire returns the provider in the process, after starting the one and
// opening the other if necessary. The caller releases the process. With
// mayRepeat, a process that fails meanwhile is replaced once.
func (r *remote) acquire(ctx context.Context, mayRepeat bool) (*instance, error) {
	p, err := r.processes.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	in := r.instanceIn(p)
	if _, err = in.abilities.Get(ctx); err == nil {
		return in, nil
	}
	p.Release()
	failed, ok := err.(*openError)
	if !ok { // another caller was opening it when ctx ended
		return nil, r.processes.CallerLeft(ctx)
	}
	if failed.isFault && mayRepeat {
		return r.acquire(ctx, false)
	}
	return nil, failed.error
}

// instanceIn returns the instance in p, which the caller has acquired.
func (r *remote) instanceIn(p *process.Process) *instance {
	for {
		last := r.instance.Load()
		if last != nil && last.process == p {
			return last
		}
		in := &instance{process: p, client: v1.NewProviderClient(p.Conn())}
		in.abilities = lazy.New(func(ctx context.Context) ([]v1.Ability, error) {
			return r.openIn(ctx, in)
		})
		// A process that was lost meanwhile must not replace its successor: the
		// provider would be opened a second time there.
		if !r.processes.IsCurrent(p) || r.instance.CompareAndSwap(last, in) {
			return in
		}
	}
}

// openIn opens the provider in the process of in.
func (r *remote) openIn(ctx context.Context, in *instance) ([]v1.Ability, error) {
	if d := descriptionOf(r.processes); d.kind(r.kind) == nil {
		return nil, &openError{error: d.missing(r.plugin, r.kind)}
	}
	r.secrets.setSettings(r, secretsIn(r.open.GetSettings(), r.schema()))
	m, err := in.client.Open(ctx, &v1.OpenRequest{
		Instance: r.open.Instance, Kind: r.open.Kind,
		Environment: r.open.Environment, Settings: r.open.Settings,
	})
	if err != nil {
		isFault, err := r.processes.CallError(ctx, in.process, err)
		return nil, &openError{err, isFault}
	}
	if m.GetError() != nil {
		err := r.toError(ctx, m.GetError())
		err.Kind = r.kind
		return nil, &openError{error: err}
	}
	if !r.isUser.Swap(true) {
		r.processes.AddUsers(1)
	}
	return m.GetAbilities(), nil
}

// call makes one call in the process that runs, or in the next one. It repeats
// the call once where the plugin does not know the instance, and, with
// mayRepeat, once where the process failed. Both happen to one call when a plugin is
// told to end: it closes its instances and ends.
func (r *remote) call(ctx context.Context, mayRepeat bool, fn func(*instance) error) error {
	left := repeats{unknown: true, fault: mayRepeat}
	for {
		again, err := r.callOnce(ctx, &left, fn)
		if !again {
			return err
		}
	}
}

// repeats says for which reasons a call may be repeated.
type repeats struct {
	unknown bool // the plugin does not know the instance
	fault   bool // the process failed
}

// use reports whether a call may be repeated for a reason, once.
func use(reason *bool) bool {
	may := *reason
	*reason = false
	return may
}

// callOnce makes one attempt of call. again reports whether another attempt may
// succeed.
func (r *remote) callOnce(ctx context.Context, left *repeats,
	fn func(*instance) error) (again bool, err error) {
	in, err := r.acquire(ctx, left.fault)
	if err != nil {
		return false, err
	}
	err = callAndRelease(in, fn)
	if e, ok := err.(*answerError); ok {
		return false, e.error
	}
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return false, err
	}
	if status.Code(err) == codes.NotFound && ctx.Err() == nil {
		r.instance.CompareAndSwap(in, nil) // unless another call has replaced it
		return use(&left.unknown), core.Errorf(core.CodeUnavailable,
			"plugin %q does not know the instance that it has opened", r.plugin)
	}
	isFault, err := r.processes.CallError(ctx, in.process, err)
	return isFault && use(&left.fault), err
}

// callAndRelease calls fn and releases the process, also after a panic.
func callAndRelease(in *instance, fn func(*instance) error) error {
	defer in.process.Release()
	return fn(in)
}

// answerError is an error that the plugin's provider reported, or that the host
// has about its answer: the call itself succeeded.
type answerError struct{ error }

// badAnswer returns an error about an answer that the host refuses.
func (r *remote) badAnswer(format string, args ...any) error {
	return &answerError{core.Errorf(core.CodeUnavailable, "plugin %q: %w",
		r.plugin, fmt.Errorf(format, args...))}
}

// deadlineTolerance is how much earlier than the host a plugin may notice that
// the deadline of a call has passed.
const deadlineTolerance = 20 * time.Millisecond

// schema returns the descriptions of the settings, as fields; none before the first
// start.
func (r *remote) schema() (schema core.Setting) {
	if k := descriptionOf(r.processes).kind(r.kind); k != nil {
		schema.Fields = k.Settings
	}
	return schema
}

// toError makes an error of a message, with the same text as in the program.
func (r *remote) toError(ctx context.Context, m *v1.Error) *core.Error {
	e := withoutSecrets(wire.ToError(m).(*core.Error), r.open.GetSettings(), r.schema())
	end, ok := ctx.Deadline()
	if ok && e.Code == core.CodeUnavailable && time.Until(end) < deadlineTolerance {
		<-ctx.Done() // the error is that of the deadline
	}
	if cause := context.Cause(ctx); cause != nil {
		e.Input = ""
		e.Code, e.Err = core.CodeUnavailable, &endedError{text: textOf(e.Err), cause: cause}
	}
	return e
}

// endedError is an error that came because the caller's context ended.
type endedError struct {
	text  string
	cause error
}

func (e *endedError) Error() string { return e.text }
func (e *endedError) Unwrap() error { return e.cause }

func textOf(err error) string {
	if err == nil {
		return "the caller did not wait"
	}
	return err.Error()
}

// checkRequest reports why a request would not arrive. what names its content.
func (r *remote) checkRequest(m proto.Message, what string) error {
	if err := checkMessage(m, what); err != nil {
		return core.Errorf(core.CodeUnavailable, "plugin %q: %w", r.plugin, err.(*core.Error).Err)
	}
	return nil
}

// Close closes the provider in the plugin, after an opening that is under way.
// The one that made the provider calls it when no session uses it; registry
// does. A later call opens the provider again.
func (r *remote) Close(ctx context.Context) error {
	if in := r.instance.Load(); in != nil {
		err := in.abilities.Close(ctx, func([]v1.Ability) { r.closeIn(ctx, in) })
		if err != nil {
			return r.processes.CallerLeft(ctx)
		}
	}
	r.secrets.forget(r)
	if r.isUser.Swap(false) {
		r.processes.AddUsers(-1)
	}
	return nil
}

// closeIn closes the provider in the process of in, unless that is out of use.
func (r *remote) closeIn(ctx context.Context, in *instance) {
	if !r.processes.Borrow(in.process) {
		return
	}
	defer in.process.Release()
	ctx, cancel := context.WithTimeout(ctx, process.EndGrace)
	defer cancel()
	_, _ = in.client.Close(ctx, &v1.CloseRequest{Instance: r.open.Instance})
}

// String names the provider; its settings are not shown.
func (r *remote) String() string {
	return fmt.Sprintf("provider %q of plugin %q", r.kind, r.plugin)
}
