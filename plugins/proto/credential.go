// Read on in request.go.

package proto

import (
	"crypto"
	"maps"
	"slices"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// FromCredential makes a message of a credential, secrets included.
func FromCredential(c core.Credential) *v1.Credential {
	return &v1.Credential{
		Attach:     FromAttachment(c.Attach),
		Renewal:    c.RefreshState.Reveal(),
		Expiry:     fromTime(c.Expiry),
		RenewAfter: fromTime(c.RenewAfter),
		Origins:    slices.Clone(c.Origins),
		Subject:    c.Subject,
		Attributes: maps.Clone(c.Attributes),
		Body:       fromBodyNeeds(c.Body),
	}
}

// ToCredential makes a credential of a message. Nil gives the zero credential.
func ToCredential(m *v1.Credential) core.Credential {
	if m == nil {
		return core.Credential{}
	}
	return core.Credential{
		Attach:       ToAttachment(m.GetAttach()),
		RefreshState: core.NewSecret(m.GetRenewal()),
		Expiry:       toTime(m.GetExpiry()),
		RenewAfter:   toTime(m.GetRenewAfter()),
		Origins:      emptyToNil(m.GetOrigins()),
		Subject:      m.GetSubject(),
		Attributes:   mapOrNil(m.GetAttributes()),
		Body:         toBodyNeeds(m.GetBody()),
	}
}

func fromBodyNeeds(n *core.BodyNeeds) *v1.BodyNeeds {
	if n == nil || len(n.Digests) == 0 && n.Raw == 0 {
		return nil
	}
	m := &v1.BodyNeeds{Raw: n.Raw}
	for _, h := range n.Digests {
		m.Digests = append(m.Digests, hashNumber(h))
	}
	return m
}

func toBodyNeeds(m *v1.BodyNeeds) *core.BodyNeeds {
	if m == nil {
		return nil
	}
	n := &core.BodyNeeds{Raw: m.GetRaw()}
	for _, number := range m.GetDigests() {
		n.Digests = append(n.Digests, crypto.Hash(number))
	}
	return n
}

// FromAttachment makes a message of an attachment, secrets included.
func FromAttachment(a core.Attachment) *v1.Attachment {
	return &v1.Attachment{
		Header: reveal(a.Header), Query: reveal(a.Query), Cookie: reveal(a.Cookie),
		Cert: a.Cert.Reveal(), Roots: a.Roots, Learn: slices.Clone(a.RememberHeaders),
	}
}

// ToAttachment makes an attachment of a message. Nil gives the zero attachment.
func ToAttachment(m *v1.Attachment) core.Attachment {
	return core.Attachment{
		Header: hide(m.GetHeader()), Query: hide(m.GetQuery()), Cookie: hide(m.GetCookie()),
		Cert: core.NewSecret(m.GetCert()), Roots: m.GetRoots(), RememberHeaders: emptyToNil(m.GetLearn()),
	}
}
