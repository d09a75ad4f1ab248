// Read on in transport.go.

package core

import (
	"maps"
	"time"
)

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
	Refused     bool      // the API refused the credential, and there is no other yet
	LastError   error     // of the last attempt, nil once one has succeeded
	RetryAt     time.Time // when the next attempt may be made; zero: now
	StoreError  error     // why Options.Store does not have the credential; nil: it does, or none is set

	Authentications uint64 // credentials obtained
	Failures        uint64 // attempts that failed
	Refusals        uint64 // credentials that the API refused
}

// Status returns a snapshot. It sends nothing and does not wait for I/O.
func (s *Session) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, m := s.config(), &s.machine
	out := Status{
		Name: u.name, Provider: u.opts.Provider, Environment: u.opts.Environment,
		State:           min(m.state, StateClosed),
		Authentications: uint64(m.counts.authentications),
		Failures:        uint64(m.counts.failures), Refusals: uint64(m.counts.refusals),
	}
	origins := u.origins
	l := m.current
	if m.refused != nil {
		l, out.Refused = m.refused, true
	}
	now := present()
	if l != nil {
		out.Subject, out.Expiry, out.Attributes = l.cred.Subject, l.cred.Expiry, maps.Clone(l.cred.Attributes)
		out.Valid = !out.Refused && l.age(now) != ageExpired
		out.StoreError = l.storeError()
		origins = l.origins()
	}
	for i := range origins {
		out.Origins = append(out.Origins, origins[i].text)
	}
	if e := m.failures.lastError(); e != nil {
		last := *e
		last.RetryAfter = 0 // RetryAt says it, and stays true
		out.LastError = &last
		if end := m.failures.end(now.mono, nobody); end > now.mono {
			out.RetryAt = time.Now().Add(end.until(now.mono))
		}
	}
	return out
}
