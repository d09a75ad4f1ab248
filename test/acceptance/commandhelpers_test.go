//go:build acceptance

package acceptance

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// buildAuthsession builds the command.
func buildAuthsession(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, ".")
	build.Dir = "../../cmd/authsession"
	build.Env = append(os.Environ(), "GOWORK=off")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))
	return filepath.Join(dir, "authsession")
}

// home is a user's folder with a configuration of the command.
type home struct {
	t       *testing.T
	dir     string
	program string
	environ []string
}

// newHome makes a folder with a configuration, in which URL is that of an issuer.
func newHome(t *testing.T, issuer *issuer, config string) *home {
	t.Helper()
	program := buildAuthsession(t)
	h := &home{t: t, dir: t.TempDir(), program: program}
	config = strings.ReplaceAll(config, "ISSUER", issuer.http.URL)
	config = strings.ReplaceAll(config, "HOME", h.dir)
	folder := filepath.Join(h.dir, ".config", "authsession")
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "config.yaml"), []byte(config), 0o600))
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "AWS_") && !strings.HasPrefix(entry, "XDG_") &&
			!strings.HasPrefix(entry, "GIT_") &&
			!strings.HasPrefix(entry, "AUTHSESSION_") && !strings.HasPrefix(entry, "KUBECONFIG=") {
			h.environ = append(h.environ, entry)
		}
	}
	h.environ = append(h.environ,
		"HOME="+h.dir, "PATH="+filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH"),
		"GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_NOSYSTEM=1", "AWS_EC2_METADATA_DISABLED=true",
	)
	return h
}

// run runs a program and returns what it prints.
func (h *home) run(name string, args ...string) (out, problem string, err error) {
	if name == "authsession" {
		name = h.program
	}
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = h.dir, h.environ
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// must runs a program that has to succeed.
func (h *home) must(name string, args ...string) string {
	h.t.Helper()
	out, problem, err := h.run(name, args...)
	require.NoError(h.t, err, "%s %v: %s%s", name, args, out, problem)
	return out
}

// issuer gives out the tokens token-1, token-2 and so on.
type issuer struct {
	http *httptest.Server

	mu      sync.Mutex
	issued  int
	revoked map[string]bool
}

func newIssuer(t *testing.T) *issuer {
	i := &issuer{revoked: map[string]bool{}}
	i.http = httptest.NewServer(http.HandlerFunc(i.token))
	t.Cleanup(i.http.Close)
	return i
}

func (i *issuer) token(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued++
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{
		"access_token": fmt.Sprintf("token-%d", i.issued), "token_type": "Bearer", "expires_in": 3600,
	})
}

func (i *issuer) count() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.issued
}

func (i *issuer) revoke(token string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.revoked[token] = true
}

// good reports whether a server may take a token.
func (i *issuer) good(token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return strings.HasPrefix(token, "token-") && !i.revoked[token]
}

// serveTLS starts a server with a certificate of ca.
func serveTLS(t *testing.T, ca *servers.CA, handler http.HandlerFunc) string {
	s := httptest.NewUnstartedServer(handler)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Issue(t, "server").TLS}, ClientAuth: tls.RequestClientCert}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

// in an hour, as a time of AWS.
func inAnHour() string { return time.Now().Add(time.Hour).UTC().Format(time.RFC3339) }

const oauthSession = `
    provider: oauth2
    settings: {client_id: me, client_secret: s, token_url: "ISSUER/token"}
`
