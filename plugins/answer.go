// Read on in prompt.go.

package plugins

import (
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// The bounds of a credential, as far as core does not have them for every
// provider.
const (
	maxYears         = 100 // between now and a time
	maxAttributes    = 1000
	maxOrigins       = 1000
	maxSubject       = 1024     // bytes of a subject, and of an attribute's name
	maxAttribute     = 64 << 10 // bytes of an attribute's value
	maxSignature     = 64 << 10 // bytes; more than any signature has
	maxLearned       = 16       // headers of answers that Authorize asks for
	maxLearnedHeader = 256      // bytes of such a header's name
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
	case !isShortText(m.GetSubject(), maxSubject):
		return "subject is too long or has control characters"
	case len(m.GetOrigins()) > maxOrigins:
		return "origins are too many"
	case len(m.GetAttributes()) > maxAttributes:
		return "attributes are too many"
	}
	for name, value := range m.GetAttributes() {
		if !isShortText(name, maxSubject) || !isShortText(value, maxAttribute) {
			return "attributes are too long or have control characters"
		}
	}
	return ""
}

// shownOf returns what errors about an attachment show: names, and no values.
func shownOf(m *v1.Attachment) string {
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

// isShortText reports whether text has at most limit bytes and no control
// characters.
func isShortText(text string, limit int) bool {
	return len(text) <= limit && !strings.ContainsFunc(text, unicode.IsControl)
}
