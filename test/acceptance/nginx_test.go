//go:build acceptance

package acceptance

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

const (
	apiKey   = "key-4711-key-4711"
	password = "p:ss wörd"
)

func startNginx(t *testing.T, ca *servers.CA) *servers.Nginx {
	t.Helper()
	return servers.StartNginx(t, ca, servers.NginxOptions{
		APIKey:  apiKey,
		Users:   map[string]string{"ada": password},
		Bearers: map[string]string{"token-one": "one", "token-two": "two"},
	})
}

func TestNginxAPIKey(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := startNginx(t, ca)
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  in-header: {provider: apikey, origins: [%[1]q], settings: {header: X-API-Key, key: "${env:KEY}"}}
  in-query:  {provider: apikey, origins: [%[1]q], settings: {query: api_key, key: "${env:KEY}"}}
  in-cookie: {provider: apikey, origins: [%[1]q], settings: {cookie: api_key, key: "${env:KEY}"}}
  wrong:     {provider: apikey, origins: [%[1]q], settings: {header: X-API-Key, key: nothing}}
`, n.URL), "KEY="+apiKey)
	for _, place := range []string{"header", "query", "cookie"} {
		s := initialised(t, cfg, "in-"+place)
		says(t, s, n.URL+"/"+place, "the key's owner")
		status, _ := get(t, s, n.URL+"/busy")
		require.Equal(t, http.StatusTooManyRequests, status, "the API's answer is the caller's")
	}
	status, _ := get(t, initialised(t, cfg, "wrong"), n.URL+"/header")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestNginxBasic(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := startNginx(t, ca)
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  ada: {provider: basic, origins: [%[1]q], settings: {username: ada, password: "${env:PASSWORD}"}}
  eve: {provider: basic, origins: [%[1]q], settings: {username: eve, password: "${env:PASSWORD}"}}
`, n.URL), "PASSWORD="+password)
	s := initialised(t, cfg, "ada")
	resp, err := s.Client().Get(n.URL + "/basic/whoami")
	require.NoError(t, err)
	resp.Body.Close()
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, "ada", resp.Header.Get("X-Caller"))

	status, _ := get(t, initialised(t, cfg, "eve"), n.URL+"/basic/whoami")
	require.Equal(t, http.StatusUnauthorized, status)
}

func TestNginxBearerFile(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := startNginx(t, ca)
	file := filepath.Join(t.TempDir(), "token")
	replace := func(token string) {
		require.NoError(t, os.WriteFile(file+".new", []byte(token+"\n"), 0o600))
		require.NoError(t, os.Rename(file+".new", file))
	}
	replace("token-one")
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  job: {provider: bearer, origins: [%q], settings: {token_file: %q, interval: 1s}}
`, n.URL, file))
	s := initialised(t, cfg, "job")
	says(t, s, n.URL+"/bearer", "one")

	// No request fails while the file changes, and the new token is soon used.
	replace("token-two")
	soon(t, func() bool {
		status, body := get(t, s, n.URL+"/bearer")
		require.Equal(t, http.StatusOK, status)
		return body == "two"
	})
}

func TestNginxMTLS(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := startNginx(t, ca)
	dir := t.TempDir()
	first := ca.Issue(t, "worker")
	cert, key := first.Write(t, dir, "client")
	p12, err := pkcs12.Modern.Encode(first.TLS.PrivateKey, first.TLS.Leaf, nil, password)
	require.NoError(t, err)
	bundle := filepath.Join(dir, "client.p12")
	require.NoError(t, os.WriteFile(bundle, p12, 0o600))
	cfg := load(t, nil, fmt.Sprintf(`
sessions:
  files:
    provider: mtls
    origins: [%[1]q, %[2]q]
    settings: {cert_file: %[3]q, key_file: %[4]q, ca_file: %[5]q, interval: 1s}
  inline:
    provider: mtls
    origins: [%[1]q]
    settings: {cert: "${file:%[3]s}", key: "${file:%[4]s}", ca: "${file:%[5]s}"}
  bundle:
    provider: mtls
    origins: [%[1]q]
    settings: {p12_file: %[6]q, p12_password: "${env:PASSWORD}", ca_file: %[5]q}
`, n.URL, n.MandatoryURL, cert, key, ca.File, bundle), "PASSWORD="+password)

	s := initialised(t, cfg, "files")
	for _, url := range []string{n.MandatoryURL, n.URL + "/certificate"} {
		says(t, s, url, caller(first))
	}
	for _, name := range []string{"inline", "bundle"} {
		says(t, initialised(t, cfg, name), n.URL+"/certificate", caller(first))
	}
	expiry := s.Status().Expiry
	require.WithinDuration(
		t,
		first.TLS.Leaf.NotAfter,
		expiry,
		time.Minute,
		"the certificate's end is the credential's",
	)

	// A certificate whose key has not come yet is kept out.
	second := ca.Issue(t, "worker")
	require.NoError(t, os.WriteFile(cert, []byte(second.Cert), 0o600))
	soon(t, func() bool {
		says(t, s, n.MandatoryURL, caller(first))
		return s.Status().Failures > 0 // the session has looked at the torn pair
	})

	// With its key it takes over, also on connections, and no request fails.
	second.Write(t, dir, "client")
	soon(t, func() bool {
		status, body := get(t, s, n.MandatoryURL)
		require.Equal(t, http.StatusOK, status, body)
		return body == caller(second)
	})
}

// caller is what nginx says about a client certificate.
func caller(p servers.Pair) string { return fmt.Sprintf("CN=worker %s", serial(p)) }

func serial(p servers.Pair) string {
	text := fmt.Sprintf("%X", p.Serial)
	if len(text)%2 == 1 {
		text = "0" + text
	}
	return text
}

func TestNginxRefusesStrangersCertificates(t *testing.T) {
	t.Parallel()
	ca, stranger := servers.NewCA(t), servers.NewCA(t)
	n := startNginx(t, ca)
	dir := t.TempDir()
	cert, key := stranger.Issue(t, "stranger").Write(t, dir, "client")
	cfg := load(t, nil, fmt.Sprintf(`
sessions:
  stranger:
    provider: mtls
    origins: [%[1]q]
    settings: {cert_file: %[2]q, key_file: %[3]q, ca_file: %[4]q}
  distrustful:
    provider: mtls
    origins: [%[1]q]
    settings: {cert_file: %[2]q, key_file: %[3]q, ca_file: %[5]q}
`, n.MandatoryURL, cert, key, ca.File, stranger.File))
	status, _ := get(t, initialised(t, cfg, "stranger"), n.MandatoryURL)
	require.Equal(t, http.StatusBadRequest, status)
	_, _, err := try(t.Context(), initialised(t, cfg, "distrustful"), n.MandatoryURL)
	require.ErrorContains(t, err, "certificate", "the server is not of the session's CA")
}

func TestNginxBusyTokenEndpoint(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	n := startNginx(t, ca)
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  busy:
    provider: oauth2
    origins: ["https://api.example.com"]
    settings: {token_url: %q, client_id: a, client_secret: canary-in-a-coal-mine, tls: {ca_file: %q}}
  elsewhere:
    provider: oauth2
    origins: ["https://api.example.com"]
    settings: {token_url: %q, client_id: a, client_secret: canary-in-a-coal-mine, tls: {ca_file: %q}}
`, n.URL+"/busy", ca.File, n.URL+"/elsewhere", ca.File))
	err := session(t, cfg, "busy").Init(t.Context())
	require.ErrorIs(t, err, core.CodeUnavailable)
	noSecret(t, err, "canary")
	var e *core.Error
	require.True(t, errors.As(err, &e))
	require.GreaterOrEqual(t, e.RetryAfter, 6*time.Second, "nginx says Retry-After: 7")

	err = session(t, cfg, "elsewhere").Init(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	noSecret(t, err, "canary")
}

// Where nginx redirects to another host, no credential of any kind goes along.
func TestNginxRedirectGoesBare(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	type seen struct{ headers, query string }
	arrived := make(chan seen, 10)
	var certificates atomic.Int64
	elsewhere := servers.StartTLS(
		t,
		ca.Issue(t, "localhost"),
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			certificates.Add(int64(len(r.TLS.PeerCertificates)))
			var b strings.Builder
			_ = r.Header.Write(&b)
			arrived <- seen{b.String(), r.URL.RawQuery}
		}),
	)
	n := servers.StartNginx(t, ca, servers.NginxOptions{APIKey: apiKey, Elsewhere: elsewhere})
	cert, key := ca.Issue(t, "worker").Write(t, t.TempDir(), "client")
	cfg := load(t, ca, fmt.Sprintf(`
sessions:
  header: {provider: apikey, origins: [%[1]q], settings: {header: X-API-Key, key: canary}}
  query:  {provider: apikey, origins: [%[1]q], settings: {query: api_key, key: canary}}
  cookie: {provider: apikey, origins: [%[1]q], settings: {cookie: api_key, key: canary}}
  basic:  {provider: basic, origins: [%[1]q], settings: {username: canary, password: canary}}
  bearer: {provider: bearer, origins: [%[1]q], settings: {token: canary}}
  mtls:   {provider: mtls, origins: [%[1]q], settings: {cert_file: %[2]q, key_file: %[3]q, ca_file: %[4]q}}
`, n.URL, cert, key, ca.File))
	for _, name := range []string{"header", "query", "cookie", "basic", "bearer"} {
		status, _ := get(t, initialised(t, cfg, name), n.URL+"/elsewhere")
		require.Equal(t, http.StatusOK, status)
		got := <-arrived
		require.NotContains(t, got.headers, "canary", name)
		require.NotContains(t, got.headers, "Authorization", name)
		require.NotContains(t, got.query, "canary", name)
	}
	status, _ := get(t, initialised(t, cfg, "mtls"), n.URL+"/elsewhere")
	require.Equal(t, http.StatusOK, status)
	require.Zero(t, certificates.Load(), "the client certificate went along")
}
