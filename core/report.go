// Read on in close.go.

package core

import (
	"log/slog"
	"time"
)

// reports are the events of a session that have not been delivered yet. One
// goroutine at a time delivers them, in their order and without a lock, so that
// neither a logger nor an Observe delays the session or its callers.
type eventQueue struct {
	delivering bool // somebody delivers
	pending    []queuedEvent
}

// occurrence is an event, and the setup whose logger and Observe it is for.
type queuedEvent struct {
	setup *setup
	event Event
}

// maxReports bounds what is kept for an Observe that does not return.
const maxQueuedEvents = 1024

// note keeps events until they are delivered. They are about an attempt, or about
// none if about is nil. s.mu is held.
func (s *Session) queueEvents(u *setup, about *attempt, events []Event) {
	if u.opts.Logger == nil && u.opts.Observe == nil {
		return
	}
	for _, ev := range events {
		ev.Session, ev.Kind, ev.Environment = u.name, u.opts.Kind, u.opts.Environment
		if about != nil {
			ev.beginContext = about.beginCall.result()
		}
		if r := &s.rareState().events; len(r.pending) < maxQueuedEvents {
			r.pending = append(r.pending, queuedEvent{u, ev})
		}
	}
}

// notePause keeps the event that callers wait for the end of a back-off: once for
// each, however many wait. s.mu is held.
func (s *Session) queueBackoffWait(u *setup, end instant, wait time.Duration) {
	if u.opts.Logger == nil && u.opts.Observe == nil {
		return
	}
	if x := s.rareState(); x.reportedBackoff != end {
		x.reportedBackoff = end
		s.queueEvents(u, nil, []Event{{Type: EventWaiting, WaitFor: WaitForBackoff, Wait: wait}})
	}
}

// report delivers the events that have occurred, unless somebody else does.
func (s *Session) deliverEvents() {
	for {
		next, ok := s.takeEvent()
		if !ok {
			return
		}
		s.deliverEvent(next)
	}
}

// deliver delivers an event. What follows it can be delivered then, even if an
// Observe ends the goroutine (runtime.Goexit).
func (s *Session) deliverEvent(o queuedEvent) {
	defer func() {
		s.mu.Lock()
		s.rare.events.delivering = false
		s.mu.Unlock()
	}()
	o.deliver()
}

// reportSoon delivers the events on a goroutine of its own.
func (s *Session) deliverEventsSoon() {
	s.mu.Lock()
	due := s.rare != nil && !s.rare.events.delivering && len(s.rare.events.pending) > 0
	s.mu.Unlock()
	if due {
		go s.deliverEvents()
	}
}

// nextReport takes the oldest event and makes the caller the one who delivers.
func (s *Session) takeEvent() (queuedEvent, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rare == nil {
		return queuedEvent{}, false
	}
	r := &s.rare.events
	if r.delivering || len(r.pending) == 0 {
		return queuedEvent{}, false
	}
	next := r.pending[0]
	r.delivering, r.pending = true, r.pending[1:]
	if len(r.pending) == 0 {
		r.pending = nil
	}
	return next, true
}

// deliver gives an event to the logger and to Observe. If one of them panics,
// the other one still gets it.
func (o queuedEvent) deliver() {
	opts := o.setup.opts
	recoverPanic(func() {
		if opts.Logger != nil {
			o.log(opts.Logger)
		}
	})
	recoverPanic(func() {
		if opts.Observe != nil {
			opts.Observe(o.event)
		}
	})
}

// guarded runs fn and survives its panic.
func recoverPanic(fn func()) {
	defer func() { _ = recover() }()
	fn()
}

// levels are those of log records, where they are not Debug.
var levels = map[EventType]slog.Level{
	EventFailed: slog.LevelWarn, EventSubjectChanged: slog.LevelWarn, EventSigningIn: slog.LevelInfo,
}

func (o queuedEvent) log(log *slog.Logger) {
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
