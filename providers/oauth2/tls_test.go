package oauth2_test

import (
	"crypto/tls"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

// TestTLS authenticates the client by its certificate (RFC 8705 §2), which is
// exchanged in its files between two requests.
func TestTLS(t *testing.T) {
	ca, other := certstest.NewCA(t, "servers"), certstest.NewCA(t, "some clients")
	var names []string
	var forms []string
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		names = append(names, r.TLS.PeerCertificates[0].Subject.CommonName)
		forms = append(forms, r.PostForm.Encode())
		require.Empty(t, r.Header.Get("Authorization"))
		writeJSON(w, 200, map[string]any{"access_token": "at"})
	}))
	srv.TLS = &tls.Config{
		Certificates: []tls.Certificate{ca.Issue(t, certstest.Options{Name: "login"}).TLS(t)},
		ClientAuth:   tls.RequireAnyClientCert,
		ClientCAs:    other.Pool(), // announced to clients; the client's issuer is not among them
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)

	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name string) {
		pair := ca.Issue(t, certstest.Options{Name: name})
		require.NoError(t, os.WriteFile(at("cert.pem"), pair.Cert, 0o600))
		require.NoError(t, os.WriteFile(at("key.pem"), pair.Key, 0o600))
	}
	settings := map[string]any{
		"token_url": srv.URL, "client_id": "app",
		"tls": map[string]any{"ca": string(ca.PEM), "cert_file": at("cert.pem"),
			"key_file": at("key.pem")},
	}
	p, err := oauth2.Factory.Open(t.Context(), "", settings)
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "does not exist")

	for _, name := range []string{"one", "two"} {
		write(name)
		_, err = p.Authenticate(t.Context(), core.Request{})
		require.NoError(t, err)
	}
	require.Equal(t, []string{"one", "two"}, names)
	require.Equal(t, "client_id=app&grant_type=client_credentials", forms[0])

	settings["tls"] = map[string]any{"ca": string(other.PEM)}
	p, err = oauth2.Factory.Open(t.Context(), "", map[string]any{
		"token_url": srv.URL, "client_id": "app", "client_secret": secret, "tls": settings["tls"],
	})
	require.NoError(t, err)
	_, err = p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeBadConfig, "the server is not trusted")
	require.Len(t, names, 2)
}
