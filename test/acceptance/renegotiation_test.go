//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// renegotiating is OpenSSL's s_server, which asks for a renegotiation and a client certificate
// when it has read a request, as IIS and httpd do for a location that needs one.
type renegotiating struct {
	addr string

	mu  sync.Mutex // guards out
	out bytes.Buffer
}

// Write keeps what the server prints.
func (r *renegotiating) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.Write(p)
}

func (r *renegotiating) printed() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out.String()
}

// workerShown is what the server prints about the client's certificate.
var workerShown = regexp.MustCompile(`depth=0 CN ?= ?worker`)

var accepting = regexp.MustCompile(`ACCEPT 127\.0\.0\.1:(\d+)`)

// startRenegotiating starts a server for one request, which it answers with a JSON text.
func startRenegotiating(t *testing.T, ca *servers.CA, answer string) *renegotiating {
	cert, key := ca.Issue(t, "server").Write(t, t.TempDir(), "server")
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Fatal("openssl is not installed: run `make servers` first")
	}
	cmd := exec.Command("openssl", "s_server", "-accept", "127.0.0.1:0", "-tls1_2",
		"-cert", cert, "-key", key, "-CAfile", ca.File)
	r := &renegotiating{}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	cmd.Stdout, cmd.Stderr = r, r
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	soon(t, func() bool { return accepting.MatchString(r.printed()) })
	r.addr = "https://127.0.0.1:" + accepting.FindStringSubmatch(r.printed())[1]
	go func() {
		for !strings.Contains(r.printed(), "HTTP/1.1") {
			time.Sleep(10 * time.Millisecond)
		}
		_, _ = io.WriteString(in, "R\n")
		time.Sleep(300 * time.Millisecond)
		_, _ = fmt.Fprintf(in, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"+
			"Content-Length: %d\r\n\r\n%s", len(answer), answer)
	}()
	return r
}

// TestRenegotiation proves that a server that asks for a renegotiation gets it if the session
// allows it, with the client certificate, and that the error names the setting otherwise: for the
// API and for the token endpoint.
func TestRenegotiation(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	cert, key := ca.Issue(t, "worker").Write(t, t.TempDir(), "client")
	for _, c := range []struct{ name, allowed string }{
		{"once", "renegotiation: once"}, {"freely", "renegotiation: freely"},
		{"never", "renegotiation: never"}, {"not given", ""},
	} {
		allows := strings.HasSuffix(c.allowed, "once") || strings.HasSuffix(c.allowed, "freely")
		for _, kind := range []string{"apikey", "mtls"} {
			t.Run(c.name+", API of "+kind, func(t *testing.T) {
				t.Parallel()
				server := startRenegotiating(t, ca, "{}")
				settings := "{header: X-Key, key: k}"
				if kind == "mtls" {
					settings = fmt.Sprintf("{cert_file: %q, key_file: %q}", cert, key)
				}
				cfg := load(t, nil, fmt.Sprintf(`
sessions:
  api: {provider: %s, origins: [%q], tls: {ca_file: %q, %s}, settings: %s}
`, kind, server.addr, ca.File, c.allowed, settings))
				resp, err := initialised(t, cfg, "api").Client().Get(server.addr)
				if !allows {
					require.ErrorIs(t, err, core.CodeBadConfig)
					require.ErrorContains(t, err, "set tls.renegotiation to once")
					return
				}
				require.NoError(t, err, server.printed())
				_ = resp.Body.Close()
				require.Equal(t, http.StatusOK, resp.StatusCode)
				shown := workerShown.MatchString(server.printed())
				require.Equal(t, kind == "mtls", shown, server.printed())
			})
		}
		t.Run(c.name+", token endpoint", func(t *testing.T) {
			t.Parallel()
			server := startRenegotiating(t, ca, `{"access_token":"t","token_type":"Bearer","expires_in":60}`)
			cfg := load(t, nil, fmt.Sprintf(`
sessions:
  api:
    provider: oauth2
    origins: [https://api.example]
    settings:
      token_url: %s/token
      client_id: worker
      client_auth: tls_client_auth
      tls: {ca_file: %q, cert_file: %q, key_file: %q, %s}
`, server.addr, ca.File, cert, key, c.allowed))
			s, err := cfg.Session("api")
			require.NoError(t, err)
			err = s.Init(t.Context())
			if allows {
				require.NoError(t, err, server.printed())
				return
			}
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "set tls.renegotiation to once")
		})
	}
}
