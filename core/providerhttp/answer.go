package providerhttp

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
)

// AnswerError returns the error of an answer that is not a success: Denied for a
// refusal (400, 401, 403…), Unavailable for 408, 425, 429 and 5xx with the Retry-After
// of the answer, CodeBadConfig for a redirect, for 404 and 405, and for the OAuth
// error codes that other settings avoid. It reads body as JSON or as a form and shows
// its error code and its text: "error" and "error_description" (RFC 6749 §5.2), or
// the members that other servers use, such as "message". Both are shown as
// [core.Printable] allows it, up to 400 characters, and not where they repeat a part
// of one of the secrets. It returns nil for a status below 300.
func AnswerError(resp *http.Response, body []byte, secrets ...core.Secret) error {
	var from string
	if resp.Request != nil {
		from = core.OriginText(resp.Request.URL)
	}
	return AnswerErrorOf(from, resp, body, secrets...)
}

// AnswerErrorOf is [AnswerError] for a caller that names the endpoint itself: the
// error begins with endpoint, such as scheme, host and path of its URL. endpoint must
// not hold a secret.
func AnswerErrorOf(endpoint string, resp *http.Response, body []byte,
	secrets ...core.Secret) error {
	if resp.StatusCode < 300 {
		return nil
	}
	if endpoint != "" {
		endpoint += " "
	}
	e := &core.Error{Code: core.CodeDenied, RetryAfter: RetryAfter(resp.Header)}
	switch s := resp.StatusCode; {
	case s < 400:
		e.Code = core.CodeBadConfig
		e.Err = fmt.Errorf("%sredirects %s (%d); nothing was sent there", endpoint,
			redirectTarget(resp, secrets), s)
		return e
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly,
		s == http.StatusTooManyRequests, s >= 500:
		e.Code = core.CodeUnavailable
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		e.Code = core.CodeBadConfig
	default:
		e.RetryAfter = 0
	}
	object, _ := members.ReadAnswer(body) // a body of another kind says nothing
	e.Code = oauthCode(object.ErrorCode(), e.Code)
	e.Err = fmt.Errorf("%sanswers %d%s", endpoint, resp.StatusCode, answerText(object, secrets))
	if resp.StatusCode == http.StatusServiceUnavailable && e.Code == core.CodeUnavailable {
		e.Err = &transientError{e.Err}
	}
	return e
}

// redirectTarget returns where a redirect points, as "to https://host".
func redirectTarget(resp *http.Response, secrets []core.Secret) string {
	if loc, err := resp.Location(); err == nil {
		if place := shown(core.OriginText(loc), secrets); place != "" {
			return "to " + place
		}
	}
	return "elsewhere"
}

// oauthCode maps an error code (see [members.Object.ErrorCode]) of RFC 6749 §5.2 and
// §4.1.2.1, RFC 8628 §3.5, RFC 8707 §2, RFC 9449 §5 and OpenID Connect Core 1.0
// §3.1.2.6, and those of GitHub, Slack, Auth0 and Google that ask for the same.
func oauthCode(oauth string, otherwise core.Code) core.Code {
	switch oauth {
	case "invalid_client", "invalid_grant", "unauthorized_client", "access_denied":
		return core.CodeDenied
	case "unsupported_grant_type", "invalid_scope", "invalid_target", "invalid_request",
		"unsupported_response_type", "invalid_dpop_proof", "redirect_uri_mismatch",
		"device_flow_disabled":
		return core.CodeBadConfig
	case "temporarily_unavailable", "server_error", "slow_down", "authorization_pending",
		"use_dpop_nonce", "rate_limited", "rate_limit_exceeded",
		"too_many_requests", "too_many_attempts", "internal_failure", "internal_error",
		"internal_server_error", "fatal_error", "service_unavailable", "request_timeout":
		return core.CodeUnavailable
	case "interaction_required", "login_required", "consent_required",
		"account_selection_required", "expired_token", "mfa_required":
		return core.CodeInteractive
	}
	return otherwise
}

// answerText returns what an answer says about an error, to be put after its status.
func answerText(object members.Object, secrets []core.Secret) string {
	inner := object.Object("error")
	code := shown(cmp.Or(object.Text("error"), object.Text("errorCode"), object.Text("error_code"),
		inner.Text("status"), inner.Text("code")), secrets)
	text := shown(cmp.Or(object.Text("error_description"), inner.Text("message"),
		object.Text("message"), object.Text("errorSummary"), object.Text("detail"),
		object.Text("description"), object.Text("title")), secrets)
	switch {
	case code != "" && text != "":
		return ": " + code + " (" + text + ")"
	case code+text != "":
		return ": " + code + text
	}
	return ""
}

// shown returns what an error may say of foreign text.
func shown(s string, secrets []core.Secret) string {
	return core.Printable(s, maxShown, secrets...)
}

const maxShown = 400 // runes

// AnswerCode returns the code and a short text for an "error" and an
// "error_description" that came with a success status, as some servers do. It returns
// nil if body has no text for "error".
func AnswerCode(body []byte, secrets ...core.Secret) error {
	object, _ := members.ReadAnswer(body)
	if code := object.Text("error"); shown(code, secrets) != "" {
		return core.Errorf(oauthCode(object.ErrorCode(), core.CodeDenied), "the answer is an error%s",
			answerText(object, secrets))
	}
	return nil
}

// maxRetryAfter bounds what a server can make us wait.
const maxRetryAfter = time.Hour

// RetryAfter reads the Retry-After header (RFC 9110 §10.2.3), in seconds or as
// a date. It returns zero for none and for nonsense, and an hour at most.
func RetryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseUint(v, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(n, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(0, time.Until(at)), maxRetryAfter)
}
