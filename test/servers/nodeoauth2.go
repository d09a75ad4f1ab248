package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// NodeOAuth2 is the npm package @node-oauth/oauth2-server, a library, with a small
// server around it, in a process of its own, over plain HTTP. It publishes no metadata
// and has no revocation and no introspection endpoint. It does not form-decode the id
// and the secret of HTTP Basic, although RFC 6749 §2.3.1 requires it. Whoever comes to
// sign in is ada, whose password is "lovelace". A refresh token can be used once.
type NodeOAuth2 struct{ URL string }

// NodeClient is a client of [NodeOAuth2].
type NodeClient struct {
	ID     string   `json:"id"`
	Secret string   `json:"secret,omitempty"` // empty: a public client
	Grants []string `json:"grants"`
	Scopes []string `json:"scopes"` // what it may ask for
	// RefreshLifetime is that of its refresh tokens in seconds. Zero: an hour. Less than
	// zero: they have ended when they are issued.
	RefreshLifetime int `json:"refreshTokenLifetime,omitempty"`
}

// StartNodeOAuth2 starts the server. Its access tokens live for lifetime, in whole
// seconds.
func StartNodeOAuth2(t testing.TB, lifetime time.Duration, clients ...NodeClient) *NodeOAuth2 {
	t.Helper()
	return &NodeOAuth2{startNode(t, "node-oauth2-server", "@node-oauth/oauth2-server", map[string]any{
		"lifetime": int(lifetime / time.Second), "clients": clients,
	})}
}

// TokenURL returns the token endpoint.
func (n *NodeOAuth2) TokenURL() string { return n.URL + "/token" }

// AuthorizationURL returns the page where a person signs in.
func (n *NodeOAuth2) AuthorizationURL() string { return n.URL + "/authorize" }

// Check asks the library about an access token, as a resource server does that uses it.
func (n *NodeOAuth2) Check(ctx context.Context, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/whoami", nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var answer struct {
		Subject     string `json:"sub"`
		Description string `json:"error_description"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", errors.New(answer.Description)
	}
	return answer.Subject, nil
}

// Counts asks the server what its token endpoint has answered.
func (n *NodeOAuth2) Counts(t testing.TB) Counts {
	t.Helper()
	var c Counts
	getJSON(t, http.DefaultClient, n.URL+"/counts", &c)
	return c
}

// Password obtains the refresh token of ada with her password, and the client's secret
// in the form.
func (n *NodeOAuth2) Password(t testing.TB, client NodeClient) string {
	t.Helper()
	return n.tokens(t, url.Values{"grant_type": {"password"}, "username": {"ada"},
		"password": {"lovelace"}, "client_id": {client.ID}, "client_secret": {client.Secret}})
}

// Spend uses a refresh token, as a second program does that has it.
func (n *NodeOAuth2) Spend(t testing.TB, client NodeClient, refresh string) {
	t.Helper()
	n.tokens(t, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh},
		"client_id": {client.ID}, "client_secret": {client.Secret}})
}

func (n *NodeOAuth2) tokens(t testing.TB, form url.Values) (refresh string) {
	t.Helper()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	require.NoError(t, postForm(t.Context(), http.DefaultClient, n.TokenURL(), form, &answer))
	require.NotEmpty(t, answer.RefreshToken, fmt.Sprint(form["grant_type"]))
	return answer.RefreshToken
}

// getJSON reads a JSON document that a server of the tests has.
func getJSON(t testing.TB, client *http.Client, address string, into any) {
	t.Helper()
	resp, err := client.Get(address)
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.NoError(t, json.NewDecoder(resp.Body).Decode(into))
}
