package plugins

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// Host runs plugins for one program: one process for each binary, whatever
// the number of sessions. The zero Host is good; set the fields before its
// first use. It is safe for concurrent use. Close it at the end.
type Host struct {
	// Logger receives what happens to plugins and what they print. Nil:
	// nothing is logged.
	Logger *slog.Logger
	// StartTimeout bounds the start of a process, from the check of its file
	// to its description. Zero or less: ten seconds.
	StartTimeout time.Duration
	// IdleTimeout is how long a process that nobody asks is kept. Zero or
	// less: five minutes.
	IdleTimeout time.Duration
	// HangTimeout is how long a process that was asked may go without a sign
	// of life before it counts as hung and is ended. It does not bound calls:
	// a slow answer is no hang. Zero or less: five seconds.
	HangTimeout time.Duration

	mu     sync.Mutex             // guards all below
	sups   map[string]*supervisor // all that there ever were: their factories may still be used
	named  map[string]string      // the key of sups that a name stands for
	closed bool
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d <= 0 {
		return otherwise
	}
	return d
}

func (h *Host) startTimeout() time.Duration { return orDefault(h.StartTimeout, 10*time.Second) }
func (h *Host) idleTimeout() time.Duration  { return orDefault(h.IdleTimeout, 5*time.Minute) }
func (h *Host) hangTimeout() time.Duration  { return orDefault(h.HangTimeout, 5*time.Second) }

// Factories returns a factory for each of the binary's kinds. It starts
// nothing and reads no file: what is wrong with the file is reported by who
// uses the factories first, or by [Host.Describe]. Until the plugin was
// started once, a factory knows its kind alone and Check finds no fault. What
// is wrong with b itself is [core.BadConfig].
//
// Called again with another binary of the same name, as after a configuration
// was loaded again, it returns factories for a process of that one. The old
// process serves its providers until all of them are closed or none was used
// for IdleTimeout, and then ends.
func (h *Host) Factories(b Binary) ([]core.Factory, error) {
	s, err := h.supervisor(b)
	if err != nil {
		return nil, err
	}
	var out []core.Factory
	for _, kind := range b.kinds() {
		f := &factory{sup: s, plugin: b.Name, kind: kind}
		out = append(out, core.ProxyFactory(f.describe, f.check, f.open))
	}
	return out, nil
}

// Describe starts the plugin unless it runs, and returns what it serves,
// whether or not the binary's Kinds name it. An error is [core.BadConfig]
// where another binary or other settings of it are needed, and
// [core.Unavailable] where trying again may help.
func (h *Host) Describe(ctx context.Context, b Binary) (Description, error) {
	s, err := h.supervisor(b)
	if err != nil {
		return Description{}, err
	}
	p, err := s.acquire(ctx)
	if err != nil {
		return Description{}, err
	}
	defer p.release()
	return *s.description(), s.description().serves(b)
}

// Close ends all processes and waits for their end, within ctx; then they are
// killed. Afterwards, calls of providers are [core.Closed]. Close is
// idempotent.
func (h *Host) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closed = true
	sups := h.sups
	h.mu.Unlock()
	var wait sync.WaitGroup
	errs := make(chan error, len(sups))
	for _, s := range sups {
		wait.Go(func() { errs <- s.close(ctx) })
	}
	wait.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// supervisor returns the one for a binary, and retires the one that had its
// name before.
func (h *Host) supervisor(b Binary) (*supervisor, error) {
	if err := b.check(); err != nil {
		return nil, err
	}
	key := b.key()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, core.Errorf(core.Closed, "plugin %q: the host of plugins is closed", b.Name)
	}
	if h.sups == nil {
		h.sups, h.named = map[string]*supervisor{}, map[string]string{}
	}
	s := h.sups[key]
	if s == nil {
		s = newSupervisor(h, b.clone())
		h.sups[key] = s
	}
	before := h.named[b.Name]
	h.named[b.Name] = key
	s.retire(false)
	if before != "" && before != key && !h.isNamed(before) {
		h.sups[before].retire(true)
	}
	return s, nil
}

// isNamed reports whether a name stands for a key. h.mu is held.
func (h *Host) isNamed(key string) bool {
	for _, k := range h.named {
		if k == key {
			return true
		}
	}
	return false
}
