package providerhttp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// AnswerError says what an answer that is not a success means: Denied for a
// refusal (400, 401, 403, 404…), Unavailable for 408, 429 and 5xx with the
// Retry-After of the answer, CodeBadConfig for a redirect and for the OAuth error
// codes that settings can mend. Of body it uses "error" and
// "error_description" (RFC 6749 §5.2) as [core.Printable] lets them be shown:
// not where they repeat a part of one of the secrets given.
// It returns nil for a status below 300.
func AnswerError(resp *http.Response, body []byte, secrets ...core.Secret) error {
	if resp.StatusCode < 300 {
		return nil
	}
	e := &core.Error{Code: core.CodeDenied, RetryAfter: RetryAfter(resp.Header)}
	var from string
	if resp.Request != nil {
		from = core.OriginText(resp.Request.URL) + " "
	}
	code, text := oauthError(body, secrets)
	switch s := resp.StatusCode; {
	case s < 400:
		e.Code = core.CodeBadConfig
		to := "elsewhere"
		if loc, err := resp.Location(); err == nil {
			if place := shown(core.OriginText(loc), secrets); place != "" {
				to = "to " + place
			}
		}
		e.Err = fmt.Errorf("%sredirects %s (%d); nothing was sent there", from, to, s)
		return e
	case s == http.StatusRequestTimeout, s == http.StatusTooEarly,
		s == http.StatusTooManyRequests, s >= 500:
		e.Code = core.CodeUnavailable
	case s == http.StatusNotFound || s == http.StatusMethodNotAllowed:
		e.Code = core.CodeBadConfig
	default:
		e.RetryAfter = 0
	}
	e.Code = oauthCode(code, e.Code)
	e.Err = fmt.Errorf("%sanswers %d%s", from, resp.StatusCode, text)
	if resp.StatusCode == http.StatusServiceUnavailable && e.Code == core.CodeUnavailable {
		e.Err = &passing{e.Err}
	}
	return e
}

// oauthCode maps an "error" of RFC 6749 §5.2 and §4.1.2.1, RFC 8628 §3.5, RFC
// 8707 §2, RFC 9449 §5 and OpenID Connect Core 1.0 §3.1.2.6.
func oauthCode(oauth string, otherwise core.Code) core.Code {
	switch oauth {
	case "invalid_client", "invalid_grant", "unauthorized_client", "access_denied":
		return core.CodeDenied
	case "unsupported_grant_type", "invalid_scope", "invalid_target", "invalid_request",
		"unsupported_response_type", "invalid_dpop_proof":
		return core.CodeBadConfig
	case "temporarily_unavailable", "server_error", "slow_down", "authorization_pending",
		"use_dpop_nonce":
		return core.CodeUnavailable
	case "interaction_required", "login_required", "consent_required",
		"account_selection_required", "expired_token":
		return core.CodeInteractive
	}
	return otherwise
}

func oauthError(body []byte, secrets []core.Secret) (code, text string) {
	var doc struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return "", ""
	}
	code = shown(doc.Error, secrets)
	if code != "" {
		text = ": " + code
		if d := shown(doc.Description, secrets); d != "" {
			text += " (" + d + ")"
		}
	}
	return code, text
}

// shown returns what an error may say of foreign text.
func shown(s string, secrets []core.Secret) string {
	return core.Printable(s, maxShown, secrets...)
}

const maxShown = 200 // runes

// AnswerCode returns the code and a short text for an "error" and an
// "error_description" that came with a success status, as some servers do.
func AnswerCode(body []byte, secrets ...core.Secret) error {
	code, text := oauthError(body, secrets)
	if code == "" {
		return nil
	}
	return core.Errorf(oauthCode(code, core.CodeDenied), "the answer is an error%s", text)
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
