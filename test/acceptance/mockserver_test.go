//go:build acceptance

package acceptance

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// mockConfig returns a session "it" at oauth2-mock-server, whose lines of settings are
// given.
func mockConfig(m *servers.MockServer, origin string, settings ...string) string {
	return fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    timeout: 3s
    settings:
      issuer: %q
      client_id: app
      %s
`, origin, m.Issuer, strings.Join(settings, "\n      "))
}

const (
	mockProgram = "client_secret: canary-of-the-client\n      scopes: [read]"
	mockPerson  = "grant: authorization_code\n      scopes: [openid]"
)

// Each grant that the server has, over https, in process and in a plugin.
func TestMockServerGrants(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	m := servers.StartMockServer(t, ca)
	api := servers.StartAPI(t, ca, m.Check)
	trust := fmt.Sprintf("tls: {ca_file: %q}", ca.File)
	for name, c := range map[string]struct {
		settings, who, later string // for whom the token is, and the renewed one
		signIns              int64
	}{
		"client_credentials, basic": {mockProgram, "read", "read", 0},
		"client_credentials, post": {mockProgram + "\n      client_auth: client_secret_post",
			"read", "read", 0},
		"password": {mockProgram + "\n      grant_type: password\n      " +
			"params: {username: ada, password: lovelace}", "ada", "johndoe", 0},
		"refresh_token":      {"grant: refresh_token\n      refresh_token: any", "johndoe", "johndoe", 0},
		"authorization_code": {mockPerson, "johndoe", "johndoe", 1},
		"authorization_code, basic": {mockPerson + "\n      client_secret: canary-of-the-client",
			"johndoe", "johndoe", 1},
	} {
		for _, way := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				ui, asked := person(t, ca)
				cfg := setup{ca: ca, way: way, ui: ui}.load(t, mockConfig(m, api.URL, c.settings, trust))
				s := initialised(t, cfg, "it")
				says(t, s, api.URL, c.who)
				cred, err := s.Credential(t.Context())
				require.NoError(t, err)
				s.Reject(cred, "")
				says(t, s, api.URL, c.later)
				next, err := s.Credential(t.Context())
				require.NoError(t, err)
				if !cred.RefreshState.IsZero() {
					require.False(t, next.RefreshState.Equal(cred.RefreshState), "the refresh token is rotated")
				}
				require.Equal(t, c.signIns, asked.Load())
				before := m.Seen(t).Revoke
				require.NoError(t, s.SignOut(t.Context()))
				if name != "refresh_token" { // that of the settings is kept
					require.Greater(t, m.Seen(t).Revoke, before, "the tokens are revoked")
				}
			})
		}
	}
}

// Answers that differ from the RFCs, and that a session can use.
func TestMockServerAnswersThatCount(t *testing.T) {
	t.Parallel()
	m := servers.StartMockServer(t, nil)
	for name, c := range map[string]struct {
		change servers.MockChange
		more   string
		lasts  time.Duration // zero: the server does not say
	}{
		"expires_in as text":       {servers.MockChange{Set: set("expires_in", "600")}, "", 10 * time.Minute},
		"expires_in with fraction": {servers.MockChange{Set: set("expires_in", 600.5)}, "", 10 * time.Minute},
		"expires_in in words":      {servers.MockChange{Set: set("expires_in", "soon")}, "", 0},
		"expires_in null":          {servers.MockChange{Set: set("expires_in", nil)}, "", 0},
		"expires_in list":          {servers.MockChange{Set: set("expires_in", []int{600})}, "", 0},
		"expires_in missing":       {servers.MockChange{Drop: []string{"expires_in"}}, "", 0},
		"token_type missing":       {servers.MockChange{Drop: []string{"token_type"}}, "", time.Hour},
		"token_type in small":      {servers.MockChange{Set: set("token_type", "bearer")}, "", time.Hour},
		"token_type null":          {servers.MockChange{Set: set("token_type", nil)}, "", time.Hour},
		"token_type of its own": {servers.MockChange{Set: set("token_type", "BearerToken")},
			"token_type: BearerToken", time.Hour},
		"scope as a list": {servers.MockChange{Set: set("scope", []string{"read", "write"})}, "",
			time.Hour},
		"refresh_token null":   {servers.MockChange{Set: set("refresh_token", nil)}, "", time.Hour},
		"refresh_token number": {servers.MockChange{Set: set("refresh_token", 7)}, "", time.Hour},
		"id_token of no kind": {servers.MockChange{Set: set("id_token", map[string]any{"a": 1})}, "",
			time.Hour},
		"error empty": {servers.MockChange{Set: set("error", "")}, "", time.Hour},
		"201":         {servers.MockChange{Status: 201}, "", time.Hour},
		"slow":        {servers.MockChange{Delay: 500 * time.Millisecond}, "", time.Hour},
		"503 once":    {servers.MockChange{Status: 503, Times: 1}, "", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			m.Change(t, c.change)
			s := initialised(t, load(t, nil, mockConfig(m, "https://api.example.com", mockProgram, c.more)),
				"it")
			cred, err := s.Credential(t.Context())
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(cred.Attach.Header["Authorization"].Reveal(), "Bearer ey"))
			if c.lasts == 0 {
				require.True(t, cred.Expiry.IsZero(), cred.Expiry)
			} else {
				require.WithinDuration(t, time.Now().Add(c.lasts), cred.Expiry, 20*time.Second)
			}
		})
	}
}

// set returns a member of a token answer.
func set(name string, value any) map[string]any { return map[string]any{name: value} }

// Answers that a session cannot use: what they mean, and what the error says.
func TestMockServerRefusals(t *testing.T) {
	t.Parallel()
	m := servers.StartMockServer(t, nil)
	replaced := func(status int, body string) servers.MockChange {
		return servers.MockChange{Status: status, Replace: json.RawMessage(body)}
	}
	const denied, later, bad = core.CodeDenied, core.CodeUnavailable, core.CodeBadConfig
	const sent = " (sent: grant client_credentials, client_auth client_secret_basic)"
	for name, c := range map[string]struct {
		change servers.MockChange
		code   core.Code
		text   string
	}{
		"500 with the token": {servers.MockChange{Status: 500}, later, "answers 500"},
		"500": {replaced(500, `{"error":"server_error","error_description":"no database"}`), later,
			"answers 500: server_error (no database)" + sent},
		"500 that says invalid_client": {replaced(500, `{"error":"invalid_client"}`), bad,
			"answers 500: invalid_client" + sent + "; check client_id, client_secret and client_auth; " +
				"the server does not offer the client_auth client_secret_basic, but none"},
		"503 twice": {servers.MockChange{Status: 503, Times: 2}, later, "answers 503"},
		"429":       {replaced(429, `{"error":"slow_down"}`), later, "answers 429: slow_down" + sent},
		"401 empty": {replaced(401, `null`), denied,
			"answers 401" + sent + "; check client_id, client_secret and client_auth"},
		"400 empty": {replaced(400, `null`), denied, "answers 400" + sent},
		"403 empty": {replaced(403, `null`), later,
			"answers 403" + sent + "; the answer is not one of an authorization server: " +
				"is there a gateway or a proxy in between?"},
		"404": {replaced(404, `{}`), bad,
			"answers 404" + sent + "; check the address of the endpoint: issuer or its _url setting"},
		"wrong secret": {replaced(401, `{"error":"invalid_client","error_description":"no"}`), bad,
			"answers 401: invalid_client (no)" + sent + "; check client_id, client_secret and client_auth"},
		"grant": {replaced(400, `{"error":"unauthorized_client"}`), bad,
			"answers 400: unauthorized_client" + sent + "; check that the client may use this grant"},
		"scope": {replaced(400, `{"error":"invalid_scope"}`), bad,
			"answers 400: invalid_scope" + sent + "; check scopes"},
		"target": {replaced(400, `{"error":"invalid_target"}`), bad,
			"answers 400: invalid_target" + sent + "; check audience and resource"},
		"error with 200": {replaced(200, `{"error":"invalid_client"}`), bad,
			"the answer is an error: invalid_client" + sent +
				"; check client_id, client_secret and client_auth"},
		"empty":      {replaced(200, `null`), later, "/token: the answer is empty"},
		"text":       {replaced(200, `"token"`), later, "/token: the answer is not a JSON object"},
		"no token":   {servers.MockChange{Drop: []string{"access_token"}}, later, "has no access_token"},
		"null token": {servers.MockChange{Set: set("access_token", nil)}, later, "has no access_token"},
		"token that is a number": {servers.MockChange{Set: set("access_token", 7)}, later,
			"the answer's access_token is not a string"},
		"token with a line break": {servers.MockChange{Set: set("access_token", "a\r\nX-A: 1")}, later,
			"the answer's access_token has characters that may not be sent"},
		"type of its own": {servers.MockChange{Set: set("token_type", "BearerToken")}, bad,
			"an unknown type (BearerToken); if they are bearer tokens, set token_type: BearerToken"},
		"type DPoP": {servers.MockChange{Set: set("token_type", "DPoP")}, bad, "turn dpop on"},
		"slower than the time of an attempt": {servers.MockChange{Delay: 6 * time.Second}, later,
			"did not answer in time"},
	} {
		t.Run(name, func(t *testing.T) {
			m.Change(t, c.change)
			s := session(t, load(t, nil, mockConfig(m, "https://api.example.com", mockProgram)), "it")
			err := s.Init(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, m.Issuer)
			require.ErrorContains(t, err, c.text)
			noSecret(t, err, "canary", "X-A")
		})
	}
}

// ID tokens and addresses in the browser that a sign-in must refuse.
func TestMockServerSignIn(t *testing.T) {
	t.Parallel()
	m := servers.StartMockServer(t, nil)
	past, future := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	const other, refused = "https://b.example.com", `{"error":"invalid_grant"}`
	claim := func(name string, value any) servers.MockChange {
		return servers.MockChange{IDToken: set(name, value)}
	}
	comesBack := func(changes map[string]any) servers.MockChange {
		return servers.MockChange{Redirect: changes}
	}
	for name, c := range map[string]struct {
		change servers.MockChange
		code   core.Code // zero: it succeeds
		text   string
	}{
		"as it is":      {servers.MockChange{}, 0, ""},
		"aud is a list": {claim("aud", []string{"app", "b"}), 0, ""},
		"aud is another": {claim("aud", "b"), core.CodeBadConfig,
			"the ID token is for another client than client_id"},
		"iss is another":      {claim("iss", other), core.CodeBadConfig, "the ID token"},
		"it has ended":        {claim("exp", past), core.CodeBadConfig, "the ID token ended at"},
		"it is of the future": {claim("nbf", future), core.CodeBadConfig, "the ID token"},
		"nonce is another":    {claim("nonce", "b"), core.CodeDenied, "nonce"},
		"sub is missing":      {claim("sub", ""), core.CodeBadConfig, "the ID token"},
		"there is none": {servers.MockChange{Drop: []string{"id_token"}}, core.CodeBadConfig,
			"the server issued no ID token"},
		"the person refuses": {comesBack(map[string]any{"code": nil, "error": "access_denied"}),
			core.CodeDenied, "in the browser: the answer is an error: access_denied"},
		"consent is missing": {comesBack(map[string]any{"code": nil, "error": "consent_required"}),
			core.CodeInteractive, "consent_required"},
		"iss in the browser": {comesBack(set("iss", other)), core.CodeDenied, "is of another server"},
		"no code": {comesBack(set("code", nil)), core.CodeUnavailable,
			"the answer in the browser has neither code nor error"},
		"another's code": {comesBack(set("code", "b")), core.CodeBadConfig, "code_challenge required"},
		"the code's refusal": {servers.MockChange{Status: 400, Replace: json.RawMessage(refused)},
			core.CodeDenied, "the server did not take the code of this sign-in"},
		"500 after the person": {servers.MockChange{Status: 500, Replace: json.RawMessage(`{}`)},
			core.CodeUnavailable, "answers 500"},
	} {
		t.Run(name, func(t *testing.T) {
			m.Change(t, c.change)
			ui, _ := person(t, nil)
			s := session(t, setup{ui: ui}.load(t, mockConfig(m, "https://api.example.com", mockPerson)),
				"it")
			err := s.Init(t.Context())
			if c.code == 0 {
				require.NoError(t, err)
				require.Equal(t, "johndoe", s.Status().Subject)
				return
			}
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, c.text)
		})
	}
}

// What a session does if the server fails or refuses while it renews, and that it recovers when
// the server does.
func TestMockServerRenewal(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	for name, c := range map[string]struct {
		change servers.MockChange
		code   core.Code // zero: the person signs in again
		text   string
	}{
		"500": {servers.MockChange{Status: 500, Replace: json.RawMessage(`{"error":"server_error"}`)},
			core.CodeUnavailable, "answers 500: server_error"},
		"a page of a gateway": {servers.MockChange{Status: 403, Replace: json.RawMessage(`"<html>"`)},
			core.CodeUnavailable, "is there a gateway or a proxy in between?"},
		"slow": {servers.MockChange{Delay: 6 * time.Second}, core.CodeUnavailable,
			"did not answer in time"},
		"no token": {servers.MockChange{Drop: []string{"access_token"}}, core.CodeUnavailable,
			"has no access_token"},
		"a refusal": {servers.MockChange{Status: 400, Times: 1,
			Replace: json.RawMessage(`{"error":"invalid_grant"}`)}, 0, ""},
		"a refusal in other words": {servers.MockChange{Status: 200, Times: 1,
			Replace: json.RawMessage(`{"ok":false,"error":"invalid_refresh_token"}`)}, 0, ""},
		"of another person": {servers.MockChange{IDToken: set("sub", "ada")}, core.CodeDenied, "another"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := servers.StartMockServer(t, nil)
			api := servers.StartAPI(t, ca, m.Check)
			ui, asked := person(t, nil)
			s := initialised(t, setup{ca: ca, ui: ui}.load(t, mockConfig(m, api.URL, mockPerson)), "it")
			says(t, s, api.URL, "johndoe")
			cred, err := s.Credential(t.Context())
			require.NoError(t, err)

			m.Change(t, c.change)
			s.Reject(cred, `Bearer error="invalid_token"`)
			_, err = s.Credential(t.Context())
			if c.code == 0 {
				require.NoError(t, err)
				says(t, s, api.URL, "johndoe")
				require.EqualValues(t, 2, asked.Load(), "the person signs in again")
				return
			}
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, c.text)
			m.Change(t, servers.MockChange{})
			if c.code == core.CodeUnavailable {
				soon(t, func() bool {
					status, body, err := try(t.Context(), s, api.URL)
					return err == nil && status == 200 && body == "johndoe"
				})
				require.EqualValues(t, 1, asked.Load(), "nobody signs in after an outage")
			}
		})
	}
}

// A short lifetime that is a text, with new refresh tokens in some answers and none in others:
// each is renewed in time, with the one that counts.
func TestMockServerShortLifetimes(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	m := servers.StartMockServer(t, nil)
	api := servers.StartAPI(t, ca, m.Check)
	m.Change(t, servers.MockChange{Set: set("expires_in", "2")})
	ui, asked := person(t, nil)
	s := initialised(t, setup{ca: ca, ui: ui}.load(t, mockConfig(m, api.URL, mockPerson)), "it")
	says(t, s, api.URL, "johndoe")
	first, err := s.Credential(t.Context())
	require.NoError(t, err)
	m.Change(t, servers.MockChange{Set: set("expires_in", "2"), Drop: []string{"refresh_token"}})
	soon(t, func() bool {
		says(t, s, api.URL, "johndoe")
		return len(api.Tokens()) >= 3
	})
	last, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.True(t, last.RefreshState.Equal(first.RefreshState), "the server gave no other one")
	require.EqualValues(t, 1, asked.Load())
}

// What SignOut says if the server does not revoke the tokens.
func TestMockServerRevocation(t *testing.T) {
	t.Parallel()
	m := servers.StartMockServer(t, nil)
	for status, text := range map[int]string{
		200: "", 503: "answers 503", 400: "answers 400", 404: "answers 404",
	} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			m.Change(t, servers.MockChange{Revoke: status})
			ui, _ := person(t, nil)
			s := initialised(t, setup{ui: ui}.load(t,
				mockConfig(m, "https://api.example.com", mockPerson)), "it")
			before := m.Seen(t).Revoke
			err := s.SignOut(t.Context())
			if text == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, m.Issuer+"/revoke "+text)
			}
			require.Equal(t, 2, m.Seen(t).Revoke-before, "the refresh token, then the access token")
		})
	}
}
