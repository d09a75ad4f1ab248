package plugins

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

const (
	restartBase = 50 * time.Millisecond
	restartMax  = 30 * time.Second
	// stable is how long a process must have lived for its end to count as
	// the first failure again.
	stable = 10 * time.Second
	// patience is how long callers wait for the next start at most, instead
	// of being told when that is.
	patience = time.Second
)

// supervisor keeps one binary's process: it starts it when it is needed, one
// start for all who wait, and not again before the backoff has passed.
type supervisor struct {
	host *Host
	bin  Binary
	say  *logger

	mu       sync.Mutex // guards all below; never held across I/O
	proc     *process   // nil: none that may be asked
	starting *starting
	desc     *Description
	fails    int
	until    time.Time // no start before
	last     error     // why
	refs     int       // open providers
	retired  bool
	closed   bool
	running  sync.WaitGroup // starts and processes, for close
}

type starting struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

func newSupervisor(h *Host, b Binary) *supervisor {
	return &supervisor{host: h, bin: b, say: newLogger(h.Logger, b.Name)}
}

// description returns what the plugin said about itself, or nil.
func (s *supervisor) description() *Description {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.desc
}

// acquire returns the process, after starting it if need be. The caller
// releases it.
func (s *supervisor) acquire(ctx context.Context) (*process, error) {
	for {
		if ctx.Err() != nil {
			return nil, s.left(ctx)
		}
		p, begun, wait, err := s.step()
		switch {
		case p != nil || err != nil:
			return p, err
		case begun != nil:
			select {
			case <-begun.done:
				if begun.err != nil {
					return nil, begun.err
				}
			case <-ctx.Done():
			}
		default:
			t := time.NewTimer(wait)
			select {
			case <-t.C:
			case <-ctx.Done():
			}
			t.Stop()
		}
	}
}

// step returns a process, a start to wait for, a time to wait, or an error.
func (s *supervisor) step() (*process, *starting, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil, 0, s.hostClosed()
	case s.proc != nil:
		s.proc.retain()
		return s.proc, nil, 0, nil
	case s.starting == nil:
		if wait := time.Until(s.until); wait > patience || wait > 0 && core.CodeOf(s.last) != core.Unavailable {
			return nil, nil, 0, s.again(wait)
		} else if wait > 0 {
			return nil, nil, wait, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), s.host.startTimeout())
		s.starting = &starting{done: make(chan struct{}), cancel: cancel}
		s.running.Add(1)
		go s.start(ctx, s.starting)
	}
	return nil, s.starting, 0, nil
}

// again is the last failure, with the time of the next attempt.
func (s *supervisor) again(wait time.Duration) error {
	e := core.Error{Code: core.CodeOf(s.last), Err: s.last, RetryAfter: wait}
	var inner *core.Error
	if errors.As(s.last, &inner) && inner == s.last {
		e.Err = inner.Err
	}
	return &e
}

func (s *supervisor) left(ctx context.Context) error {
	return core.Errorf(core.Unavailable, "plugin %q: the caller did not wait: %w", s.bin.Name, context.Cause(ctx))
}

func (s *supervisor) hostClosed() error {
	return core.Errorf(core.Closed, "plugin %q: the host of plugins is closed", s.bin.Name)
}

func (s *supervisor) notReady() error {
	return core.Errorf(core.Unavailable, "plugin %q: it was not ready within %v", s.bin.Name, s.host.startTimeout())
}

// start makes one attempt. It belongs to the supervisor: that a caller leaves
// does not end it.
func (s *supervisor) start(ctx context.Context, begun *starting) {
	defer begun.cancel()
	p, desc, err := startProcess(ctx, s)
	s.mu.Lock()
	if err == nil && s.closed {
		s.mu.Unlock()
		err = p.abort(ctx, s.hostClosed())
		s.mu.Lock()
	}
	s.starting = nil
	if err != nil {
		s.failed(err, 0)
		s.running.Done()
	} else {
		s.proc, s.desc = p, desc
		p.lastUse = time.Now()
		go s.watch(p)
	}
	begun.err = err
	close(begun.done)
	s.mu.Unlock()
	if err != nil {
		s.say.event(slog.LevelWarn, "plugin did not start", slog.String("error", err.Error()))
	} else {
		s.say.event(slog.LevelInfo, "plugin started", slog.String("version", desc.Version))
	}
}

// failed counts a failure and sets when the next start may be: at once after
// the first, then later and later. s.mu is held.
func (s *supervisor) failed(err error, lived time.Duration) {
	if lived >= stable {
		s.fails = 0
	}
	s.fails++
	s.last, s.until = err, time.Time{}
	if s.fails > 1 {
		d := restartMax
		if n := s.fails - 2; n < 16 {
			d = min(restartBase<<n, restartMax)
		}
		s.until = time.Now().Add(d/2 + rand.N(d/2))
	}
}

// watch waits for the end of a process.
func (s *supervisor) watch(p *process) {
	defer s.running.Done()
	p.monitor()
	<-p.exited
	s.lost(p, errors.New("it ended: "+p.run.ended()))
}

// lost takes a process that is no good out of use and ends it. It reports
// whether that was news.
func (s *supervisor) lost(p *process, why error) bool {
	s.mu.Lock()
	news := s.proc == p
	if news {
		s.proc = nil
		s.failed(core.Errorf(core.Unavailable, "plugin %q: %w", s.bin.Name, why), time.Since(p.began))
	}
	s.mu.Unlock()
	if news {
		s.say.event(slog.LevelWarn, "plugin failed", slog.String("error", why.Error()))
		p.run.end(0)
	}
	return news
}

// idle stops a process that nobody uses, if it may be stopped.
func (s *supervisor) idle(p *process) bool {
	s.mu.Lock()
	p.mu.Lock()
	limit := s.host.idleTimeout()
	if s.retired && s.refs == 0 {
		limit = 0
	}
	stop := s.proc == p && p.calls == 0 && time.Since(p.lastUse) >= limit
	p.mu.Unlock()
	if stop {
		s.proc, s.fails = nil, 0
	}
	s.mu.Unlock()
	if stop {
		s.say.event(slog.LevelInfo, "plugin stopped: it is not in use")
		p.run.end(farewell)
	}
	return stop
}

// retire says whether another binary has taken the name.
func (s *supervisor) retire(retired bool) {
	s.mu.Lock()
	s.retired = retired
	p := s.proc
	s.mu.Unlock()
	if retired && p != nil {
		p.look()
	}
}

// refer counts open providers.
func (s *supervisor) refer(n int) {
	s.mu.Lock()
	s.refs += n
	p := s.proc
	s.mu.Unlock()
	if p != nil && n < 0 {
		p.look()
	}
}

// close ends the process and waits for its end.
func (s *supervisor) close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	p := s.proc
	s.proc = nil
	if s.starting != nil {
		s.starting.cancel()
	}
	s.mu.Unlock()
	if p != nil {
		go p.run.end(farewell)
	}
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	if p != nil {
		p.run.end(0)
	}
	return core.Errorf(core.Unavailable, "plugin %q: it did not end in time: %w", s.bin.Name, context.Cause(ctx))
}
