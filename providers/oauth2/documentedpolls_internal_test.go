package oauth2

import (
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

// sequence is a transport that gives one answer after the other, and the last one from then on.
type sequence struct {
	answers []answers
	forms   []url.Values // what was sent
}

// RoundTrip implements http.RoundTripper.
func (s *sequence) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	now := s.answers[0]
	if s.forms = append(s.forms, form); len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return now.RoundTrip(r)
}

// TestDocumentedDevicePolls has what servers answer as long as a person has not entered the code,
// and what they answer when the sign-in is over. The sources are those of documentedRefusals.
func TestDocumentedDevicePolls(t *testing.T) {
	for name, tt := range map[string]struct {
		answer answers
		code   core.Code // zero: the device asks again
		text   string
	}{
		"Entra, pending": {inJSON(400, `{"error":"authorization_pending",`+
			`"error_description":"AADSTS70016: OAuth 2.0 device flow error."}`), 0, ""},
		"Entra, refused": {inJSON(400, `{"error":"authorization_declined"}`), denied,
			"the sign-in was refused: "},
		"Entra, ended": {inJSON(400, `{"error":"expired_token"}`), interactive, "sign in again"},
		"Entra, unknown": {inJSON(400, `{"error":"bad_verification_code"}`), denied,
			"bad_verification_code"},
		"Google, pending": {inJSON(428, `{"error":"authorization_pending",`+
			`"error_description":"Precondition Required"}`), 0, ""},
		"Google, too fast": {inJSON(403, `{"error":"slow_down","error_description":"Forbidden"}`), 0, ""},
		"Google, busy":     {inJSON(403, `{"error_code":"rate_limit_exceeded"}`), 0, ""},
		"Google, refused": {inJSON(403, `{"error":"access_denied","error_description":"Forbidden"}`),
			denied, "the sign-in was refused: "},
		"GitHub, pending":  {inJSON(200, `{"error":"authorization_pending"}`), 0, ""},
		"GitHub, too fast": {inJSON(200, `{"error":"slow_down","interval":10}`), 0, ""},
		"GitHub, refused": {inJSON(200, `{"error":"access_denied"}`), denied,
			"the sign-in was refused: "},
		"GitHub, unknown": {inJSON(200, `{"error":"incorrect_device_code"}`), denied,
			"incorrect_device_code"},
		// dev.twitch.tv/docs/authentication/getting-tokens-oauth, "Device code grant flow"
		"Twitch, pending":  {inJSON(400, `{"status":400,"message":"authorization_pending"}`), 0, ""},
		"Twitch, too fast": {inJSON(400, `{"status":400,"message":"slow_down"}`), 0, ""},
		"Twitch, unknown": {inJSON(400, `{"status":400,"message":"invalid device code"}`), denied,
			"invalid device code"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				transport := &sequence{answers: []answers{tt.answer, tt.answer, inJSON(200, granted)}}
				client := &grant.Client{TokenURL: "https://login.example.com/token", ID: "app",
					HTTP: &http.Client{Transport: transport}}
				client.Advice = adviser(&deviceCode, &connection{cfg: new(Config), meta: new(metadata)})
				token, err := pollToken(t.Context(), client, deviceAuthorization{
					code: core.NewSecret("dq7zz"), interval: time.Second,
					visit: core.DevicePrompt{ExpiresAt: time.Now().Add(time.Hour)}})
				if tt.code == 0 {
					require.NoError(t, err)
					require.Equal(t, "a", token.Access.Reveal())
					return
				}
				require.Equal(t, tt.code, core.CodeOf(err))
				require.ErrorContains(t, err, tt.text)
				require.NotContains(t, err.Error(), checkAllowed, "it is the person who refused")
			})
		})
	}
}

// spentElsewhere are the answers of servers to a refresh token or a code that has been used.
var spentElsewhere = map[string]answers{
	"RFC 6749":          inJSON(400, `{"error":"invalid_grant"}`),
	"GitHub":            inJSON(200, `{"error":"bad_refresh_token"}`),
	"GitHub, as a form": {200, formType, `error=bad_verification_code`},
	"Slack":             inJSON(200, `{"ok":false,"error":"invalid_refresh_token"}`),
	"Slack, code":       inJSON(200, `{"ok":false,"error":"invalid_code"}`),
	"Auth0":             inJSON(403, `{"error":"invalid_grant"}`),
}

// TestSpentInOtherWords checks that the grant refresh_token tries the token of the settings, and
// that a sign-in says that its code was refused, however the server says so.
func TestSpentInOtherWords(t *testing.T) {
	for name, answer := range spentElsewhere {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Grant: RefreshToken, TokenURL: "https://login.example.com/token", ClientID: "app",
				RefreshToken: core.NewSecret("of-the-settings")}
			transport := &sequence{answers: []answers{answer, inJSON(200, granted)}}
			conn := &connection{cfg: &cfg, meta: &metadata{TokenEndpoint: cfg.TokenURL},
				client: &grant.Client{TokenURL: cfg.TokenURL, ID: "app",
					HTTP: &http.Client{Transport: transport}}}
			token, err := refreshToken.renew(t.Context(), conn, core.NewSecret("of-the-server"),
				func() (grant.Token, error) { return refreshToken.request(t.Context(), conn, nil) })
			require.NoError(t, err)
			require.Equal(t, "a", token.Access.Reveal())
			require.Equal(t, "of-the-settings", transport.forms[1].Get("refresh_token"))

			transport.answers = []answers{answer}
			_, err = conn.redeemCode(t.Context(), &authorization{}, url.Values{"code": {"c"}})
			require.Equal(t, core.CodeDenied, core.CodeOf(err))
			require.ErrorContains(t, err, "the server did not take the code of this sign-in")
		})
	}
}
