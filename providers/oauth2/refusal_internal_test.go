package oauth2

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

// answers is a transport that gives one answer.
type answers struct {
	status int
	kind   string
	body   string
}

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: a.status, Header: http.Header{"Content-Type": {a.kind}},
		Body: io.NopCloser(strings.NewReader(a.body))}, nil
}

// renewed returns the error of a renewal that a grant makes, and of the request that may follow.
func renewed(t *testing.T, name string, a answers) error {
	t.Helper()
	cfg := Config{Grant: name, TokenURL: "https://login.example.com/token?key=hidden", ClientID: "app",
		RefreshToken: core.NewSecret("w0xcanaryq9")}
	meta := &metadata{TokenEndpoint: cfg.TokenURL}
	conn := &connection{cfg: &cfg, meta: meta, client: &grant.Client{TokenURL: cfg.TokenURL, ID: "app",
		AuthMethod: cfg.authMethod(), HTTP: &http.Client{Transport: a}}}
	g := grantNamed(name)
	conn.client.Advice = adviser(g, conn)
	_, err := g.renew(t.Context(), conn, core.NewSecret("kq7zcanaryz1"),
		func() (grant.Token, error) { return g.request(t.Context(), conn, nil) })
	require.NotContains(t, err.Error(), "canary")
	require.NotContains(t, err.Error(), "hidden")
	return err
}

// TestDocumentedRefusals has the refusals of a refresh token, and of a client, that servers document.
func TestDocumentedRefusals(t *testing.T) {
	const denied, interactive, later = core.CodeDenied, core.CodeInteractive, core.CodeUnavailable
	const jsonType, html = "application/json", "text/html"
	for name, tt := range map[string]struct {
		answer           answers
		program, persons core.Code // of a program's grant, and of one that a person takes part in
		text             string
	}{
		"Hydra, token": {answers{400, jsonType, `{"error":"invalid_grant","error_description":"The provided authorization grant (e.g., authorization code, resource owner credentials) or refresh token is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client. The refresh token has not been found: not_found"}`},
			denied, interactive, "has not been found: not_found)"},
		"Hydra, client": {answers{401, jsonType, `{"error":"invalid_client","error_description":"Client authentication failed (e.g., unknown client, no client authentication included, or unsupported authentication method)."}`},
			denied, denied, "check client_id"},
		"Keycloak, token": {
			answers{400, jsonType, `{"error":"invalid_grant","error_description":"Token is not active"}`},
			denied,
			interactive,
			"Token is not active",
		},
		"Keycloak, client": {
			answers{401, jsonType, `{"error":"unauthorized_client","error_description":"Invalid client or Invalid client credentials"}`},
			denied,
			denied,
			"check that the client may use this grant",
		},
		"Entra, token": {
			answers{400, jsonType, `{"error":"invalid_grant","error_description":"AADSTS700082: The refresh token has expired due to inactivity.","error_codes":[700082],"timestamp":"2026-01-01 00:00:00Z"}`},
			denied,
			interactive,
			"AADSTS700082",
		},
		"Entra, consent": {
			answers{400, jsonType, `{"error":"interaction_required","error_description":"AADSTS50079"}`},
			interactive,
			interactive,
			"AADSTS50079",
		},
		"Entra, client": {
			answers{401, jsonType, `{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`},
			denied,
			denied,
			"AADSTS7000215",
		},
		"Okta, token": {
			answers{400, jsonType, `{"error":"invalid_grant","error_description":"The refresh token is invalid or expired."}`},
			denied,
			interactive,
			"invalid or expired",
		},
		"Okta, busy": {
			answers{429, jsonType, `{"errorCode":"E0000047","errorSummary":"API call exceeded rate limit due to too many requests."}`},
			later,
			later,
			"E0000047 (API call exceeded",
		},
		"Auth0, token": {
			answers{403, jsonType, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`},
			denied,
			interactive,
			"Unknown or invalid",
		},
		"Auth0, client": {
			answers{401, jsonType, `{"error":"access_denied","error_description":"Unauthorized"}`},
			denied,
			interactive,
			"access_denied",
		},
		"Auth0, attempts": {
			answers{429, jsonType, `{"error":"too_many_attempts","error_description":"wait"}`},
			later,
			later,
			"too_many_attempts",
		},
		"Google, token": {
			answers{400, jsonType, `{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`},
			denied,
			interactive,
			"expired or revoked",
		},
		"Google, client": {
			answers{401, jsonType, `{"error":"deleted_client","error_description":"The OAuth client was deleted."}`},
			denied,
			denied,
			"was deleted",
		},
		"Google, broken": {answers{500, jsonType, `{"error":"internal_failure"}`}, later, later, "internal_failure"},
		"GitHub, token": {
			answers{200, jsonType, `{"error":"bad_refresh_token","error_description":"The refresh token passed is incorrect or expired.","error_uri":"https://docs.github.com"}`},
			denied,
			interactive,
			"incorrect or expired",
		},
		"GitHub, client": {
			answers{200, "application/x-www-form-urlencoded", `error=incorrect_client_credentials&error_description=The+client_id+and%2For+client_secret+passed+are+incorrect.`},
			denied,
			denied,
			"passed are incorrect",
		},
		"Slack, token": {
			answers{200, jsonType, `{"ok":false,"error":"invalid_refresh_token"}`},
			denied,
			interactive,
			"invalid_refresh_token",
		},
		"Slack, client": {
			answers{200, jsonType, `{"ok":false,"error":"bad_client_secret"}`},
			denied,
			denied,
			"bad_client_secret",
		},
		"Slack, busy": {answers{200, jsonType, `{"ok":false,"error":"ratelimited"}`}, later, later, "ratelimited"},
		"Slack, broken": {
			answers{200, jsonType, `{"ok":false,"error":"internal_error"}`},
			later,
			later,
			"internal_error",
		},
		"Twitch, token": {
			answers{400, jsonType, `{"error":"Bad Request","status":400,"message":"Invalid refresh token"}`},
			denied,
			interactive,
			"Invalid refresh token",
		},
		"Twitch, client": {
			answers{403, jsonType, `{"status":403,"message":"invalid client secret"}`},
			later,
			later,
			"invalid client secret",
		},
		"empty 400":      {answers{400, "", ``}, denied, interactive, "answers 400"},
		"empty 401":      {answers{401, "", ``}, denied, interactive, "answers 401"},
		"other JSON":     {answers{400, jsonType, `{"code":7}`}, denied, interactive, "answers 400"},
		"page 400":       {answers{400, html, `<html>`}, later, later, "a gateway or a proxy"},
		"page 401":       {answers{401, html, `<html>`}, later, later, "a gateway or a proxy"},
		"page 403":       {answers{403, html, `<html>`}, later, later, "a gateway or a proxy"},
		"page 404":       {answers{404, html, `<html>`}, later, later, "a gateway or a proxy"},
		"empty 403":      {answers{403, "", ``}, later, later, "a gateway or a proxy"},
		"framework 403":  {answers{403, jsonType, `{"status":403,"error":"Forbidden"}`}, later, later, "Forbidden"},
		"413":            {answers{413, "text/plain", `too large`}, later, later, "answers 413"},
		"451 JSON":       {answers{451, jsonType, `{"message":"blocked"}`}, later, later, "blocked"},
		"half an object": {answers{400, jsonType, `{"error":"temporarily_una`}, later, later, "answers 400"},
		"error object":   {answers{200, jsonType, `{"error":{"message":"x"}}`}, later, later, "is an error"},
	} {
		t.Run(name, func(t *testing.T) {
			for grantName, want := range map[string]core.Code{
				ClientCredentials: tt.program, AuthorizationCode: tt.persons, DeviceCode: tt.persons,
				RefreshToken: tt.program,
			} {
				err := renewed(t, grantName, tt.answer)
				if grantName == ClientCredentials && name == "error object" {
					continue // the refresh token was refused in no words; see TestAnswers
				}
				require.Equal(t, want, core.CodeOf(err), "%s: %v", grantName, err)
				require.ErrorContains(t, err, "https://login.example.com/token")
				require.ErrorContains(t, err, tt.text)
				require.ErrorContains(t, err, ", client_auth none)")
			}
		})
	}
}

func TestUnclearAnswersInARow(t *testing.T) {
	for name, tt := range map[string]struct {
		grant string
		want  core.Code
	}{
		"a person": {AuthorizationCode, core.CodeInteractive},
		"a device": {DeviceCode, core.CodeInteractive},
		"program":  {ClientCredentials, core.CodeDenied},
		"token":    {RefreshToken, core.CodeDenied},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				page := renewed(t, tt.grant, answers{403, "text/html", "<html>"})
				var u unclearAnswers
				g := grantNamed(tt.grant)
				judge := func(err error) core.Code { return core.CodeOf(u.judge(err, g)) }
				for range 5 {
					require.Equal(t, core.CodeUnavailable, judge(page), "within a minute")
					time.Sleep(10 * time.Second)
				}
				time.Sleep(10 * time.Second)
				err := u.judge(page, g)
				require.Equal(t, tt.want, core.CodeOf(err))
				require.ErrorContains(t, err, "answers 403")
				require.ErrorContains(t, err, "answer 6 of this kind in a row")
				require.Equal(t, tt.want, judge(page), "and so on")

				require.Zero(t, judge(nil))
				require.Equal(t, core.CodeUnavailable, judge(page), "a success ends the row")
				time.Sleep(2 * time.Minute)
				require.Equal(t, core.CodeUnavailable, judge(page), "the second one")
				outage := renewed(t, tt.grant, answers{503, "text/html", "<html>"})
				require.Equal(t, core.CodeUnavailable, judge(outage))
				time.Sleep(2 * time.Minute)
				require.Equal(t, core.CodeUnavailable, judge(page), "another answer ends the row")
			})
		})
	}
}

// TestBasicThatIsNotDecoded has the ids and secrets that HTTP Basic sends form-encoded, as RFC 6749
// §2.3.1 requires. Servers that do not decode them refuse the client, and the error names the
// setting.
func TestBasicThatIsNotDecoded(t *testing.T) {
	const hint = "set client_auth: client_secret_post"
	for name, tt := range map[string]struct {
		id, secret, method string
		want               bool
	}{
		"plain":               {"app", "s3cret-._", SecretBasic, false},
		"plain, default":      {"app", "s3cret", "", false},
		"plus":                {"app", "a+b", SecretBasic, true},
		"slash, default":      {"app", "a/b", "", true},
		"tilde":               {"app", "a~b", SecretBasic, false},
		"equals sign":         {"app", "YWI=", SecretBasic, true},
		"space":               {"app", "a b", SecretBasic, true},
		"percent":             {"app", "a%20b", SecretBasic, true},
		"id with a colon":     {"urn:app", "s3cret", SecretBasic, true},
		"id that is a URL":    {"https://app.example.com", "s3cret", SecretBasic, true},
		"in the form":         {"app", "a+b", SecretPost, false},
		"id of a JWT's":       {"urn:app", "s3cret-s3cret-s3cret-s3cret-s3cr", SecretJWT, false},
		"id of public client": {"urn:app", "", NoClientAuth, false},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{ClientID: tt.id, ClientSecret: core.NewSecret(tt.secret), ClientAuth: tt.method}
			advice := (&connection{cfg: &cfg, meta: &metadata{}}).clientAdvice()
			require.Contains(t, advice, "check client_id")
			require.Equal(t, tt.want, strings.Contains(advice, hint), advice)
		})
	}
}
