// What a refusal means, and what its error says.
//
// Read on in answer.go.

package grant

import (
	"errors"
	"net/http"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
)

// refusalError is the cause of the error of such an answer.
type refusalError struct {
	error
	code    string // its error code (see [members.Object.ErrorCode]); empty: none
	status  int    // its status; zero: one of success
	unclear bool   // see Unclear
}

// Unwrap returns the cause.
func (e *refusalError) Unwrap() error { return e.error }

// withRefusal adds what an answer says to err, which its callers have made. It changes err.
func withRefusal(err error, what refusalError) error {
	var e *core.Error
	if errors.As(err, &e) {
		if !slices.Contains(errorCodes, what.code) {
			what.code = ""
		}
		what.error = e.Err
		e.Err = &what
	}
	return err
}

// errorCodes are the codes that [ErrorCode] knows. No other text is kept, as a server may send
// anything.
var errorCodes = append([]string{
	"invalid_grant", "invalid_request", "invalid_scope", "invalid_target",
	"unsupported_grant_type", "unsupported_token_type",
	"use_dpop_nonce", "invalid_dpop_proof",
	"authorization_pending", "slow_down", "expired_token", "access_denied",
	"redirect_uri_mismatch",
}, clientCodes...)

// clientCodes are the codes that refuse the client.
var clientCodes = []string{"invalid_client", "unauthorized_client"} // RFC 6749 §5.2

// ErrorCode reports whether err is an error answer of the server whose error code is one of
// codes, or one of the server's own that means the same (see [members.Object.ErrorCode]). It
// knows the codes of RFC 6749 §5.2, those of DPoP (RFC 9449 §5, §8), of revocation (RFC 7009
// §2.2.1), of the device authorization grant (RFC 8628 §3.5), invalid_target (RFC 8707 §2),
// redirect_uri_mismatch (GitHub, Google), and those of [ClientRefused].
func ErrorCode(err error, codes ...string) bool {
	var e *refusalError
	return errors.As(err, &e) && e.code != "" && slices.Contains(codes, e.code)
}

// ClientRefused reports whether err is an answer that refuses the client, whatever it presented:
// another sign-in or another refresh token would be refused as well.
func ClientRefused(err error) bool {
	var e *refusalError
	return errors.As(err, &e) && RefusesClient(e.code, e.status)
}

// RefusesClient reports whether an answer with an error code and a status refuses the client. The
// token endpoint of Auth0 says access_denied to a wrong secret, with the status of invalid_client.
func RefusesClient(code string, status int) bool {
	return slices.Contains(clientCodes, code) ||
		code == "access_denied" && status == http.StatusUnauthorized
}

// Unclear reports whether err is an answer that does not say that the server refuses what the
// request presented: a page, or a status that a gateway in between gives as well. Its code is
// Unavailable.
func Unclear(err error) bool {
	var e *refusalError
	return errors.As(err, &e) && e.unclear
}

// refusalOf completes the error of an answer whose status is an error. An answer with status 400
// or 401 and an empty or a JSON body, and one with an OAuth error code, refuses what was
// presented: servers say so in many ways. Any other 4xx is unclear, and so is a page. 404 and 405
// are unclear if the request renews, as the endpoint has answered before; otherwise the address
// is wrong.
func refusalOf(err error, status int, body []byte, refreshes bool) error {
	object, readErr := members.ReadAnswer(body)
	code := object.ErrorCode()
	what := refusalError{code: code, status: status}
	switch {
	case status < 400 || status >= 500 || status == http.StatusRequestTimeout ||
		status == http.StatusTooEarly || status == http.StatusTooManyRequests:
	case status == http.StatusBadRequest || status == http.StatusUnauthorized:
		what.unclear = errors.Is(readErr, members.ErrInvalid)
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		what.unclear = refreshes && code == ""
	default:
		what.unclear = code == ""
	}
	var e *core.Error
	if what.unclear && errors.As(err, &e) {
		e.Code = core.CodeUnavailable
	}
	return withRefusal(err, what)
}
