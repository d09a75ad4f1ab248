package servers

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// MockServer is the npm package oauth2-mock-server in a process of its own. It
// publishes metadata, signs ID tokens and access tokens, checks the PKCE verifier, and
// answers whatever a test wants. It checks no client. Whoever comes to sign in is
// johndoe. Its issuer says localhost, and it listens on 127.0.0.1.
type MockServer struct {
	Issuer string

	client *http.Client
}

// MockChange is how the next answers of a [MockServer] differ from its own. The zero
// value changes nothing.
type MockChange struct {
	// Times is how many answers of the token endpoint Status, Replace, Set and Drop change.
	// Zero: all, until the next change.
	Times   int             `json:"times,omitempty"`
	Status  int             `json:"status,omitempty"`  // of the token answer; zero: its own
	Replace json.RawMessage `json:"replace,omitempty"` // the token answer; nil: its own; null: none
	Set     map[string]any  `json:"set,omitempty"`     // members of the token answer
	Drop    []string        `json:"drop,omitempty"`    // members that the token answer lacks
	IDToken map[string]any  `json:"idToken,omitempty"` // claims of the ID token
	// Redirect are parameters of the address that the browser is sent back to; nil values
	// remove them.
	Redirect map[string]any `json:"redirect,omitempty"`
	Revoke   int            `json:"revoke,omitempty"` // status of the revocation endpoint

	Delay time.Duration `json:"-"` // before each token answer, in whole milliseconds
}

// MockSeen is how many requests reached the endpoints of a [MockServer].
type MockSeen struct{ Token, Revoke, Authorize int }

// StartMockServer starts the server with TLS and a certificate of ca; nil: plain HTTP.
func StartMockServer(t testing.TB, ca *CA) *MockServer {
	t.Helper()
	m := &MockServer{client: http.DefaultClient}
	settings := map[string]any{}
	if ca != nil {
		cert, key := ca.Issue(t, "localhost").Write(t, t.TempDir(), "mock")
		settings["tls"] = map[string]string{"cert": cert, "key": key}
		transport := &http.Transport{TLSClientConfig: ca.trust()}
		t.Cleanup(transport.CloseIdleConnections)
		m.client = &http.Client{Transport: transport}
	}
	m.Issuer = startNode(t, "oauth2-mock-server", "oauth2-mock-server", settings)
	return m
}

// TokenURL returns the token endpoint.
func (m *MockServer) TokenURL() string { return m.Issuer + "/token" }

// Change sets how the next answers differ.
func (m *MockServer) Change(t testing.TB, c MockChange) {
	t.Helper()
	text, err := json.Marshal(struct {
		MockChange
		Delay int64 `json:"delay,omitempty"`
	}{c, c.Delay.Milliseconds()})
	require.NoError(t, err)
	resp, err := m.client.Post(m.Issuer+"/change", "application/json", bytes.NewReader(text))
	require.NoError(t, err)
	defer resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
}

// Seen asks the server what it has seen.
func (m *MockServer) Seen(t testing.TB) MockSeen {
	t.Helper()
	var seen MockSeen
	getJSON(t, m.client, m.Issuer+"/seen", &seen)
	return seen
}

// Check verifies an access token with the keys that the server publishes, and returns
// its subject; without one, its scope.
func (m *MockServer) Check(ctx context.Context, token string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.Issuer+"/jwks", nil)
	if err != nil {
		return "", err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	var keys jose.JSONWebKeySet
	if err := json.NewDecoder(resp.Body).Decode(&keys); err != nil {
		return "", err
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return "", err
	}
	payload, err := signed.Verify(keys)
	if err != nil {
		return "", err
	}
	var claims struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
		Scope   string `json:"scope"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", err
	}
	if claims.Issuer != m.Issuer {
		return "", fmt.Errorf("the token is of %q", claims.Issuer)
	}
	return cmp.Or(claims.Subject, claims.Scope), nil
}
