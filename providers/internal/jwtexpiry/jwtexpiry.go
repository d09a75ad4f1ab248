// Package jwtexpiry reads when a token ends that is a JWT (RFC 7519), and decides until when to use
// it:
//
//	expiry, ended := jwtexpiry.Until(jwtexpiry.Of(token))
//
// It verifies nothing. All functions are safe for concurrent use.
package jwtexpiry

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strings"
	"time"
)

// maxYears is how far in the future a believable expiry is.
const maxYears = 30

// Of returns the time in the claim "exp" of a JWT (RFC 7519 §4.1.4): a hint when to look for
// another token. It returns zero if the token is not a JWT, has no such claim, or one that is not a
// believable time.
func Of(token string) time.Time {
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
	if latest := time.Now().AddDate(maxYears, 0, 0).Unix(); seconds <= 0 || seconds > float64(latest) {
		return time.Time{} // such as milliseconds
	}
	return time.Unix(int64(seconds), 0)
}

// Skew is how far the clocks of two machines may differ.
const Skew = 5 * time.Minute

// Until returns the time until which to use a credential that ends at a time. If that time has
// passed by less than [Skew], this machine's clock may be ahead: expiry is then that time plus
// Skew. If it has passed by more, ended is true and expiry is zero. The zero time means that the
// credential does not end; it is returned as it is.
func Until(at time.Time) (expiry time.Time, ended bool) {
	now := time.Now()
	switch last := at.Add(Skew); {
	case at.IsZero() || at.After(now):
		return at, false
	case last.After(now):
		return last, false
	}
	return time.Time{}, true
}
