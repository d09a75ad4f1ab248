// The error code of an answer, whatever the server calls it.
//
// This is the last file.

package members

import (
	"slices"
	"strings"
)

// maxErrorCode is the size in bytes of the longest error code that is read.
const maxErrorCode = 60

// sameErrorCodes are the codes of servers that mean the same as a registered code of OAuth.
var sameErrorCodes = map[string]string{
	"incorrect_client_credentials": "invalid_client",         // GitHub
	"incorrect_device_code":        "invalid_grant",          // GitHub
	"bad_refresh_token":            "invalid_grant",          // GitHub
	"bad_verification_code":        "invalid_grant",          // GitHub, Entra
	"bad_client_secret":            "invalid_client",         // Slack
	"bad_client_id":                "invalid_client",         // Slack
	"invalid_client_id":            "invalid_client",         // Slack
	"invalid_refresh_token":        "invalid_grant",          // Slack
	"invalid_code":                 "invalid_grant",          // Slack
	"invalid_grant_type":           "unsupported_grant_type", // Slack
	"no_scopes":                    "invalid_scope",          // Slack
	"bad_redirect_uri":             "redirect_uri_mismatch",  // Slack, as GitHub and Google say it
	"ratelimited":                  "rate_limit_exceeded",    // Slack, as Google says it
	"deleted_client":               "invalid_client",         // Google
	"disabled_client":              "invalid_client",         // Google
	"invalid_resource":             "invalid_target",         // Entra
	"authorization_declined":       "access_denied",          // Entra
}

// Codes that a message may have instead.
var (
	// messageCodes are those that it may begin with, as words.
	messageCodes = []string{
		"invalid_client", "invalid_grant", "invalid_scope", "unauthorized_client",
	}
	// deviceCodes are those that it may be, to the letter.
	deviceCodes = []string{"authorization_pending", "slow_down", "expired_token", "access_denied"}
)

// ErrorCode returns the error code of an answer that is an error (RFC 6749 §5.2); "" if it has
// none. Some servers write it in another member than "error": in "errorCode" (Okta), in
// "error_code" (Google), or in "message" (Twitch: "authorization_pending", "invalid client
// secret"). For a code that means the same as a registered one, ErrorCode returns the registered
// one. A text that does not look like a code, such as the "Forbidden" of web frameworks, does not
// count.
func (o Object) ErrorCode() string {
	for _, name := range []string{"error", "errorCode", "error_code"} {
		code := o.Text(name)
		if same, ok := sameErrorCodes[code]; ok {
			return same
		}
		if isErrorCode(code) {
			return code
		}
	}
	message := o.Text("message")
	if slices.Contains(deviceCodes, message) {
		return message
	}
	words := strings.Join(strings.Fields(strings.ToLower(message)), "_") + "_"
	for _, code := range messageCodes {
		if strings.HasPrefix(words, code+"_") {
			return code
		}
	}
	return ""
}

// isErrorCode reports whether s looks like a code of the registry of OAuth errors: words in lower
// case that are joined by underscores.
func isErrorCode(s string) bool {
	return len(s) <= maxErrorCode && strings.Contains(s, "_") &&
		strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
