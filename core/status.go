package core

import (
	"errors"
	"maps"
	"time"
)

// State is where a session is in its life.
type State uint8

// The states of a session.
const (
	StateHeld   State = iota // made; Init has not succeeded yet
	StateReady               // initialised
	StateClosed              // closed; Init starts again
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case StateHeld:
		return "held"
	case StateReady:
		return "ready"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}

// Status is a snapshot of a session for people and monitors. It never holds a
// secret; the attributes are a copy.
type Status struct {
	Name        string
	Provider    string
	Environment Environment
	State       State
	Subject     string
	Attributes  map[string]string
	Origins     []string  // where the credential may go; empty: the hosts that callers name
	Expiry      time.Time // zero: the credential does not expire, or there is none
	Valid       bool      // there is a credential that has not expired
	LastError   error     // of the last attempt, nil once one has succeeded
	RetryAt     time.Time // when the next attempt may be made; zero: now
	StoreError  error     // why Options.Store does not have the credential that is in use; nil: it does, or there is no store

	Authentications uint64 // credentials obtained
	Failures        uint64 // attempts that failed
	Refusals        uint64 // credentials that the API refused
}

// Status returns a snapshot. It sends nothing and does not wait for I/O.
func (s *Session) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.setup.Load()
	out := Status{
		Name: s.name, Provider: u.opts.Provider, Environment: u.opts.Environment, State: s.state,
		Authentications: uint64(s.counts.authentications), Failures: uint64(s.counts.failures), Refusals: uint64(s.counts.refusals),
	}
	origins := u.origins
	if l := s.live.Load(); l != nil {
		out.Subject, out.Expiry, out.Attributes = l.cred.Subject, l.cred.Expiry, maps.Clone(l.cred.Attributes)
		out.Valid = l.judge(mono()) != expired
		origins = l.origins()
		if l.kept != nil {
			out.StoreError = l.kept.err
		}
	}
	for i := range origins {
		out.Origins = append(out.Origins, origins[i].text)
	}
	if s.backoff != nil {
		out.LastError = s.wrap(s.backoff.err, "")
		var e *Error
		if errors.As(out.LastError, &e) {
			e.RetryAfter = 0 // RetryAt says it, and stays true
		}
		if wait := s.backoff.until - mono(); wait > 0 {
			out.RetryAt = time.Now().Add(time.Duration(wait))
		}
	}
	return out
}
