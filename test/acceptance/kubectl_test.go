//go:build acceptance

package acceptance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// clusterOf starts what kubectl takes for a cluster. It says who asked.
func clusterOf(t *testing.T, ca *servers.CA, i *issuer) string {
	return serveTLS(t, ca, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.URL.Path == "/version": // anybody may ask for it, as launchers of kubectl do
			fmt.Fprint(w, `{"major":"1","minor":"32","gitVersion":"v1.32.0"}`)
		case len(r.TLS.PeerCertificates) > 0:
			fmt.Fprintf(w, `{"who":%q}`, r.TLS.PeerCertificates[0].Subject.CommonName)
		case i.good(token):
			fmt.Fprintf(w, `{"who":%q}`, token)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized",`+
				`"reason":"Unauthorized","code":401}`)
		}
	})
}

// kubeconfig writes a configuration with a cluster and a context for a user.
func (h *home) kubeconfig(server string, ca *servers.CA, user string) {
	text := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: fake
  cluster: {server: %q, certificate-authority: %q}
contexts:
- name: fake
  context: {cluster: fake, user: %q}
current-context: fake
`, server, ca.File, user)
	path := filepath.Join(h.dir, ".kube", "config")
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(h.t, os.WriteFile(path, []byte(text), 0o600))
}

// apiVersions are the versions of the protocol that this kubectl has.
func (h *home) apiVersions() []string {
	var version struct {
		Client struct{ Major, Minor string } `json:"clientVersion"`
	}
	require.NoError(h.t, json.Unmarshal([]byte(h.must("kubectl", "version", "--client", "-o", "json")), &version))
	minor, err := strconv.Atoi(strings.TrimRight(version.Client.Minor, "+"))
	require.NoError(h.t, err)
	if version.Client.Major == "1" && minor < 22 {
		return []string{"v1beta1"}
	}
	return []string{"v1", "v1beta1"}
}

// TestKubectl: kubectl runs the helper that setup wrote. After a 401 it runs it
// again without saying so; the next command has a new token.
func TestKubectl(t *testing.T) {
	ca, i := servers.NewCA(t), newIssuer(t)
	server := clusterOf(t, ca, i)
	h := newHome(t, i, "store: {kind: file, path: HOME/store, key_file: HOME/key}\nsessions:\n  cluster:"+
		oauthSession+"    origins: ["+server+"]\n")
	h.kubeconfig(server, ca, "cluster")
	who := func(token int) {
		t.Helper()
		require.JSONEq(t, fmt.Sprintf(`{"who":"token-%d"}`, token), h.must("kubectl", "get", "--raw", "/whoami"))
		require.Equal(t, token, i.count())
	}
	token := 1
	for _, version := range h.apiVersions() {
		setup := []string{"setup", "kubectl", "cluster", "--write", "--api-version", version}
		require.Contains(t, h.must("authsession", setup...), "client.authentication.k8s.io/"+version)
		require.Contains(t, h.must("authsession", setup...), "nothing to change")
		who(token)
		who(token)

		i.revoke(fmt.Sprintf("token-%d", token))
		_, problem, err := h.run("kubectl", "get", "--raw", "/whoami")
		require.Error(t, err)
		require.Contains(t, strings.ToLower(problem), "unauthorized")
		token++
		who(token)
	}
}

// TestKubectlCertificate: a client certificate reaches the cluster.
func TestKubectlCertificate(t *testing.T) {
	ca, i := servers.NewCA(t), newIssuer(t)
	server := clusterOf(t, ca, i)
	dir := t.TempDir()
	cert, key := ca.Issue(t, "ada").Write(t, dir, "ada")
	h := newHome(t, i, fmt.Sprintf("sessions:\n  cluster:\n    provider: mtls\n    origins: [%s]\n"+
		"    settings: {cert_file: %q, key_file: %q}\n", server, cert, key))
	h.kubeconfig(server, ca, "cluster")
	h.must("authsession", "setup", "kubectl", "cluster", "--write", "--api-version", "v1beta1")
	require.JSONEq(t, `{"who":"ada"}`, h.must("kubectl", "get", "--raw", "/whoami"))
}

// TestKubectlSaysWhatToDo: where a person has to sign in, kubectl shows the command.
func TestKubectlSaysWhatToDo(t *testing.T) {
	ca, i := servers.NewCA(t), newIssuer(t)
	server := clusterOf(t, ca, i)
	h := newHome(t, i, "sessions:\n  cluster:\n    provider: oauth2\n    origins: ["+server+"]\n"+
		"    settings: {grant: device_code, client_id: me, token_url: ISSUER/t, device_authorization_url: ISSUER/d}\n")
	h.kubeconfig(server, ca, "cluster")
	h.must("authsession", "setup", "kubectl", "cluster", "--write", "--api-version", "v1beta1")
	out, problem, err := h.run("kubectl", "get", "--raw", "/whoami")
	require.Error(t, err)
	require.Empty(t, out)
	require.Contains(t, problem, "run: authsession login cluster")
	require.Contains(t, problem, "exit code 80")
}
