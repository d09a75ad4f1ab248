// Read on in close.go.

package core

import (
	"log/slog"
	"time"
)

// eventQueue has the events of a session that have not been delivered yet. One
// goroutine at a time delivers them, in their order and without a lock, so that
// neither a logger nor an Observe delays the session or its callers, and an
// Observe may call any method of the session.
type eventQueue struct {
	delivering bool // a goroutine delivers
	pending    []queuedEvent
}

// queuedEvent is an event, and the setup whose logger and Observe it is for.
type queuedEvent struct {
	setup *setup
	event Event
	about *attempt // nil: none
}

// maxQueuedEvents limits what is kept for an Observe that does not return.
// Further events are dropped: memory must not grow because of a faulty observer.
const maxQueuedEvents = 1024

// queueEvents keeps events until they are delivered. They are about an attempt,
// whose setup they are for then, or about none if about is nil. s.mu is held.
func (s *Session) queueEvents(cfg *setup, about *attempt, events []Event) {
	// The Observe that ends a span is that of the options whose Begin started it,
	// also after a Reconfigure.
	if about != nil {
		cfg = about.setup
	}
	// There is neither a logger nor an Observe for these events.
	if cfg.opts.Logger == nil && cfg.opts.Observe == nil {
		return
	}
	for _, ev := range events {
		ev.Session, ev.Kind, ev.Environment = cfg.name, cfg.opts.Kind, cfg.opts.Environment
		if r := &s.rareState().events; len(r.pending) < maxQueuedEvents {
			r.pending = append(r.pending, queuedEvent{cfg, ev, about})
		}
	}
}

// queueBackoffWait keeps the event that callers wait for the end of a back-off:
// once for each back-off, however many callers wait. s.mu is held.
func (s *Session) queueBackoffWait(cfg *setup, end instant, wait time.Duration) {
	if cfg.opts.Logger == nil && cfg.opts.Observe == nil {
		return
	}
	if rare := s.rareState(); rare.reportedBackoff != end {
		rare.reportedBackoff = end
		s.queueEvents(cfg, nil, []Event{{Type: EventWaiting, WaitFor: WaitForBackoff, Wait: wait}})
	}
}

// deliverEvents delivers the events that have occurred, unless another goroutine
// delivers: that one takes what is added meanwhile.
func (s *Session) deliverEvents() {
	for {
		next, ok := s.takeEvent()
		if !ok {
			return
		}
		s.deliverEvent(next)
	}
}

// deliverEvent delivers an event. The deferred part also runs if an Observe ends
// the goroutine (runtime.Goexit): another goroutine then delivers later events.
func (s *Session) deliverEvent(o queuedEvent) {
	returned := false
	defer func() {
		s.mu.Lock()
		s.rare.events.delivering = false
		s.mu.Unlock()
		if !returned {
			s.deliverEventsSoon()
		}
	}()
	o.deliver()
	returned = true
}

// deliverEventsSoon delivers the events on a goroutine of its own, and starts
// none if there is nothing to deliver.
func (s *Session) deliverEventsSoon() {
	// Callers must not wait for an Observe, and most events have no caller at
	// all.
	s.mu.Lock()
	due := s.rare != nil && !s.rare.events.delivering && len(s.rare.events.pending) > 0
	s.mu.Unlock()
	if due {
		go s.deliverEvents()
	}
}

// takeEvent takes the oldest event and makes its caller the one that delivers.
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
		// The array that held the events is given up with the last one.
		r.pending = nil
	}
	return next, true
}

// deliver gives an event to the logger and to Observe. If one of them panics, the
// other one still gets it.
func (o queuedEvent) deliver() {
	opts := o.setup.opts
	if o.about != nil {
		// Begin may return after the attempt started, and later events then have
		// its context.
		o.event.beginContext = o.about.beginCall.eventContext(o.event.Type)
	}
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

// levels are the levels of log records that are not at Debug: what a person has
// to know, or has to act upon.
var levels = map[EventType]slog.Level{
	EventFailed:         slog.LevelWarn,
	EventSubjectChanged: slog.LevelWarn,
	EventSigningIn:      slog.LevelInfo,
}

// log writes an event to a logger. Attributes without a value are left out.
func (o queuedEvent) log(log *slog.Logger) {
	ev, level := o.event, slog.LevelDebug
	if other, ok := levels[ev.Type]; ok {
		level = other
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
