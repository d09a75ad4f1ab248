//go:build acceptance

package acceptance

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// nodeClients are the clients of node-oauth2-server. It takes a secret by HTTP Basic and
// in the form, whatever the client is, and does not decode the former: nodeSecret is
// visible ASCII that needs no encoding.
var nodeClients = []servers.NodeClient{
	{ID: "service", Secret: nodeSecret, Scopes: []string{"read", "write"},
		Grants: []string{"client_credentials", "password", "authorization_code", "refresh_token"}},
	{ID: "public", Scopes: []string{"read"}, Grants: []string{"authorization_code", "refresh_token"}},
	{ID: "reader", Secret: nodeSecret, Scopes: []string{"read"},
		Grants: []string{"client_credentials"}},
	{ID: "brief", Secret: nodeSecret, Scopes: []string{"read"}, RefreshLifetime: -1,
		Grants: []string{"password", "refresh_token"}},
	{ID: "special", Secret: "a+b/c=d e", Scopes: []string{"read"},
		Grants: []string{"client_credentials"}},
}

// Settings of client authentication.
const (
	nodeBasic = `client_auth: client_secret_basic
      client_secret: "${env:SECRET}"`
	nodePost = `client_auth: client_secret_post
      client_secret: "${env:SECRET}"`
)

const (
	nodeSecret   = "only-for-the-acceptance-tests"
	nodeVariable = "SECRET=" + nodeSecret
)

// nodeConfig returns a session "it" of a client, whose lines of settings are given.
func nodeConfig(n *servers.NodeOAuth2, origin, id string, settings ...string) string {
	return fmt.Sprintf(`
sessions:
  it:
    provider: oauth2
    origins: [%q]
    settings:
      token_url: %q
      client_id: %s
      %s
`, origin, n.TokenURL(), id, strings.Join(settings, "\n      "))
}

// Every grant that the library has, with every way for the client to authenticate, in
// process and in a plugin. A sign-in has PKCE and is renewed with rotated refresh tokens.
func TestNodeOAuth2Grants(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := servers.StartNodeOAuth2(t, time.Hour, nodeClients...)
	api := servers.StartAPI(t, ca, n.Check)
	ada, page := "ada", fmt.Sprintf("authorization_url: %q", n.AuthorizationURL())
	for name, c := range map[string]struct {
		id, who  string
		signIns  int64
		settings []string
	}{
		"client_credentials, basic": {"service", "service", 0, []string{nodeBasic, "scopes: [read]"}},
		"client_credentials, post":  {"service", "service", 0, []string{nodePost}},
		"password, basic": {"service", ada, 0, []string{nodeBasic, "grant_type: password",
			"params: {username: ada, password: lovelace}"}},
		"password, post": {"service", ada, 0, []string{nodePost, "grant_type: password",
			"params: {username: ada, password: lovelace}"}},
		"refresh_token, basic": {"service", ada, 0, []string{nodeBasic, "grant: refresh_token",
			"refresh_token: ${env:REFRESH}"}},
		"refresh_token, post": {"service", ada, 0, []string{nodePost, "grant: refresh_token",
			"refresh_token: ${env:REFRESH}"}},
		"authorization_code, basic": {"service", ada, 1, []string{nodeBasic,
			"grant: authorization_code", "scopes: [read, write]", page}},
		"authorization_code, post": {"service", ada, 1, []string{nodePost,
			"grant: authorization_code", page}},
		"authorization_code, none": {"public", ada, 1, []string{"grant: authorization_code",
			"scopes: [read]", page}},
	} {
		for _, way := range ways {
			t.Run(name+", "+way, func(t *testing.T) {
				ui, asked := person(t, nil)
				refresh := n.Password(t, nodeClients[0])
				cfg := setup{ca: ca, way: way, ui: ui}.load(t,
					nodeConfig(n, api.URL, c.id, c.settings...), nodeVariable, "REFRESH="+refresh)
				s := initialised(t, cfg, "it")
				says(t, s, api.URL, c.who)
				cred, err := s.Credential(t.Context())
				require.NoError(t, err)
				s.Reject(cred, "")
				says(t, s, api.URL, c.who)
				next, err := s.Credential(t.Context())
				require.NoError(t, err)
				require.False(t, next.Attach.Header["Authorization"].Equal(cred.Attach.Header["Authorization"]))
				require.Equal(t, cred.RefreshState.IsZero(), next.RefreshState.IsZero())
				require.False(t, !cred.RefreshState.IsZero() && next.RefreshState.Equal(cred.RefreshState),
					"the refresh token is rotated")
				require.Equal(t, c.signIns, asked.Load())
				require.NoError(t, s.SignOut(t.Context()), "the server has no revocation endpoint")
			})
		}
	}
	require.Zero(t, n.Counts(t).Refused, "no spent refresh token was sent")
}

// What the library refuses, and what the error says. Its answers to a wrong secret are 401
// after HTTP Basic and 400 otherwise.
func TestNodeOAuth2Refusals(t *testing.T) {
	t.Parallel()
	n := servers.StartNodeOAuth2(t, time.Hour, nodeClients...)
	ended := n.Password(t, nodeClients[3])
	spent := n.Password(t, nodeClients[0])
	n.Spend(t, nodeClients[0], spent)
	others := n.Password(t, nodeClients[0])
	refresh := func(token string) []string {
		return []string{nodePost, "grant: refresh_token", "refresh_token: " + token}
	}
	const checkClient = "check client_id, client_secret and client_auth"
	for name, c := range map[string]struct {
		id       string
		settings []string
		code     core.Code
		text     string
	}{
		"wrong secret, basic": {"service", []string{"client_secret: canary"}, core.CodeDenied,
			"answers 401: invalid_client (Invalid client: client is invalid) " +
				"(sent: grant client_credentials, client_auth client_secret_basic); " + checkClient},
		"wrong secret, post": {"service", []string{"client_auth: client_secret_post",
			"client_secret: canary"}, core.CodeDenied,
			"answers 400: invalid_client (Invalid client: client is invalid) " +
				"(sent: grant client_credentials, client_auth client_secret_post); " + checkClient},
		"unknown client": {"nobody", []string{nodeBasic}, core.CodeDenied,
			"answers 401: invalid_client (Invalid client: client is invalid)"},
		"no secret": {"service", []string{"grant: refresh_token", "refresh_token: " + others},
			core.CodeDenied,
			"client_auth none); check client_id; a client with a secret needs client_secret"},
		"grant not allowed": {"reader", []string{nodePost, "grant_type: password",
			"params: {username: ada, password: lovelace}"}, core.CodeDenied,
			"answers 400: unauthorized_client (Unauthorized client: `grant_type` is invalid) " +
				"(sent: grant password, client_auth client_secret_post); " +
				"check that the client may use this grant"},
		"unknown grant": {"service", []string{nodePost, "grant_type: urn:example:none"},
			core.CodeBadConfig, "answers 400: unsupported_grant_type (Unsupported grant type: " +
				"`grant_type` is invalid) (sent: grant none, client_auth client_secret_post); check grant"},
		"unknown scope": {"reader", []string{nodePost, "scopes: [read, write]"}, core.CodeBadConfig,
			"answers 400: invalid_scope (Invalid scope: Requested scope is invalid) " +
				"(sent: grant client_credentials, client_auth client_secret_post); check scopes"},
		"wrong password": {"service", []string{nodePost, "grant_type: password",
			"params: {username: ada, password: byron}"}, core.CodeDenied,
			"answers 400: invalid_grant (Invalid grant: user credentials are invalid) " +
				"(sent: grant password"},
		"no password": {"service", []string{nodePost, "grant_type: password"}, core.CodeBadConfig,
			"answers 400: invalid_request (Missing parameter: `username`)"},
		"unknown refresh token": {"service", refresh("none"), core.CodeDenied,
			"answers 400: invalid_grant (Invalid grant: refresh token is invalid) " +
				"(sent: grant refresh_token, client_auth client_secret_post)"},
		"ended refresh token": {"brief", refresh(ended), core.CodeDenied,
			"answers 400: invalid_grant (Invalid grant: refresh token has expired)"},
		"spent refresh token": {"service", refresh(spent), core.CodeDenied,
			"answers 400: invalid_grant (Invalid grant: refresh token is invalid)"},
		"another client's refresh token": {"brief", refresh(others), core.CodeDenied,
			"answers 400: invalid_grant (Invalid grant: refresh token was issued to another client)"},
		"the server is broken": {"broken", []string{nodePost}, core.CodeUnavailable,
			"answers 503: server_error (the model is broken)"},
	} {
		t.Run(name, func(t *testing.T) {
			s := session(t, load(t, nil, nodeConfig(n, "https://api.example.com", c.id, c.settings...),
				nodeVariable), "it")
			err := s.Init(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, n.TokenURL()+" ")
			require.ErrorContains(t, err, c.text)
			noSecret(t, err, nodeSecret, "canary", "byron", "lovelace", "a+b", ended, spent,
				others)
		})
	}
}

// A secret with characters that HTTP Basic encodes: the server does not decode them, so
// that the client must send it in the form. The refusal says so.
func TestNodeOAuth2SpecialSecret(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := servers.StartNodeOAuth2(t, time.Hour, nodeClients...)
	api := servers.StartAPI(t, ca, n.Check)
	variable := "SECRET=" + nodeClients[4].Secret
	s := session(t, load(t, ca, nodeConfig(n, api.URL, "special", nodeBasic), variable), "it")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "set client_auth: client_secret_post")
	noSecret(t, err, nodeClients[4].Secret, "a%2Bb")
	says(t, initialised(t, load(t, ca, nodeConfig(n, api.URL, "special", nodePost), variable), "it"),
		api.URL, "special")
}

// Another program has used the person's refresh token: the person signs in again at once,
// and the server sees the spent one once.
func TestNodeOAuth2SpentByAnother(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := servers.StartNodeOAuth2(t, time.Hour, nodeClients...)
	api := servers.StartAPI(t, ca, n.Check)
	ui, asked := person(t, nil)
	s := initialised(t, setup{ca: ca, ui: ui}.load(t, nodeConfig(n, api.URL, "service", nodePost,
		"grant: authorization_code", fmt.Sprintf("authorization_url: %q", n.AuthorizationURL())),
		nodeVariable), "it")
	says(t, s, api.URL, "ada")
	cred, err := s.Credential(t.Context())
	require.NoError(t, err)
	n.Spend(t, nodeClients[0], cred.RefreshState.Reveal())

	s.Reject(cred, `Bearer error="invalid_token"`)
	says(t, s, api.URL, "ada")
	require.EqualValues(t, 2, asked.Load())
	require.Equal(t, map[string]int{"invalid_grant": 1}, n.Counts(t).Errors)
}

// Tokens that end while the session is used are renewed without a refusal.
func TestNodeOAuth2Expiry(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := servers.StartNodeOAuth2(t, 3*time.Second, nodeClients...)
	api := servers.StartAPI(t, ca, n.Check)
	s := initialised(t, load(t, ca, nodeConfig(n, api.URL, "service", nodeBasic,
		"grant: refresh_token", "refresh_token: ${env:REFRESH}"), nodeVariable,
		"REFRESH="+n.Password(t, nodeClients[0])), "it")
	soon(t, func() bool {
		says(t, s, api.URL, "ada")
		return len(api.Tokens()) >= 3
	})
	require.Zero(t, n.Counts(t).Refused, "a spent refresh token was used again")
}

// What the library says in the browser: a refusal of the person, and a scope that the
// client may not have.
func TestNodeOAuth2RefusesInTheBrowser(t *testing.T) {
	t.Parallel()
	n := servers.StartNodeOAuth2(t, time.Hour, nodeClients...)
	page := fmt.Sprintf("authorization_url: %q", n.AuthorizationURL())
	for name, c := range map[string]struct {
		settings []string
		code     core.Code
		text     string
	}{
		"the person": {[]string{`authorization_params: {allowed: "false"}`}, core.CodeDenied,
			"in the browser: the answer is an error: access_denied " +
				"(Access denied: user denied access to application)"},
		"the scope": {[]string{"scopes: [admin]"}, core.CodeBadConfig,
			"in the browser: the answer is an error: invalid_scope " +
				"(Invalid scope: Requested scope is invalid)"},
	} {
		t.Run(name, func(t *testing.T) {
			ui, _ := person(t, nil)
			s := session(t, setup{ui: ui}.load(t, nodeConfig(n, "https://api.example.com", "service",
				append(c.settings, nodePost, "grant: authorization_code", page)...), nodeVariable), "it")
			err := s.Init(t.Context())
			require.ErrorIs(t, err, c.code)
			require.ErrorContains(t, err, c.text)
			require.False(t, errors.Is(err, core.CodeInteractive))
		})
	}
}
