// A likely cause of refused proofs and assertions: this machine's clock.
//
// Read on in send.go.

package grant

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/authsession/authsession/core"
)

// minClockError is the least difference of two clocks that an error mentions. The Date of an answer
// has whole seconds, rounded down.
const minClockError = time.Second

// likelyClockError is the difference that is the likely cause. Servers accept proofs that are some
// seconds to minutes old (RFC 9449 §11.1), but some accept none from their future.
const likelyClockError = 10 * time.Second

// withClockError adds to the refusal of a proof or an assertion how far this machine's clock
// differs from the Date of the answer. Proofs and assertions contain the time at which they were
// made. form is the refused request.
func withClockError(err error, form url.Values, answer http.Header) error {
	var e *core.Error
	proof := ErrorCode(err, "invalid_dpop_proof")
	assertion := form.Has("client_assertion") && ErrorCode(err, "invalid_client") ||
		form.Has("assertion") && ErrorCode(err, "invalid_grant")
	if !proof && !assertion || !errors.As(err, &e) {
		return err
	}
	date, parseErr := http.ParseTime(answer.Get("Date"))
	if parseErr != nil {
		if proof { // an assertion is refused for many other reasons
			e.Err = fmt.Errorf("%w; is this machine's clock right?", e.Err)
		}
		return err
	}
	off, side := time.Since(date).Truncate(time.Second), "ahead of"
	if time.Since(date) < 0 {
		off, side = time.Until(date).Round(time.Second), "behind"
	}
	cause := "a possible cause"
	if off > likelyClockError {
		cause = "the likely cause"
	}
	if off >= minClockError {
		e.Err = fmt.Errorf("%w; %s: this machine's clock is %v %s the server's", e.Err, cause, off, side)
	}
	return err
}
