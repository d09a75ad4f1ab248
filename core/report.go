// Read on in close.go.

package core

import (
	"log/slog"
	"time"
)

// reports are the events of a session that have not been delivered yet. One
// goroutine at a time delivers them, in their order and without a lock, so that
// neither a logger nor an Observe delays the session or its callers.
type reports struct {
	busy bool // somebody delivers
	list []occurrence
}

// occurrence is an event, and the setup whose logger and Observe it is for.
type occurrence struct {
	setup *setup
	event Event
	about *attempt // nil: none
}

// maxReports bounds what is kept for an Observe that does not return.
const maxReports = 1024

// note keeps events until they are delivered. They are about an attempt, whose
// setup they are for then, or about none if about is nil. s.mu is held.
func (s *Session) note(u *setup, about *attempt, events []Event) {
	if about != nil {
		u = about.setup
	}
	if u.opts.Logger == nil && u.opts.Observe == nil {
		return
	}
	for _, ev := range events {
		ev.Session, ev.Kind, ev.Environment = u.name, u.opts.Kind, u.opts.Environment
		if r := &s.extras().reports; len(r.list) < maxReports {
			r.list = append(r.list, occurrence{u, ev, about})
		}
	}
}

// notePause keeps the event that callers wait for the end of a back-off: once for
// each, however many wait. s.mu is held.
func (s *Session) notePause(u *setup, end instant, wait time.Duration) {
	if u.opts.Logger == nil && u.opts.Observe == nil {
		return
	}
	if x := s.extras(); x.pause != end {
		x.pause = end
		s.note(u, nil, []Event{{Type: EventWaiting, WaitFor: WaitForBackoff, Wait: wait}})
	}
}

// report delivers the events that have occurred, unless somebody else does.
func (s *Session) report() {
	for {
		next, ok := s.nextReport()
		if !ok {
			return
		}
		s.deliver(next)
	}
}

// deliver delivers an event. What follows it can be delivered then, even if an
// Observe ends the goroutine (runtime.Goexit).
func (s *Session) deliver(o occurrence) {
	returned := false
	defer func() {
		s.mu.Lock()
		s.extra.reports.busy = false
		s.mu.Unlock()
		if !returned {
			s.reportSoon()
		}
	}()
	o.deliver()
	returned = true
}

// reportSoon delivers the events on a goroutine of its own.
func (s *Session) reportSoon() {
	s.mu.Lock()
	due := s.extra != nil && !s.extra.reports.busy && len(s.extra.reports.list) > 0
	s.mu.Unlock()
	if due {
		go s.report()
	}
}

// nextReport takes the oldest event and makes the caller the one who delivers.
func (s *Session) nextReport() (occurrence, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.extra == nil {
		return occurrence{}, false
	}
	r := &s.extra.reports
	if r.busy || len(r.list) == 0 {
		return occurrence{}, false
	}
	next := r.list[0]
	r.busy, r.list = true, r.list[1:]
	if len(r.list) == 0 {
		r.list = nil
	}
	return next, true
}

// deliver gives an event to the logger and to Observe. If one of them panics,
// the other one still gets it.
func (o occurrence) deliver() {
	opts := o.setup.opts
	if o.about != nil {
		o.event.begun = o.about.beginning.forEvent(o.event.Type)
	}
	guarded(func() {
		if opts.Logger != nil {
			o.log(opts.Logger)
		}
	})
	guarded(func() {
		if opts.Observe != nil {
			opts.Observe(o.event)
		}
	})
}

// levels are those of log records, where they are not Debug.
var levels = map[EventType]slog.Level{
	EventFailed: slog.LevelWarn, EventSubjectChanged: slog.LevelWarn, EventSigningIn: slog.LevelInfo,
}

func (o occurrence) log(log *slog.Logger) {
	ev, level := o.event, slog.LevelDebug
	if l, ok := levels[ev.Type]; ok {
		level = l
	}
	ctx := ev.Context()
	if !log.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("session", ev.Session), slog.String("provider", ev.Kind),
		slog.String("reason", ev.Reason.String()),
	}
	add := func(set bool, attr slog.Attr) {
		if set {
			attrs = append(attrs, attr)
		}
	}
	add(ev.Environment != "", slog.String("environment", string(ev.Environment)))
	add(ev.Subject != "", slog.String("subject", ev.Subject))
	add(ev.OldSubject != "", slog.String("old_subject", ev.OldSubject))
	add(ev.Type.EndsAttempt(), slog.Duration("took", ev.Took))
	add(!ev.Expiry.IsZero(), slog.Time("expiry", ev.Expiry))
	add(ev.WaitFor != 0, slog.String("wait_for", ev.WaitFor.String()))
	add(ev.Wait > 0, slog.Duration("wait", ev.Wait))
	if ev.Err != nil {
		attrs = append(attrs,
			slog.String("code", codeText(ev.Code)), slog.String("error", ev.Err.Error()))
	}
	log.LogAttrs(ctx, level, "session "+ev.Type.String(), attrs...)
}
