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
// omitted: they stay where the provider has them, such as a hardware token. The
// names of the JSON fields are part of what is stored and never change.
type record struct {
	Version        int               `json:"version"`
	ID             string            `json:"id"` // new each time that it is saved
	Saved          time.Time         `json:"saved"`
	Identity       *identity         `json:"identity,omitempty"`  // nil: of an old version
	AllowedOrigins []string          `json:"bound,omitempty"`     // empty: callers name them
	Refused        bool              `json:"refused,omitempty"`   // by the API and by the issuer
	SignedIn       bool              `json:"signed_in,omitempty"` // a person signed in for it
	Header         map[string]string `json:"header,omitempty"`
	Query          map[string]string `json:"query,omitempty"`
	Cookie         map[string]string `json:"cookie,omitempty"`
	Cert           string            `json:"cert,omitempty"`
	KeyOmitted     bool              `json:"key_held,omitempty"` // Cert had a private key
	Roots          string            `json:"roots,omitempty"`
	RefreshState   string            `json:"renewal,omitempty"`
	Expiry         time.Time         `json:"expiry,omitzero"`
	RenewAfter     time.Time         `json:"renew_after,omitzero"`
	Origins        []string          `json:"origins,omitempty"`
	Subject        string            `json:"subject,omitempty"`
	Attributes     map[string]string `json:"attributes,omitempty"`
	Digests        []crypto.Hash     `json:"body_digests,omitempty"` // Credential.Body
	RawBody        int64             `json:"body_raw,omitempty"`
}

var (
	// errLaterVersion marks a record that this program cannot read. The record is
	// valid, and another program may use it: it is not overwritten.
	errLaterVersion       = errors.New("was saved by a later version of this program's authsession")
	errLaterVersionRecord = Errorf(CodeBadConfig, "the stored credential %w", errLaterVersion)
	// errOtherSession marks a record that is not this session's.
	errOtherSession = errors.New("belongs to another session")
)

// identity says to which session a record belongs. Two programs may use the same
// key of one store by accident. Each would otherwise send the other's credential
// to its own API.
type identity struct {
	Kind        string `json:"kind,omitempty"`
	Environment string `json:"environment,omitempty"`
	Scope       string `json:"scope,omitempty"`
}

// String returns the parts in which sessions of one key may differ.
func (i identity) String() string {
	return fmt.Sprintf("kind %q, environment %q, scope %q", i.Kind, i.Environment, i.Scope)
}

// recordVersion is the version that this program writes, and the only one so far.
const recordVersion = 1

// newRecord makes a record of a credential. It does not say to which session the
// record belongs: see stored.recordOf.
func newRecord(c Credential) *record {
	r := &record{
		Version: recordVersion, ID: rand.Text(), Saved: time.Now(),
		Header: revealSecrets(c.Attach.Header), Query: revealSecrets(c.Attach.Query),
		Cookie: revealSecrets(c.Attach.Cookie),
		Roots:  c.Attach.Roots, RefreshState: c.RefreshState.Reveal(),
		Expiry: c.Expiry, RenewAfter: c.RenewAfter,
		Origins: c.Origins, Subject: c.Subject, Attributes: c.Attributes,
	}
	if c.Body != nil {
		r.Digests, r.RawBody = c.Body.Digests, c.Body.Raw
	}
	cert := c.Attach.Cert.Reveal()
	r.Cert, r.KeyOmitted = certificatesOf(cert), hasPrivateKey([]byte(cert))
	return r
}

// credential returns the credential that the record was made from, without a
// private key that was omitted.
func (r *record) credential() Credential {
	c := Credential{
		Attach: Attachment{
			Header: newSecrets(r.Header), Query: newSecrets(r.Query), Cookie: newSecrets(r.Cookie),
			Cert: NewSecret(r.Cert), Roots: r.Roots,
		},
		RefreshState: NewSecret(r.RefreshState), Expiry: r.Expiry, RenewAfter: r.RenewAfter,
		Origins: r.Origins, Subject: r.Subject, Attributes: r.Attributes,
	}
	if len(r.Digests) > 0 || r.RawBody != 0 {
		c.Body = &BodyNeeds{Digests: r.Digests, Raw: r.RawBody}
	}
	return c
}

// isComplete reports whether the record is a usable credential. If the private
// key was omitted, it is one only for a session whose current credential has the
// same certificate, and so the key.
func (r *record) isComplete(current *credential) bool {
	if !r.KeyOmitted {
		return true
	}
	if current == nil {
		return false
	}
	cert := current.cred.Attach.Cert.Reveal()
	return hasPrivateKey([]byte(cert)) && certificatesOf(cert) == r.Cert
}

// containsSecret reports whether the record would put secret on a request: as a
// value, or after the scheme of an Authorization header. A program that reports a
// refused token knows only the token.
func (r *record) containsSecret(secret Secret) bool {
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

// isStale reports whether the process that saved the credential would renew it
// now. It also does if the clock has been set back since, by more than clocks
// usually differ: Expiry then tells nothing.
func (r *record) isStale(now time.Time, early time.Duration) bool {
	// The record was saved in the future.
	if r.Saved.Sub(now) > maxEarly {
		return true
	}
	if !r.RenewAfter.IsZero() && !now.Before(r.RenewAfter) {
		return true
	}
	return !r.Expiry.IsZero() && r.Expiry.Sub(now) <= earliness(r.Expiry.Sub(r.Saved), early)
}

// encode returns the record as text. JSON would replace bytes that are not UTF-8,
// and what is loaded later would be another secret: that is [CodeBadConfig].
func (r *record) encode() (Secret, error) {
	for _, values := range []map[string]string{r.Header, r.Query, r.Cookie, {"": r.RefreshState}} {
		for name, value := range values {
			if !utf8.ValidString(name) || !utf8.ValidString(value) {
				return Secret{}, Errorf(CodeBadConfig,
					"the credential has bytes that are not UTF-8, which cannot be stored")
			}
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		// JSON has no times beyond the year 9999. Such a credential does not
		// expire.
		r.Expiry, r.RenewAfter = time.Time{}, time.Time{}
		text, _ = json.Marshal(r)
	}
	return NewSecret(string(text)), nil
}

// decodeRecord reads what encode wrote. A text that encode cannot have written is
// [ErrDamaged]; a record of a later version is [CodeBadConfig].
func decodeRecord(text Secret) (*record, error) {
	var r record
	if json.Unmarshal([]byte(text.Reveal()), &r) != nil || r.Version < 1 || r.ID == "" {
		return nil, Errorf(CodeUnavailable, "%w: it is no record of ours", ErrDamaged)
	}
	// The rest of such a record may mean something else.
	if r.Version > recordVersion {
		return nil, errLaterVersionRecord
	}
	return &r, nil
}

// certificatesOf returns the certificates of a PEM text, without keys.
func certificatesOf(text string) string {
	var b strings.Builder
	for block, rest := pem.Decode([]byte(text)); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			_ = pem.Encode(&b, block)
		}
	}
	return b.String()
}

// revealSecrets returns the values in clear, or nil for none.
func revealSecrets(in map[string]Secret) map[string]string {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]string, len(in))
	for name, value := range in {
		out[name] = value.Reveal()
	}
	return out
}

// newSecrets is the opposite of revealSecrets.
func newSecrets(in map[string]string) map[string]Secret {
	if len(in) == 0 {
		return nil
	}
	out := make(map[string]Secret, len(in))
	for name, value := range in {
		out[name] = NewSecret(value)
	}
	return out
}
