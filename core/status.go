// Read on in statusjson.go.

package core

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Status is a snapshot of a session for people and monitors. It never holds a
// secret of the credential; the maps and slices are copies. Its JSON has the same
// fields. Later versions may add fields, to both.
type Status struct {
	Name        string
	Kind        string
	Environment Environment
	State       State
	// Renewable says whether the session can probably get its next credential
	// without a person: it has a refresh state, or nobody signed in for the
	// credential that it has, and the last attempt did not say that something has
	// to be done first ([CodeInteractive], [CodeDenied], [CodeBadConfig]). An idle session
	// whose credential has expired is StateExpired and Renewable. False also before
	// Init and after Close.
	Renewable  bool
	Subject    string
	Attributes map[string]string
	Origins    []string         // where the credential may go; empty: the hosts that callers name
	Expiry     time.Time        // zero: the credential does not expire, or there is none
	Credential *CredentialShape // what the credential puts on requests; nil: there is none
	LastError  error            // of the last attempt, nil once one has succeeded
	RetryAt    time.Time        // when the next attempt may be made; zero: now
	// Store is the name of Options.Store, such as "keyring", if it is a [NamedStore].
	// Of a list of stores it is the one in use, and "" until the first is needed.
	Store string
	// StoreError is why Options.Store does not have the credential. Nil: it does, or
	// none is set.
	StoreError error

	Authentications uint64 // credentials obtained
	Failures        uint64 // attempts that failed
	Refusals        uint64 // credentials that the API refused
}

// CredentialShape says what a credential puts on a request: names, and never
// values. The names are sorted. Later versions may add fields.
type CredentialShape struct {
	Headers     []string `json:"headers,omitempty"` // canonical names
	Query       []string `json:"query,omitempty"`   // names of parameters
	Cookies     []string `json:"cookies,omitempty"` // names
	Certificate bool     `json:"certificate"`       // a client certificate for TLS
	// PerRequest says that the provider is an [Authorizer]: it makes an attachment
	// for each request, which may have more than this shape. The provider of a
	// session of package registry is known not to be one from the first request on;
	// until then PerRequest is true.
	PerRequest bool `json:"per_request"`
}

// shape returns the names of what c puts on requests.
func (c *credential) shape() *CredentialShape {
	a := &c.cred.Attach
	out := &CredentialShape{
		Query: slices.Sorted(maps.Keys(a.Query)), Cookies: slices.Sorted(maps.Keys(a.Cookie)),
		Certificate: c.cert != nil, PerRequest: c.authorizer() != nil,
	}
	for name := range a.Header {
		out.Headers = append(out.Headers, http.CanonicalHeaderKey(name))
	}
	slices.Sort(out.Headers)
	out.Headers = slices.Compact(out.Headers)
	return out
}

// String returns the name and the state.
func (s *Session) String() string {
	return fmt.Sprintf("session %q (%v)", s.Name(), s.Status().State)
}

// Status returns a snapshot. It sends nothing and does not wait for I/O.
func (s *Session) Status() Status {
	store := storeName(s.config().opts.Store) // the program's code: without the mutex
	s.mu.Lock()
	defer s.mu.Unlock()
	cfg, m, now := s.config(), &s.machine, readClocks()
	out := Status{
		Store: store,
		Name:  cfg.name, Kind: cfg.opts.Kind, Environment: cfg.opts.Environment,
		State:           m.status(now, cfg),
		Authentications: uint64(m.counts.authentications),
		Failures:        uint64(m.counts.failures), Refusals: uint64(m.counts.refusals),
	}
	origins := cfg.origins
	c := m.current
	if m.refused != nil {
		c = m.refused
	}
	if c != nil {
		out.Subject, out.Expiry = c.cred.Subject, c.cred.Expiry
		out.Attributes = maps.Clone(c.cred.Attributes)
		out.StoreError, out.Credential = c.storeError(), c.shape()
		out.Renewable = m.renewable(c)
		origins = c.origins()
	}
	for i := range origins {
		out.Origins = append(out.Origins, origins[i].text)
	}
	if e := m.failures.lastError(); e != nil {
		last := *e
		// RetryAt says the same and, unlike a duration, stays true.
		last.RetryAfter = 0
		out.LastError = &last
		if end := m.failures.retryTime(now.mono, nobody); end > now.mono {
			out.RetryAt = time.Now().Add(end.sub(now.mono))
		}
	}
	return out
}

// status returns the state of a session with a setup.
func (m *machine) status(at moment, cfg *setup) State {
	switch {
	case m.state == lifeNew:
		return StateNew
	case m.state == lifeClosing:
		return StateClosing
	case m.state == lifeClosed:
		return StateClosed
	case m.refused != nil:
		return StateRefused
	case m.current == nil || m.current.age(at) == ageExpired:
		return StateExpired
	case m.current.age(at) == ageStale || m.current.setup != cfg:
		return StateStale
	}
	return StateFresh
}

// renewable reports whether the session can probably replace c without a person.
// A credential for which a person signed in can only be replaced by its refresh
// state. After the last attempt, an outage does not count: it ends by itself.
func (m *machine) renewable(c *credential) bool {
	if c.signedIn && c.cred.RefreshState.IsZero() {
		return false
	}
	e := m.failures.lastError()
	return e == nil || e.Code != CodeInteractive && e.Code != CodeDenied && e.Code != CodeBadConfig
}
