package providerhttp

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Lifetime is how long a credential is valid, as the expires_in of OAuth (RFC 6749 §5.1)
// says. In JSON it is a number of seconds or a string with one, with or without a
// fraction. Zero means that the server did not say; so do values that cannot be a
// lifetime.
type Lifetime time.Duration

// maxLifetime is the longest lifetime. A longer one counts as this.
const maxLifetime = 10 * 365 * 24 * time.Hour

// ParseLifetime reads seconds from a text. It returns at most ten years, at least
// a second for a fraction of one, and 0 for what cannot be a lifetime.
func ParseLifetime(text string) Lifetime {
	text = strings.TrimSpace(text)
	seconds, err := strconv.ParseFloat(text, 64)
	switch {
	case math.IsInf(seconds, 1) && text != "" && text[0] >= '0' && text[0] <= '9':
		return Lifetime(maxLifetime) // a number too large for a float64
	case err != nil || math.IsNaN(seconds) || math.IsInf(seconds, 0) || seconds <= 0:
		return 0
	}
	whole := max(1, int64(min(seconds, maxLifetime.Seconds())))
	return Lifetime(time.Duration(whole) * time.Second)
}

// UnmarshalJSON reads a number or a string. It never fails: other values are 0.
func (l *Lifetime) UnmarshalJSON(b []byte) error {
	*l = ParseLifetime(strings.Trim(string(b), `"`))
	return nil
}

// Expiry returns the time l from now. For 0 it returns the zero time, which means that
// there is no expiry.
func (l Lifetime) Expiry() time.Time {
	if l <= 0 {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(l))
}

// Authorization returns the credential that puts a scheme, such as Bearer, and a
// token into the Authorization header (RFC 9110 §11.6.2) and ends with lifetime.
// The error is [core.CodeUnavailable] if token is empty or has characters that may
// not be sent, as a server can answer with anything.
func Authorization(scheme string, token core.Secret, lifetime Lifetime) (core.Credential, error) {
	text := token.Reveal()
	if text == "" {
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "the answer has no token")
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		err := core.Errorf(core.CodeUnavailable,
			"the answer's token has characters that may not be sent")
		return core.Credential{}, err
	}
	cred := core.Credential{Expiry: lifetime.Expiry()}
	value := core.NewSecret(scheme + " " + text)
	cred.Attach.Header = map[string]core.Secret{"Authorization": value}
	return cred, nil
}
