package providerhttp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/stretchr/testify/require"
)

// TestAnswerText checks that the words of a server are shown, wherever it puts them.
func TestAnswerText(t *testing.T) {
	remedy := strings.Repeat("because ", 45) + "ask the administrator"
	for name, tt := range map[string]struct {
		status int
		body   string
		code   core.Code
		want   string
	}{
		"RFC 6749": {400, `{"error":"e_x","error_description":"why"}`, core.CodeDenied, ": e_x (why)"},
		"long":     {400, `{"error":"e_x","error_description":"` + remedy + `"}`, core.CodeDenied, remedy + ")"},
		"mark":     {400, "\ufeff" + `{"error":"invalid_scope"}`, core.CodeBadConfig, ": invalid_scope"},
		"form":     {400, `error=authorization_pending&error_description=a+b`, core.CodeUnavailable, "pending (a b)"},
		"list for a text": {400, `{"error":"invalid_scope","error_description":["a"]}`, core.CodeBadConfig,
			": invalid_scope"},
		"Twitch": {
			400,
			`{"status":400,"message":"Invalid refresh token"}`,
			core.CodeDenied,
			": Invalid refresh token",
		},
		"Google APIs": {
			403,
			`{"error":{"code":403,"message":"why","status":"PERMISSION_DENIED"}}`,
			core.CodeDenied,
			": PERMISSION_DENIED (why)",
		},
		"Okta APIs": {
			401,
			`{"errorCode":"E0000011","errorSummary":"Invalid token"}`,
			core.CodeDenied,
			": E0000011 (Invalid token)",
		},
		"problem": {403, `{"title":"Forbidden","detail":"no"}`, core.CodeDenied, "answers 403: no"},
		"a page":  {400, `<p>error=x</p>`, core.CodeDenied, "answers 400"},
	} {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse("https://login.example.com/token?key=1")
			require.NoError(t, err)
			resp := &http.Response{
				StatusCode: tt.status,
				Header:     http.Header{},
				Request:    &http.Request{URL: u},
			}
			err = providerhttp.AnswerError(resp, []byte(tt.body), core.NewSecret("canary-value"))
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, "https://login.example.com answers")
			require.ErrorContains(t, err, tt.want)
			err = providerhttp.AnswerErrorOf("https://a/b", resp, []byte(tt.body))
			require.ErrorContains(t, err, "https://a/b answers ")
		})
	}
	require.NoError(t, providerhttp.AnswerErrorOf("x", &http.Response{StatusCode: 200}, nil))
}
