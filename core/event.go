// Read on in options.go.

package core

import (
	"context"
	"time"
)

// EventType says what happened to a session.
type EventType uint8

// The kinds of events. An attempt to obtain a credential ends with one event:
// Authenticated, Restored, Failed or Abandoned.
const (
	EventAuthenticated  EventType = iota + 1 // a credential was obtained; Reason says why
	EventFailed                              // an attempt to obtain one failed; Err says how
	EventRefused                             // the API refused the credential
	EventClosed                              // the session was closed
	EventRestored                            // a credential was taken from Options.Store
	EventSubjectChanged                      // the new credential's subject is not OldSubject
	EventWaiting                             // an attempt waits for WaitFor, at most for Wait
	EventSigningIn                           // a person is being asked to sign in, at most for Wait
	// EventAbandoned: an attempt ended with neither a credential nor a failure. Close or
	// Reconfigure stopped it, another attempt took its place after an input was
	// refused, or Restore found nothing to take.
	EventAbandoned
	EventStarting // an attempt starts; only Options.Begin is told
)

var eventTypeNames = [...]string{
	"unknown", "authenticated", "failed", "refused", "ended", "restored", "subject changed",
	"waiting", "signing in", "abandoned", "starting",
}

// String returns the kind in lower case.
func (k EventType) String() string {
	if int(k) < len(eventTypeNames) {
		return eventTypeNames[k]
	}
	return eventTypeNames[0]
}

// EndsAttempt reports whether k is the kind of the event that ends an attempt.
func (k EventType) EndsAttempt() bool {
	return k == EventAuthenticated || k == EventRestored || k == EventFailed || k == EventAbandoned
}

// WaitFor says what an attempt waits for.
type WaitFor uint8

// What attempts wait for.
const (
	WaitForBackoff WaitFor = iota + 1 // the end of the pause after a failure
	WaitForStore                      // the store's lock: another process renews or signs in
	WaitForInput                      // another session, from Options.Inputs
)

var waitForNames = [...]string{"nothing", "backoff", "store", "input"}

// String returns what is waited for in lower case.
func (w WaitFor) String() string {
	if int(w) < len(waitForNames) {
		return waitForNames[w]
	}
	return waitForNames[0]
}

// Event is what [Options.Observe] is told. It holds no secret. Later versions may
// add fields and kinds.
type Event struct {
	Session     string
	Kind        string
	Environment Environment
	Type        EventType
	Reason      Reason        // why a credential was asked for
	Took        time.Duration // how long the attempt took
	Expiry      time.Time     // of the new or the refused credential; zero: none
	// Subject is who the credential speaks for that the event is about: the new
	// one, the refused one, or the one that an attempt is to replace. Empty: there
	// is none, or it is not known.
	Subject    string
	OldSubject string        // for SubjectChanged
	WaitFor    WaitFor       // for Waiting
	Wait       time.Duration // for Waiting and SigningIn: how long at most
	Code       Code          // of Err; zero: there is no error
	Err        error         // for Failed; for Abandoned if there is a reason to name

	beginContext context.Context // what Begin returned; nil: nothing
}

// Context returns what [Options.Begin] returned for the attempt that the event is
// about, without its end: it is never cancelled. The event for which EndsAttempt
// is true is the last one that has it, so that a span which Begin began ends
// there. Without one, it returns [context.Background].
func (e Event) Context() context.Context {
	if e.beginContext == nil {
		return context.Background()
	}
	return e.beginContext
}
