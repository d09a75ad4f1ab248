// Read on in originindex.go.

package core

import "slices"

// slotKey names a slot of a Scope: that of a kind with a facade, otherwise that
// of a session's name.
type slotKey struct {
	facade bool
	text   string // the kind or the name
}

// slot holds one of the sessions that are current for all requests.
type slot struct {
	key     slotKey
	session *Session
}

// slots are all slots of a Scope, the one set last first. A value is immutable: the
// methods return another one.
type slots []slot

// slotKey returns the slot that s takes if it is in none.
func (s *Session) slotKey() slotKey {
	u := s.config()
	if u.opts.Facade != nil && u.opts.Facade() {
		return slotKey{facade: true, text: u.opts.Kind}
	}
	return slotKey{text: u.name}
}

// kind returns the kind of the session's provider.
func (s *Session) kind() string { return s.config().opts.Kind }

// lastSet returns the session that was set last, nil if there is none.
func (l slots) lastSet() *Session {
	if len(l) == 0 {
		return nil
	}
	return l[0].session
}

// set puts s into its slot, and returns what was there. The slot is the one
// that s is in, otherwise key.
func (l slots) set(key slotKey, s *Session) (slots, *Session) {
	if i := slices.IndexFunc(l, func(in slot) bool { return in.session == s }); i >= 0 {
		key = l[i].key
	}
	var previous *Session
	out := make(slots, 1, len(l)+1)
	out[0] = slot{key, s}
	for _, in := range l {
		if in.key == key {
			previous = in.session
			continue
		}
		out = append(out, in)
	}
	return out, previous
}

// setKind puts s into the slot of a kind, and returns what ofKind returned before. All
// other slots of the kind's sessions, and of s, are emptied. Nil only empties.
func (l slots) setKind(kind string, s *Session) (slots, *Session) {
	key := slotKey{facade: true, text: kind}
	out := make(slots, 0, len(l)+1)
	if s != nil {
		out = append(out, slot{key, s})
	}
	for _, in := range l {
		if in.key != key && in.session.kind() != kind && in.session != s {
			out = append(out, in)
		}
	}
	return out, l.ofKind(kind)
}

// ofKind returns the session in the slot of a kind. Otherwise it returns the session
// of the kind that was set last: it is in the slot of its name if the kind was
// not known to have a facade when it was set. Nil: there is none.
func (l slots) ofKind(kind string) *Session {
	for _, in := range l {
		if in.key.facade && in.key.text == kind {
			return in.session
		}
	}
	for _, in := range l {
		if in.session.kind() == kind {
			return in.session
		}
	}
	return nil
}

// without empties the slots that hold s.
func (l slots) without(s *Session) slots {
	return slices.DeleteFunc(slices.Clone(l), func(in slot) bool { return in.session == s })
}
