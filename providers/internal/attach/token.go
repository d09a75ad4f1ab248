package attach

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"time"
)

// Token checks a token that goes into a header on its own: visible ASCII, as
// the b64token of RFC 6750 §2.1 and whatever else servers issue.
func Token(s string) error {
	if err := HeaderValue(s); err != nil {
		return err
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return errors.New("has a character that a token cannot hold")
		}
	}
	return nil
}

// TokenExpiry returns the time that the claim "exp" of a JWT (RFC 7519 §4.1.4)
// names. It verifies nothing: the time is a hint about when to look for
// another token, for whoever the token is for. Zero: the token is no JWT, has
// no such claim, or one that makes no sense.
func TokenExpiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expiry *float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Expiry == nil {
		return time.Time{}
	}
	seconds := math.Floor(*claims.Expiry)
	if latest := time.Now().AddDate(30, 0, 0).Unix(); seconds <= 0 || seconds > float64(latest) {
		return time.Time{} // milliseconds, or "for ever"
	}
	return time.Unix(int64(seconds), 0)
}

// Skew is how far the clocks of two machines may differ.
const Skew = 5 * time.Minute

// Expiry returns when to stop using a credential that says that it ends at a
// time: then, if that is yet to come. A time that has passed by less than
// [Skew] may be the fault of this machine's clock: the expiry is then that time
// plus Skew. If it has passed by more, over is true: the credential is of no
// use. The zero time, which is no end, is returned as it is.
func Expiry(at time.Time) (expiry time.Time, over bool) {
	now := time.Now()
	switch last := at.Add(Skew); {
	case at.IsZero() || at.After(now):
		return at, false
	case last.After(now):
		return last, false
	}
	return time.Time{}, true
}
