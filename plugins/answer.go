package plugins

import (
	"strings"
	"time"
	"unicode"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxYears      = 100 // that a credential lives
	maxAttributes = 1000
	maxOrigins    = 1000
	maxShown      = 1024 // bytes of a subject, and of an attribute's name
	maxAttribute  = 64 << 10
)

// credential checks what a plugin obtained, as far as core does not do that
// for every provider.
func (r *remote) credential(m *v1.Credential) (core.Credential, error) {
	if what := absurd(m); what != "" {
		return core.Credential{}, r.bad("it answered with a credential whose %s: tell its author", what)
	}
	return wire.ToCredential(m), nil
}

// absurd says what in a credential cannot be meant; empty for nothing.
func absurd(m *v1.Credential) string {
	switch {
	case absurdTime(m.GetExpiry()):
		return "expiry is absurd"
	case absurdTime(m.GetRenewAfter()):
		return "renew_after is absurd"
	case !shown(m.GetSubject(), maxShown):
		return "subject is too long or has control characters"
	case len(m.GetOrigins()) > maxOrigins:
		return "origins are too many"
	case len(m.GetAttributes()) > maxAttributes:
		return "attributes are too many"
	}
	for name, value := range m.GetAttributes() {
		if !shown(name, maxShown) || !shown(value, maxAttribute) {
			return "attributes are too long or have control characters"
		}
	}
	return ""
}

// absurdTime tells times that no clock shows or no server means.
func absurdTime(t *timestamppb.Timestamp) bool {
	if t == nil {
		return false
	}
	if t.CheckValid() != nil {
		return true
	}
	at, now := t.AsTime(), time.Now()
	return at.Before(now.AddDate(-maxYears, 0, 0)) || at.After(now.AddDate(maxYears, 0, 0))
}

func shown(text string, limit int) bool {
	return len(text) <= limit && !strings.ContainsFunc(text, unicode.IsControl)
}
