package providertest

import (
	"crypto"
	"encoding/json"
	"maps"
	"reflect"
	"time"

	"github.com/authsession/authsession/core"
)

// plainCredential is a credential as it is sent to another process.
type plainCredential struct {
	Header, Query, Cookie     map[string]string
	Cert, Roots, RefreshState string
	Expiry, RenewAfter        time.Time
	Origins                   []string
	Subject                   string
	Attributes                map[string]string
	RememberHeaders           []string
	Digests                   []crypto.Hash
	RawBody                   int64
}

// toPlain reveals c.
func toPlain(c core.Credential) plainCredential {
	p := plainCredential{
		Header: revealAll(c.Attach.Header), Query: revealAll(c.Attach.Query),
		Cookie: revealAll(c.Attach.Cookie),
		Cert:   c.Attach.Cert.Reveal(), Roots: c.Attach.Roots, RefreshState: c.RefreshState.Reveal(),
		Expiry: plainTime(c.Expiry), RenewAfter: plainTime(c.RenewAfter),
		Origins: append([]string(nil), c.Origins...), Subject: c.Subject,
		Attributes:      maps.Clone(c.Attributes),
		RememberHeaders: append([]string(nil), c.Attach.RememberHeaders...),
	}
	if c.Body != nil {
		p.Digests, p.RawBody = append([]crypto.Hash(nil), c.Body.Digests...), c.Body.Raw
	}
	return p
}

// plainTime drops what a copy loses: the monotonic reading and the zone.
func plainTime(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Round(0).UTC()
}

func (p plainCredential) credential() core.Credential {
	c := core.Credential{
		Attach: core.Attachment{
			Header: secretAll(p.Header), Query: secretAll(p.Query), Cookie: secretAll(p.Cookie),
			Cert: core.NewSecret(p.Cert), Roots: p.Roots, RememberHeaders: p.RememberHeaders,
		},
		RefreshState: core.NewSecret(p.RefreshState), Expiry: p.Expiry, RenewAfter: p.RenewAfter,
		Origins: p.Origins, Subject: p.Subject, Attributes: p.Attributes,
	}
	if len(p.Digests) > 0 || p.RawBody != 0 {
		c.Body = &core.BodyNeeds{Digests: p.Digests, Raw: p.RawBody}
	}
	return c
}

// copyCredential returns c encoded and decoded, so that it shares no memory with the
// provider's, and whether the copy is equal.
func copyCredential(c core.Credential) (core.Credential, bool) {
	plain := toPlain(c)
	text, err := json.Marshal(plain)
	if err != nil {
		return core.Credential{}, false
	}
	var back plainCredential
	if json.Unmarshal(text, &back) != nil {
		return core.Credential{}, false
	}
	return back.credential(), reflect.DeepEqual(plain, back)
}

func revealAll(m map[string]core.Secret) map[string]string {
	if m == nil {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = value.Reveal()
	}
	return out
}

func secretAll(m map[string]string) map[string]core.Secret {
	if m == nil {
		return nil
	}
	out := make(map[string]core.Secret, len(m))
	for name, value := range m {
		out[name] = core.NewSecret(value)
	}
	return out
}
