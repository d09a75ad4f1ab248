// Read on in storeaccess.go.

package core

import (
	"crypto"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// record is a credential as a Store keeps it. Private keys of certificates are
// left out: they stay where the provider has them.
type record struct {
	Version    int               `json:"version"`
	ID         string            `json:"id"` // of this saving
	Saved      time.Time         `json:"saved"`
	Identity   *identity         `json:"identity,omitempty"`  // whose it is; nil: it does not say
	Bound      []string          `json:"bound,omitempty"`     // its origins; empty: callers named them
	Refused    bool              `json:"refused,omitempty"`   // by the API and by the issuer
	SignedIn   bool              `json:"signed_in,omitempty"` // a person signed in for it
	Header     map[string]string `json:"header,omitempty"`
	Query      map[string]string `json:"query,omitempty"`
	Cookie     map[string]string `json:"cookie,omitempty"`
	Cert       string            `json:"cert,omitempty"`
	KeyHeld    bool              `json:"key_held,omitempty"` // Cert had a private key
	Roots      string            `json:"roots,omitempty"`
	Renewal    string            `json:"renewal,omitempty"`
	Expiry     time.Time         `json:"expiry,omitzero"`
	RenewAfter time.Time         `json:"renew_after,omitzero"`
	Origins    []string          `json:"origins,omitempty"`
	Subject    string            `json:"subject,omitempty"`
	Attributes map[string]string `json:"attributes,omitempty"`
	Digests    []crypto.Hash     `json:"body_digests,omitempty"` // Credential.Body
	RawBody    int64             `json:"body_raw,omitempty"`
}

var (
	errLater       = errors.New("was saved by a later version of this program's authsession")
	errLaterRecord = Errorf(CodeBadConfig, "the stored credential %w", errLater)
	errForeign     = errors.New("belongs to another session")
)

// identity says to which session a record belongs.
type identity struct {
	Kind        string `json:"kind,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
}

// String names what differs between the sessions of one key.
func (i identity) String() string {
	return fmt.Sprintf("kind %q, environment %q, scope %q", i.Kind, i.Environment, i.Scope)
}

// recordVersion is the only one so far.
const recordVersion = 1

func newRecord(c Credential) *record {
	r := &record{
		Version: recordVersion, ID: rand.Text(), Saved: time.Now(),
		Header: revealAll(c.Attach.Header), Query: revealAll(c.Attach.Query),
		Cookie: revealAll(c.Attach.Cookie),
		Roots:  c.Attach.Roots, Renewal: c.RefreshState.Reveal(), Expiry: c.Expiry, RenewAfter: c.RenewAfter,
		Origins: c.Origins, Subject: c.Subject, Attributes: c.Attributes,
	}
	if c.Body != nil {
		r.Digests, r.RawBody = c.Body.Digests, c.Body.Raw
	}
	cert := c.Attach.Cert.Reveal()
	r.Cert, r.KeyHeld = chainOf(cert), hasKey([]byte(cert))
	return r
}

func (r *record) credential() Credential {
	c := Credential{
		Attach: Attachment{
			Header: hideAll(r.Header), Query: hideAll(r.Query), Cookie: hideAll(r.Cookie),
			Cert: NewSecret(r.Cert), Roots: r.Roots,
		},
		RefreshState: NewSecret(r.Renewal), Expiry: r.Expiry, RenewAfter: r.RenewAfter,
		Origins: r.Origins, Subject: r.Subject, Attributes: r.Attributes,
	}
	if len(r.Digests) > 0 || r.RawBody != 0 {
		c.Body = &BodyNeeds{Digests: r.Digests, Raw: r.RawBody}
	}
	return c
}

// whole reports whether nothing is missing, or only a private key that held
// has.
func (r *record) whole(held *credential) bool {
	if !r.KeyHeld {
		return true
	}
	if held == nil {
		return false
	}
	cert := held.cred.Attach.Cert.Reveal()
	return hasKey([]byte(cert)) && chainOf(cert) == r.Cert
}

// holds reports whether the record would put a secret on a request: as a value,
// or behind the scheme of an Authorization header.
func (r *record) holds(secret Secret) bool {
	if secret.IsZero() {
		return false
	}
	for _, values := range []map[string]string{r.Header, r.Query, r.Cookie} {
		for _, value := range values {
			_, rest, _ := strings.Cut(value, " ")
			if secret.Equal(NewSecret(value)) || secret.Equal(NewSecret(rest)) {
				return true
			}
		}
	}
	return false
}

// stale reports whether whoever saved the credential would renew it now, or
// the clock has been set back since, so that Expiry tells nothing.
func (r *record) stale(now time.Time, early time.Duration) bool {
	if r.Saved.Sub(now) > maxEarly {
		return true
	}
	if !r.RenewAfter.IsZero() && !now.Before(r.RenewAfter) {
		return true
	}
	return !r.Expiry.IsZero() && r.Expiry.Sub(now) <= earliness(r.Expiry.Sub(r.Saved), early)
}

// encode returns the record as text. Bytes that are no UTF-8, which JSON would
// replace, are [CodeBadConfig].
func (r *record) encode() (Secret, error) {
	for _, values := range []map[string]string{r.Header, r.Query, r.Cookie, {"": r.Renewal}} {
		for name, value := range values {
			if !utf8.ValidString(name) || !utf8.ValidString(value) {
				return Secret{}, Errorf(CodeBadConfig,
					"the credential has bytes that are not UTF-8, which cannot be stored")
			}
		}
	}
	text, err := json.Marshal(r)
	if err != nil { // a time beyond the year 9999
		r.Expiry, r.RenewAfter = time.Time{}, time.Time{}
		text, _ = json.Marshal(r)
	}
	return NewSecret(string(text)), nil
}

// decodeRecord reads what encode made. What it cannot be is [ErrDamaged]; a
// record of a later version is [CodeBadConfig].
func decodeRecord(text Secret) (*record, error) {
	var r record
	if json.Unmarshal([]byte(text.Reveal()), &r) != nil || r.Version < 1 || r.ID == "" {
		return nil, Errorf(CodeUnavailable, "%w: it is no record of ours", ErrDamaged)
	}
	if r.Version > recordVersion {
		return nil, errLaterRecord
	}
	return &r, nil
}

// chainOf returns the certificates of a PEM text, without keys.
func chainOf(text string) string {
	var b strings.Builder
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_ = pem.Encode(&b, block)
		}
	}
	return b.String()
}

func revealAll(in map[string]Secret) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	for name, value := range in {
		out[name] = value.Reveal()
	}
	return out
}

func hideAll(in map[string]string) map[string]Secret {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]Secret, len(in))
	for name, value := range in {
		out[name] = NewSecret(value)
	}
	return out
}
