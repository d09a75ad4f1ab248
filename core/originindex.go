// Read on in scope.go.

package core

import (
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// OriginIndex finds, among many sessions, the one for a URL by its origin. What a
// lookup costs does not depend on the number of sessions, unless the origins of
// one of them have changed since the last lookup. It is made by
// [NewOriginIndex] and safe for concurrent use.
//
// The origins of a session are those of its credential, also of one that the API
// refused, otherwise those in its options. A session without options' origins,
// whose provider names them, is found after Init. A session that has no origins
// at all is never found.
type OriginIndex struct {
	sessions iter.Seq[*Session]

	mu             sync.RWMutex // guards all below; locked before Session.mu
	epoch          uint64       // of the last update, plus one; zero: there was none
	all            []*indexed
	byOrigin       map[originKey][]*indexed
	withoutOrigins int // sessions that have no origins
}

// indexed is a session in an index, with the origins under which it is found.
type indexed struct {
	session *Session
	origins []origin
}

// originKey is an origin as URLs spell it most often: the host is in lower case,
// with or without the scheme's own port.
type originKey struct{ scheme, host string }

// NewOriginIndex returns an index of sessions. It reads sessions once, at the
// first lookup; none of them may be nil. Sessions that are made later are in
// another index.
func NewOriginIndex(sessions iter.Seq[*Session]) *OriginIndex {
	return &OriginIndex{sessions: sessions}
}

// Find returns the session whose origins cover u. ws and wss count as http and
// https. It sends nothing, and the session may be in any state. If no session
// covers u, the error is [CodeOriginRefused]. If several do, it is [CodeBadConfig] and
// lists their names: the program chooses one of them by its name.
func (x *OriginIndex) Find(u *url.URL) (*Session, error) {
	found, ok := x.lookup(u)
	if !ok {
		x.update()
		found, _ = x.lookup(u)
	}
	switch len(found) {
	case 1:
		return found[0].session, nil
	case 0:
		return nil, x.notFound(u)
	}
	names := make([]string, len(found))
	for i, in := range found {
		names[i] = in.session.Name()
	}
	slices.Sort(names)
	return nil, Errorf(CodeBadConfig,
		"%d sessions have the origin %s: %s: use one of them by its name",
		len(found), OriginText(u), listNames(names))
}

func (x *OriginIndex) notFound(u *url.URL) error {
	x.mu.RLock()
	n, without := len(x.all), x.withoutOrigins
	x.mu.RUnlock()
	hint := ""
	if without > 0 {
		hint = fmt.Sprintf(" (%d of them have no origins, or none before Init)", without)
	}
	return Errorf(CodeOriginRefused, "%s is none of the origins of the %d sessions%s",
		OriginText(u), n, hint)
}

// lookup returns the sessions for u. ok reports whether the index is up to date.
func (x *OriginIndex) lookup(u *url.URL) (found []*indexed, ok bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if u != nil {
		if found = x.byOrigin[originKey{httpScheme(u.Scheme), u.Host}]; found == nil {
			if o, ok := originOf(u); ok {
				found = x.byOrigin[originKey{o.scheme, o.hostPort}]
			}
		}
	}
	if x.epoch != originsEpoch.Load()+1 {
		return found, false
	}
	for _, in := range found { // one may have ended since, without a new epoch
		if !in.upToDate(in.session.currentOrigins()) {
			return found, false
		}
	}
	return found, true
}

// upToDate reports whether the session is found under these origins.
func (in *indexed) upToDate(origins []origin) bool {
	if len(origins) > 0 && len(origins) == len(in.origins) && &origins[0] == &in.origins[0] {
		return true
	}
	return slices.Equal(origins, in.origins)
}

// update reads the origins of all sessions, and moves those that have others.
func (x *OriginIndex) update() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.byOrigin == nil {
		x.byOrigin = map[originKey][]*indexed{}
		for s := range x.sessions {
			x.all = append(x.all, &indexed{session: s})
		}
		x.sessions = nil
	}
	x.epoch = originsEpoch.Load() + 1 // before the origins are read: a later change counts again
	x.withoutOrigins = 0
	for _, in := range x.all {
		origins := in.session.currentOrigins()
		if len(origins) == 0 {
			x.withoutOrigins++
		}
		if in.upToDate(origins) {
			continue
		}
		x.remove(in)
		in.origins = origins
		x.add(in)
	}
}

func (x *OriginIndex) add(in *indexed) {
	for key := range in.keys() {
		if list := x.byOrigin[key]; !slices.Contains(list, in) {
			x.byOrigin[key] = append(slices.Clip(list), in)
		}
	}
}

// remove takes a session out. Lists are replaced, not written to: a lookup may
// still read one.
func (x *OriginIndex) remove(in *indexed) {
	for key := range in.keys() {
		left := slices.DeleteFunc(slices.Clone(x.byOrigin[key]), func(other *indexed) bool {
			return other == in
		})
		if x.byOrigin[key] = left; len(left) == 0 {
			delete(x.byOrigin, key)
		}
	}
}

// keys yields the keys of the session's origins, each in both spellings.
func (in *indexed) keys() iter.Seq[originKey] {
	return func(yield func(originKey) bool) {
		for i := range in.origins {
			o := &in.origins[i]
			if !yield(originKey{o.scheme, o.hostPort}) {
				return
			}
			if o.host != o.hostPort && !yield(originKey{o.scheme, o.host}) {
				return
			}
		}
	}
}

// currentOrigins returns the origins of the credential, also of one that the API refused,
// otherwise those of the options. Empty: there are none, or none before Init.
func (s *Session) currentOrigins() []origin {
	if l := s.published.Load(); l != nil {
		return l.origins()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if l := s.machine.refused; l != nil {
		return l.origins()
	}
	return s.config().origins
}

// maxNames is how many names an error lists.
const maxNames = 10

// listNames writes names for an error, quoted.
func listNames(names []string) string {
	more := ""
	if n := len(names) - maxNames; n > 0 {
		names, more = names[:maxNames], fmt.Sprintf(" and %d more", n)
	}
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(quoted, ", ") + more
}
