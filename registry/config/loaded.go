// Read on in load.go.

package config

import (
	"crypto/tls"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// loaded is the result of a good load.
type loaded struct {
	environment    core.Environment
	defaultSession string
	sessions       map[string]*checked
	names          []string           // of all sessions of the files
	faulty         map[string][]Fault // of the sessions that were left out
	plugins        map[string]plugin
	stores         map[storeID]core.Store
	tls            map[tlsID]*tls.Config
}

// leaveOut removes the sessions that have faults, and those that use one of them as an input. Their
// faults move from found to l.faulty. It reports whether it has removed any.
func (l *loaded) leaveOut(found *report) bool {
	of := map[string][]Fault{}
	for _, f := range takeAll(&found.faults) {
		if name := l.sessionOf(f.Key); name != "" {
			of[name] = append(of[name], f)
		} else {
			found.faults = append(found.faults, f)
		}
	}
	removed := len(of) > 0
	for len(of) > 0 {
		for name, faults := range of {
			l.faulty[name] = append(l.faulty[name], faults...)
			delete(l.sessions, name)
		}
		of = l.withFaultyInputs()
	}
	return removed
}

func takeAll(faults *[]Fault) []Fault {
	all := *faults
	*faults = nil
	return all
}

// withFaultyInputs returns the sessions that have a session with faults as an input.
func (l *loaded) withFaultyInputs() map[string][]Fault {
	of := map[string][]Fault{}
	for name, s := range l.sessions {
		for _, role := range sorted.Keys(s.entry.Inputs) {
			input := s.entry.Inputs[role]
			if len(l.faulty[input]) == 0 {
				continue
			}
			full, where := s.locate([]string{"inputs", role})
			f := where.fault(full, "the session "+strconv.Quote(input)+" has faults: "+
				l.faulty[input][0].Error())
			of[name] = append(of[name], f)
		}
	}
	return of
}

// sessionOf returns the session that a key is of, or "".
func (l *loaded) sessionOf(key string) (session string) {
	rest, ok := strings.CutPrefix(key, "sessions.")
	if !ok {
		return ""
	}
	for _, name := range l.names { // a name may have a period in it
		if len(name) > len(session) && (rest == name || strings.HasPrefix(rest, name+".")) {
			session = name
		}
	}
	return session
}
