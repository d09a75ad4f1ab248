// Read on in watch.go.

package process

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// The times between the starts of a program that fails.
const (
	restartBase = 50 * time.Millisecond // after the second failure in a row
	restartMax  = 30 * time.Second      // doubling up to this
	// stableAfter is how long a process must have lived for its end to count as
	// the first failure again.
	stableAfter = 10 * time.Second
	// maxStartWait is how long a caller waits for the next start. If the start is
	// later, the caller gets an error that says when.
	maxStartWait = time.Second
)

// Supervisor keeps one process of one program: it starts the process when it is
// needed, once for all callers that wait, and not before the wait after a
// failure has passed. It is safe for concurrent use.
//
// These statements hold whenever mu is free (TestStatements checks them):
//
//  1. At most one of current and starting is not nil: there is one process that
//     gets calls, and no start while there is one.
//  2. A process that has started has one goroutine, that of watch, until it has
//     exited. running counts starts and these goroutines; it grows only while mu
//     is held and closed is false, so that Close can wait for it.
//  3. A process that is not current gets no new call and is being ended by the
//     one method that took it out of use: lose, stopIfIdle or Close.
//  4. Only the process that is current can be lost, so that a failure counts once,
//     however many calls and the watcher notice it.
//  5. notBefore is in the future only if fails is at least 2: the first failure
//     after a time without costs no wait.
//  6. After closed is set, current is nil and no start begins. A start that was
//     under way is cancelled; if it succeeds all the same, it is ended again.
//  7. description is not nil after the first start that succeeded.
//  8. A connection is closed after its process is out of use: CallError takes the
//     error of a call in a process that is not current for one of the process.
type Supervisor struct {
	program Program
	config  *Config
	log     *outputLog
	// start starts a process: starter.start, but for tests.
	start func(context.Context) (*Process, Description, error)

	// mu guards all below. It is not held across I/O, nor while waiting for
	// anything but a Process.mu.
	mu          sync.Mutex
	current     *Process // the one that gets calls
	starting    *starting
	description *Description // of the last process that started
	fails       int          // in a row
	notBefore   time.Time    // no start before
	lastErr     error        // of the last failure
	users       int          // see AddUsers
	replaced    bool         // see SetReplaced
	closed      bool
	running     sync.WaitGroup
}

// starting is a start that is under way.
type starting struct {
	done   chan struct{} // closed when err is set
	cancel context.CancelFunc
	err    error
}

// NewSupervisor returns a supervisor for p. It starts nothing. log may be nil.
func NewSupervisor(p Program, c Config, log *slog.Logger) *Supervisor {
	p = p.clone()
	s := &Supervisor{program: p, config: &c, log: newOutputLog(log, p.Name, c.RepeatsSecret)}
	s.start = (&starter{program: s.program, config: s.config, log: s.log}).start
	return s
}

// Described returns the value of the description of the last process that
// started; nil before the first one.
func (s *Supervisor) Described() any {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.description == nil {
		return nil
	}
	return s.description.Value
}

// PID returns the id of the process that gets calls; zero if there is none.
func (s *Supervisor) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil {
		return 0
	}
	return s.current.child.runningPID()
}

// CallerLeft is the error of a caller that waits no longer, because ctx has
// ended.
func (s *Supervisor) CallerLeft(ctx context.Context) error { return s.program.callerLeft(ctx) }

// Acquire returns the process, after starting it if necessary. The caller must
// release it. A process that somebody kills while it starts is started once more.
// Each caller waits until its own ctx ends; the start goes on without it.
func (s *Supervisor) Acquire(ctx context.Context) (*Process, error) {
	wasKilled := false
	for ctx.Err() == nil {
		next := s.next()
		if next.process != nil || next.err != nil {
			return next.process, next.err
		}
		err := next.wait(ctx)
		if err != nil && (wasKilled || !errors.Is(err, errKilled)) {
			return nil, err
		}
		wasKilled = wasKilled || err != nil
	}
	return nil, s.CallerLeft(ctx)
}

// nextStep is what a caller of Acquire does next. One field is set.
type nextStep struct {
	process  *Process      // return it
	err      error         // return it
	starting *starting     // wait for its end and look again
	pause    time.Duration // wait for this time and look again
}

// wait waits for what n says or for the end of ctx. An error is that of the
// start.
func (n nextStep) wait(ctx context.Context) error {
	if n.starting == nil {
		t := time.NewTimer(n.pause)
		defer t.Stop()
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		return nil
	}
	select {
	case <-n.starting.done:
		return n.starting.err
	case <-ctx.Done():
		return nil
	}
}

// next returns the current process, or begins a start if there may be one now.
func (s *Supervisor) next() nextStep {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nextStep{err: s.program.hostClosed()}
	case s.current != nil:
		s.current.retain()
		return nextStep{process: s.current}
	case s.starting != nil:
		return nextStep{starting: s.starting}
	}
	if pause := time.Until(s.notBefore); pause > 0 {
		// Waiting helps only where the next start may have another outcome.
		if pause > maxStartWait || core.CodeOf(s.lastErr) != core.CodeUnavailable {
			return nextStep{err: s.failedBefore(pause)}
		}
		return nextStep{pause: pause}
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.config.StartTimeout)
	s.starting = &starting{done: make(chan struct{}), cancel: cancel}
	s.running.Add(1)
	go s.startOne(ctx, s.starting)
	return nextStep{starting: s.starting}
}

// failedBefore returns the last failure, with the time until the next start.
// s.mu is held.
func (s *Supervisor) failedBefore(pause time.Duration) error {
	e := core.Error{Code: core.CodeOf(s.lastErr), Err: s.lastErr, RetryAfter: pause}
	if last, ok := s.lastErr.(*core.Error); ok {
		e.Err = last.Err
	}
	return &e
}

// startOne makes one start. It belongs to the supervisor, not to the caller that
// needed it first.
func (s *Supervisor) startOne(ctx context.Context, begun *starting) {
	defer begun.cancel()
	p, description, err := s.start(ctx)
	s.mu.Lock()
	if err == nil && s.closed {
		s.mu.Unlock()
		p.kill()
		err = s.program.hostClosed()
		s.mu.Lock()
	}
	s.starting = nil
	if err != nil {
		s.countFailure(err, 0)
		s.running.Done()
	} else {
		s.current, s.description = p, &description
		p.lastUse = time.Now()
		go s.watch(p)
	}
	begun.err = err
	close(begun.done)
	s.mu.Unlock()
	if err != nil {
		s.log.event(slog.LevelWarn, "plugin did not start", slog.String("error", err.Error()))
	} else {
		s.log.event(slog.LevelInfo, "plugin started", slog.String("version", description.Version))
	}
}

// countFailure counts a failure and sets when the next start may be: at once
// after the first, then later and later. lived is how long the process had
// lived. s.mu is held.
func (s *Supervisor) countFailure(err error, lived time.Duration) {
	if lived >= stableAfter {
		s.fails = 0
	}
	s.fails++
	s.lastErr, s.notBefore = err, time.Time{}
	if s.fails > 1 {
		wait := restartMax
		if doublings := s.fails - 2; doublings < 16 {
			wait = min(restartBase<<doublings, restartMax)
		}
		s.notBefore = time.Now().Add(wait/2 + rand.N(wait/2))
	}
}

// lose takes a process that has failed out of use and ends it. It does nothing
// if the process is out of use already.
func (s *Supervisor) lose(p *Process, why error) {
	s.mu.Lock()
	wasCurrent := s.current == p
	if wasCurrent {
		s.current = nil
		s.countFailure(s.program.errorf(core.CodeUnavailable, ": %w", why), time.Since(p.began))
	}
	s.mu.Unlock()
	if wasCurrent {
		s.log.event(slog.LevelWarn, "plugin failed", slog.String("error", why.Error()))
		p.child.end(0)
	}
}

// Borrow retains p and returns true if it is still in use. The caller must then
// release it.
func (s *Supervisor) Borrow(p *Process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != p {
		return false
	}
	p.retain()
	return true
}

// IsCurrent reports whether p is still in use: the process that gets calls.
func (s *Supervisor) IsCurrent(p *Process) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current == p
}

// SetReplaced says whether another program has taken the name of this one. The
// process of a replaced program ends as soon as it has neither users nor calls.
func (s *Supervisor) SetReplaced(replaced bool) {
	s.mu.Lock()
	s.replaced = replaced
	p := s.current
	s.mu.Unlock()
	if replaced && p != nil {
		p.lookNow()
	}
}

// AddUsers adds delta to the number of those that may use the process again
// without another start. It matters for a program that was replaced.
func (s *Supervisor) AddUsers(delta int) {
	s.mu.Lock()
	s.users += delta
	p := s.current
	s.mu.Unlock()
	if p != nil && delta < 0 {
		p.lookNow()
	}
}

// Close ends the process and waits for its end. When ctx ends, Close kills the
// process and returns an error. Afterwards, Acquire returns core.CodeClosed. Close
// is idempotent.
func (s *Supervisor) Close(ctx context.Context) error {
	s.mu.Lock()
	s.closed = true
	p := s.current
	s.current = nil
	if s.starting != nil {
		s.starting.cancel()
	}
	s.mu.Unlock()
	if p != nil {
		go p.child.end(EndGrace)
	}
	done := make(chan struct{})
	go func() { s.running.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	if p != nil {
		p.child.end(0)
	}
	return s.program.errorf(core.CodeUnavailable, ": it did not end in time: %w", context.Cause(ctx))
}
