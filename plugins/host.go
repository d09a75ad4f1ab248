// Read on in config.go.

package plugins

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
)

// Host runs plugins for one program: one process for each binary, whatever
// the number of sessions. The zero Host is ready to use; set the fields before its
// first use. It is safe for concurrent use. Close it at the end.
type Host struct {
	// Logger receives what happens to plugins and what they print. Nil:
	// nothing is logged.
	Logger *slog.Logger
	// StartTimeout bounds the start of a process, from the check of its file
	// to its description. Zero or less: ten seconds.
	StartTimeout time.Duration
	// IdleTimeout is how long a process without calls is kept. Zero or less: five
	// minutes.
	IdleTimeout time.Duration
	// HangTimeout is how long a process that has calls may give no sign of life
	// before it is ended. It does not bound calls: a process that answers slowly
	// still gives signs of life. Zero or less: five seconds.
	HangTimeout time.Duration

	mu sync.Mutex // guards all below
	// supervisors has an entry for each program that there ever was, by its key:
	// the factories of a replaced program may still be used.
	supervisors map[string]*process.Supervisor
	secrets     map[string]*secretBook // by the same keys
	keys        map[string]string      // the key of the program that a name stands for
	closed      bool
}

// config returns what a supervisor of the plugin needs of h.
func (h *Host) config(plugin string, secrets *secretBook) process.Config {
	describe := func(ctx context.Context,
		conn grpc.ClientConnInterface) (process.Description, error) {
		return askDescription(ctx, plugin, secrets, conn)
	}
	return process.Config{
		StartTimeout: orDefault(h.StartTimeout, 10*time.Second),
		IdleTimeout:  orDefault(h.IdleTimeout, 5*time.Minute),
		HangTimeout:  orDefault(h.HangTimeout, 5*time.Second),
		Prepare:      prepareMessages,
		Describe:     describe,
		Ping:         askSignOfLife,

		RepeatsSecret: secrets.repeats,
	}
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

// Factories returns a factory for each of the binary's kinds. It starts
// nothing and reads no file: the first use of a factory, or [Host.Describe],
// reports what is wrong with the file. Until the plugin was started once, a
// factory knows its kind alone and Check finds no fault. What is wrong with b
// itself is [core.CodeBadConfig].
//
// Called again with another binary of the same name, as after a configuration
// was loaded again, it returns factories for a process of that one. The old
// process serves its providers until all of them are closed or none was used
// for IdleTimeout, and then ends.
func (h *Host) Factories(b Binary) ([]core.Factory, error) {
	s, secrets, err := h.supervisor(b)
	if err != nil {
		return nil, err
	}
	var out []core.Factory
	for _, kind := range b.kinds() {
		f := &factory{processes: s, secrets: secrets, plugin: b.Name, kind: kind}
		out = append(out, core.ProxyFactory(f.describe, f.check, f.open))
	}
	return out, nil
}

// Describe starts the plugin unless it runs, and returns what it serves,
// whether or not the binary's Kinds name it. An error is [core.CodeBadConfig]
// where another binary or other settings of it are needed, and
// [core.CodeUnavailable] where trying again may help.
func (h *Host) Describe(ctx context.Context, b Binary) (Description, error) {
	s, _, err := h.supervisor(b)
	if err != nil {
		return Description{}, err
	}
	p, err := s.Acquire(ctx)
	if err != nil {
		return Description{}, err
	}
	defer p.Release()
	d := descriptionOf(s)
	return *d, d.checkKinds(b)
}

// Close ends all processes and waits for their end, within ctx; then they are
// killed. Afterwards, calls of providers are [core.CodeClosed]. Close is
// idempotent.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	supervisors := h.supervisors
	h.mu.Unlock()
	var group sync.WaitGroup
	errs := make(chan error, len(supervisors))
	for _, s := range supervisors {
		group.Go(func() { errs <- s.Close(ctx) })
	}
	group.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// supervisor returns the supervisor of a binary's processes, and the secrets that
// they know. If the name stood
// for another program before, that one is replaced.
func (h *Host) supervisor(b Binary) (*process.Supervisor, *secretBook, error) {
	if err := b.check(); err != nil {
		return nil, nil, err
	}
	program := b.program()
	key := program.Key()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, nil, core.Errorf(core.CodeClosed, "plugin %q: the host of plugins is closed", b.Name)
	}
	if h.supervisors == nil {
		h.supervisors, h.keys = map[string]*process.Supervisor{}, map[string]string{}
		h.secrets = map[string]*secretBook{}
	}
	s := h.supervisors[key]
	if s == nil {
		h.secrets[key] = new(secretBook)
		s = process.NewSupervisor(program, h.config(b.Name, h.secrets[key]), h.Logger)
		h.supervisors[key] = s
	}
	before := h.keys[b.Name]
	h.keys[b.Name] = key
	s.SetReplaced(false)
	if before != "" && before != key && !h.hasName(before) {
		h.supervisors[before].SetReplaced(true)
	}
	return s, h.secrets[key], nil
}

// hasName reports whether a name stands for the program with a key. h.mu is held.
func (h *Host) hasName(key string) bool {
	for _, k := range h.keys {
		if k == key {
			return true
		}
	}
	return false
}
