// Read on in call.go.

package process

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// watch waits until a process has exited, and ends it before if it hangs or is
// not needed.
//
// It looks at the process every quarter of the shorter of the two limits, and
// when [Process.lookNow] asks for it. A process that has calls, or that did not
// answer one in its time, must show a sign of life: a call that takes long is no
// sign of a hang. A process without calls is not asked, as a stopped one costs
// nothing before it is used.
func (s *Supervisor) watch(p *Process) {
	defer s.running.Done()
	defer p.conn.Close()
	for s.nextLook(p) {
		if p.takeDoubt() {
			if !s.isAlive(p) {
				s.lose(p, errors.New("it hangs: it gave no sign of life"))
				_ = p.conn.Close() // its calls fail now, even if the kill takes time
				break
			}
		} else if s.stopIfIdle(p) {
			break
		}
	}
	<-p.child.done()
	// A process that was taken out of use has ended for that reason.
	s.lose(p, errors.New("it ended: "+p.child.endState()))
}

// minLookInterval is the shortest time between two looks at an idle process.
const minLookInterval = 10 * time.Millisecond

// nextLook waits for the time of the next look. It returns false if the process
// has exited before.
func (s *Supervisor) nextLook(p *Process) bool {
	interval := min(s.config.HangTimeout/4, max(s.config.IdleTimeout/4, minLookInterval))
	t := time.NewTimer(interval)
	defer t.Stop()
	select {
	case <-p.child.done():
		return false
	case <-t.C:
	case <-p.wake:
	}
	return true
}

// isAlive asks for a sign of life. Together with the time until the look, it
// takes at most HangTimeout.
func (s *Supervisor) isAlive(p *Process) bool {
	ctx, cancel := context.WithTimeout(context.Background(), s.config.HangTimeout*3/4)
	defer cancel()
	return status.Code(s.config.Ping(ctx, p.conn)) != codes.DeadlineExceeded
}

// stopIfIdle stops a process that is not needed, and reports whether it did. It
// decides with both mutexes held, so that no call begins in a process that is
// being stopped.
func (s *Supervisor) stopIfIdle(p *Process) bool {
	s.mu.Lock()
	limit := s.config.IdleTimeout
	if s.replaced && s.users == 0 {
		limit = 0
	}
	stop := s.current == p && p.unusedFor(limit)
	if stop {
		s.current, s.fails = nil, 0
	}
	s.mu.Unlock()
	if stop {
		s.log.event(slog.LevelInfo, "plugin stopped: it is not in use")
		p.child.end(EndGrace)
	}
	return stop
}
