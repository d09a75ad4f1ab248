// Read on in text.go.

package core

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every formatter shows in the place of a secret.
const redacted = "REDACTED"

// Secret holds a string that must not be shown. It prints as REDACTED under
// fmt, slog, JSON, YAML, TOML and gob, also in an unexported field
// of another package's struct, because its only field is a pointer. Reveal is the only
// way to read it. The zero Secret is empty and prints as nothing.
//
// A Secret is immutable and safe for concurrent use. Compare with
// [Secret.Equal], not with ==.
type Secret struct{ p *string }

// NewSecret returns a Secret that holds s.
func NewSecret(s string) Secret {
	if s == "" {
		return Secret{}
	}
	return Secret{p: &s}
}

// Reveal returns the text. It is the only method that does.
func (s Secret) Reveal() string {
	if s.p == nil {
		return ""
	}
	return *s.p
}

// IsZero reports whether s is empty.
func (s Secret) IsZero() bool { return s.p == nil }

// Equal compares two secrets in a time that depends on their lengths only.
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String returns REDACTED, or "" for the zero Secret.
func (s Secret) String() string {
	if s.p == nil {
		return ""
	}
	return redacted
}

// Format writes what String returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue implements [slog.LogValuer].
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText returns REDACTED, or nothing for the zero Secret. The text
// cannot be recovered from the result.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets s to text.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// GobEncode returns what MarshalText returns.
func (s Secret) GobEncode() ([]byte, error) { return s.MarshalText() }

// GobDecode sets s to text.
func (s *Secret) GobDecode(text []byte) error { return s.UnmarshalText(text) }
