package servers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Hydra is an Ory Hydra in a process of its own, over plain HTTP, with its data in
// memory. Whoever comes to sign in is ada, and consents to everything. Its tokens
// are opaque. A refresh token that comes again ends all that was granted with it.
type Hydra struct {
	Issuer string

	admin string
}

// StartHydra starts Hydra with clients, as [HydraClient] makes them. Access tokens
// live for lifetime. The test is skipped if Hydra is not installed.
func StartHydra(t testing.TB, lifetime time.Duration, clients ...map[string]any) *Hydra {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	program, err := exec.LookPath(filepath.Join(filepath.Dir(here), "hydra", "bin", "hydra"))
	if err != nil {
		t.Skip("hydra is not installed: run `HYDRA=1 make servers` first")
	}
	h := &Hydra{}
	pages := httptest.NewServer(http.HandlerFunc(h.decide))
	t.Cleanup(pages.Close)
	dir := t.TempDir()
	config := filepath.Join(dir, "conf.yaml") // Hydra goes by the end of the name
	require.NoError(t, os.Symlink("conf", config))
	d := startDaemon(t, daemonConfig{
		dir: dir, ports: 2, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			h.Issuer = fmt.Sprintf("http://127.0.0.1:%d", ports[0])
			h.admin = fmt.Sprintf("http://127.0.0.1:%d/admin", ports[1])
			return fmt.Sprintf(`dsn: memory
serve:
  public: {host: 127.0.0.1, port: %d}
  admin: {host: 127.0.0.1, port: %d}
urls:
  self: {issuer: %q}
  login: %[4]q
  consent: %[4]q
ttl: {access_token: %[5]s}
secrets: {system: [only-for-the-acceptance-tests]}
log: {level: error}
`, ports[0], ports[1], h.Issuer, pages.URL, lifetime)
		},
		command: func() *exec.Cmd {
			return exec.Command(program, "serve", "all", "--dev", "--sqa-opt-out", "-c", config)
		},
	})
	require.NotEmpty(t, d.Address)
	for _, client := range clients {
		require.NoError(t, h.call(t.Context(), http.MethodPost, "/clients", client, nil))
	}
	return h
}

// HydraClient returns the metadata of a client that has every grant and
// authenticates by the given method, with [ServiceSecret] where that is a secret.
// A client that proves itself by a key has it in more, as jwks.
func HydraClient(id, method string, more map[string]any) map[string]any {
	client := OIDCClient(id, method, more)
	delete(client, "application_type")
	grants := []string{"authorization_code", "refresh_token", "client_credentials",
		"urn:ietf:params:oauth:grant-type:jwt-bearer"}
	if method == "none" {
		grants = grants[:2]
	}
	client["grant_types"], client["scope"] = grants, "openid offline_access read"
	return client
}

// Trust makes Hydra accept assertions that an issuer makes about a subject and signs
// with a key (RFC 7523 §2.1).
func (h *Hydra) Trust(t testing.TB, issuer, subject string, key any) {
	t.Helper()
	require.NoError(t, h.call(t.Context(), http.MethodPost, "/trust/grants/jwt-bearer/issuers",
		map[string]any{"issuer": issuer, "subject": subject, "jwk": key, "scope": []string{"read"},
			"expires_at": time.Now().Add(time.Hour)}, nil))
}

// Check asks the introspection endpoint about a token.
func (h *Hydra) Check(ctx context.Context, token string) (string, error) {
	return introspect(http.DefaultClient, h.admin+"/oauth2/introspect", "", "")(ctx, token)
}

// decide is the page for the sign-in and the consent: both are given at once.
func (h *Hydra) decide(w http.ResponseWriter, r *http.Request) {
	path, query, answer := "/oauth2/auth/requests/login", "login_challenge", map[string]any{
		"subject": "ada"}
	if r.URL.Query().Has("consent_challenge") {
		path, query = "/oauth2/auth/requests/consent", "consent_challenge"
		var request struct {
			Scope    []string `json:"requested_scope"`
			Audience []string `json:"requested_access_token_audience"`
		}
		challenge := "?" + query + "=" + url.QueryEscape(r.URL.Query().Get(query))
		if err := h.call(r.Context(), http.MethodGet, path+challenge, nil, &request); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		answer = map[string]any{"grant_scope": request.Scope,
			"grant_access_token_audience": request.Audience}
	}
	challenge := "?" + query + "=" + url.QueryEscape(r.URL.Query().Get(query))
	var next struct {
		To string `json:"redirect_to"`
	}
	err := h.call(r.Context(), http.MethodPut, path+"/accept"+challenge, answer, &next)
	if err == nil && next.To == "" {
		err = errors.New("hydra does not say where to go")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	http.Redirect(w, r, next.To, http.StatusSeeOther)
}

// call calls Hydra's administration.
func (h *Hydra) call(ctx context.Context, method, path string, body, into any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, h.admin+path, bytes.NewReader(data))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("hydra answers %s to %s: %s", resp.Status, path, answer)
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}

// Replay sends a token request of the refresh token grant, and returns the status.
func (h *Hydra) Replay(t testing.TB, id, refresh string) int {
	t.Helper()
	resp, err := http.PostForm(h.Issuer+"/oauth2/token", url.Values{"grant_type": {"refresh_token"},
		"refresh_token": {refresh}, "client_id": {id}, "client_secret": {ServiceSecret}})
	require.NoError(t, err)
	defer resp.Body.Close()
	return resp.StatusCode
}
