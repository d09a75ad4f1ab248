package grant

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/authsession/authsession/core"
)

// tolerance is how far two clocks may differ before that is worth a word.
// Servers take proofs of the last few seconds to minutes (RFC 9449 §11.1).
const tolerance = 10 * time.Second

// doubtClock adds to the refusal of a proof or an assertion, which hold the
// time at which they were made, what the Date of the answer says about this
// machine's clock. form is what was refused.
func doubtClock(err error, form url.Values, answer http.Header) error {
	var e *core.Error
	proof := ErrorCode(err, "invalid_dpop_proof")
	assertion := form.Has("client_assertion") && ErrorCode(err, "invalid_client") || form.Has("assertion") && ErrorCode(err, "invalid_grant")
	if !proof && !assertion || !errors.As(err, &e) {
		return err
	}
	date, parseErr := http.ParseTime(answer.Get("Date"))
	if parseErr != nil {
		if proof { // an assertion is refused for many reasons
			e.Err = fmt.Errorf("%w; is this machine's clock right?", e.Err)
		}
		return err
	}
	off, side := time.Since(date).Round(time.Second), "ahead of"
	if off < 0 {
		off, side = -off, "behind"
	}
	if off > tolerance {
		e.Err = fmt.Errorf("%w; the likely cause: this machine's clock is %v %s the server's", e.Err, off, side)
	}
	return err
}
