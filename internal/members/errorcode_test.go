package members_test

import (
	"strings"
	"testing"

	"github.com/authsession/authsession/internal/members"
	"github.com/stretchr/testify/require"
)

func TestErrorCode(t *testing.T) {
	for body, want := range map[string]string{
		`{"error":"invalid_grant"}`:                                              "invalid_grant",
		`{"error":"server_of_its_own"}`:                                          "server_of_its_own",
		`{"error":"bad_client_id"}`:                                              "invalid_client",
		`{"error":"bad_refresh_token"}`:                                          "invalid_grant",
		`{"error":"deleted_client"}`:                                             "invalid_client",
		`{"ok":false,"error":"ratelimited"}`:                                     "rate_limit_exceeded",
		`{"errorCode":"invalid_client","errorSummary":"Invalid value"}`:          "invalid_client",
		`{"errorCode":"E0000047"}`:                                               "",
		`{"error_code":"rate_limit_exceeded"}`:                                   "rate_limit_exceeded",
		`{"error":"Bad Request","status":400,"message":"Invalid refresh token"}`: "",
		`{"error":"Bad Request","status":400,"message":"authorization_pending"}`: "authorization_pending",
		`{"status":400,"message":"invalid client"}`:                              "invalid_client",
		`{"status":403,"message":"invalid client secret"}`:                       "invalid_client",
		`{"status":400,"message":"Invalid  Scope requested: 'x'"}`:               "invalid_scope",
		`{"message":"unauthorized client"}`:                                      "unauthorized_client",
		`{"message":"invalid clients"}`:                                          "",
		`{"message":"the invalid client"}`:                                       "",
		`{"message":"Access denied"}`:                                            "",
		`{"message":"access_denied"}`:                                            "access_denied",
		`{"message":"Invalid request body"}`:                                     "",
		`{"message":"some_code"}`:                                                "",
		`{"error":"Forbidden"}`:                                                  "",
		`{"error":"forbidden"}`:                                                  "",
		`{"error":"invalid grant"}`:                                              "",
		`{"error":"Invalid_Grant"}`:                                              "",
		`{"error":5,"message":["invalid client"]}`:                               "",
		`{"error":{"code":"invalid_grant"}}`:                                     "",
		`{"error":"` + strings.Repeat("a_", 31) + `"}`:                           "",
		`{"error":"","error_code":"invalid_grant"}`:                              "invalid_grant",
		`{"error":"invalid_grant","errorCode":"invalid_client"}`:                 "invalid_grant",
		`{"error":"invalid_request","message":"invalid client"}`:                 "invalid_request",
		`{}`: "",
	} {
		object, err := members.Read([]byte(body))
		require.NoError(t, err)
		require.Equal(t, want, object.ErrorCode(), body)
	}
	require.Empty(t, members.Object(nil).ErrorCode())
}
