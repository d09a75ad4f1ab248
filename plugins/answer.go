// Read on in prompt.go.

package plugins

import (
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// The bounds of what only plugins answer. Those of a credential are core's, for every
// provider.
const (
	maxYears     = 100      // between now and a time
	maxSignature = 64 << 10 // bytes; more than any signature has
)

// credentialFault returns what in a credential cannot be meant; an empty text if
// there is nothing. The text ends a sentence that begins with "a credential
// whose".
func credentialFault(m *v1.Credential) string {
	switch {
	case isImplausible(m.GetExpiry()):
		return "expiry is absurd"
	case isImplausible(m.GetRenewAfter()):
		return "renew_after is absurd"
	}
	return ""
}

// shownOf returns the texts of a credential that a status, an event or an error shows,
// apart from its subject.
func shownOf(m *v1.Credential) string {
	shown := append([]string{shownNames(m.GetAttach())}, m.GetOrigins()...)
	for name, value := range m.GetAttributes() {
		shown = append(shown, name, value)
	}
	return strings.Join(shown, " ")
}

// shownNames returns what errors about an attachment show: names, and no values.
func shownNames(m *v1.Attachment) string {
	names := m.GetLearn()
	for _, values := range []map[string]string{m.GetHeader(), m.GetQuery(), m.GetCookie()} {
		names = slices.AppendSeq(slices.Clip(names), maps.Keys(values))
	}
	return strings.Join(names, " ")
}

// isImplausible reports whether t is out of range, or further from now than a
// server means. An absent time is plausible.
func isImplausible(t *timestamppb.Timestamp) bool {
	if t == nil {
		return false
	}
	if t.CheckValid() != nil {
		return true
	}
	at, now := t.AsTime(), time.Now()
	return at.Before(now.AddDate(-maxYears, 0, 0)) || at.After(now.AddDate(maxYears, 0, 0))
}
