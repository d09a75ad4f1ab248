package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/authsession/authsession/core"
)

// eventLines prints a line for each event of a session. Events come from the
// goroutines of the sessions, so that all that is printed goes through it.
type eventLines struct {
	mu    sync.Mutex // guards all below
	out   io.Writer
	ended bool
}

// Write implements [io.Writer].
func (l *eventLines) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.out.Write(text)
}

// observe is for core.Options.Observe. An event holds no secret.
func (l *eventLines) observe(ev core.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		fmt.Fprintln(l.out, describe(ev))
	}
}

// end makes events that come later print nothing.
func (l *eventLines) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// describe says in one line what happened to a session.
func describe(ev core.Event) string {
	line := fmt.Sprintf("event: session %q (%s) %v", ev.Session, ev.Kind, ev.Type)
	switch {
	case ev.Type == core.EventWaiting:
		line += fmt.Sprintf(" for the %v, at most %v", ev.WaitFor, ev.Wait.Round(time.Second))
	case ev.Type == core.EventSubjectChanged:
		line += fmt.Sprintf(" from %q to %q", ev.OldSubject, ev.Subject)
	case ev.Type.EndsAttempt():
		line += fmt.Sprintf(" after %v (%v)", ev.Took.Round(time.Millisecond), ev.Reason)
	}
	if !ev.Expiry.IsZero() {
		line += ", until " + ev.Expiry.Format(time.TimeOnly)
	}
	if ev.Err != nil {
		line += ": " + ev.Err.Error()
	}
	return line
}
