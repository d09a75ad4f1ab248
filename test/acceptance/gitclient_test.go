//go:build acceptance

package acceptance

import (
	"net/http"
	"net/http/cgi"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// gitServer serves a repository to those who have a good token.
func (h *home) gitServer(ca *servers.CA, i *issuer) string {
	root := filepath.Join(h.dir, "srv")
	h.must("git", "init", "-q", "--bare", "-b", "main", filepath.Join(root, "project.git"))
	h.must("git", "-C", filepath.Join(root, "project.git"), "config", "http.receivepack", "true")
	backend := &cgi.Handler{
		Path: filepath.Join(strings.TrimSpace(h.must("git", "--exec-path")), "git-http-backend"),
		Env:  []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1"},
	}
	return serveTLS(h.t, ca, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "oauth2" || !i.good(password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="forge"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		backend.ServeHTTP(w, r)
	})
}

// TestGit: git pushes and fetches with the helper that setup wrote. After a refusal
// it erases the token, and the next command has a new one. Nothing stores the token.
func TestGit(t *testing.T) {
	ca, i := servers.NewCA(t), newIssuer(t)
	h := newHome(t, i, "")
	h.environ = append(h.environ, "GIT_SSL_CAINFO="+ca.File)
	server := h.gitServer(ca, i)
	config := strings.NewReplacer("ISSUER", i.http.URL, "HOME", h.dir).Replace(
		"store: {kind: file, path: HOME/store, key_file: HOME/key}\nsessions:\n  forge:" +
			oauthSession + "    origins: [" + server + "]\n")
	require.NoError(
		t,
		os.WriteFile(filepath.Join(h.dir, ".config/authsession/config.yaml"), []byte(config), 0o600),
	)
	h.must("git", "config", "--global", "credential.helper", "store") // for all hosts
	require.Contains(t, h.must("authsession", "setup", "git", "forge", "--write"), "+ !")
	require.Contains(t, h.must("authsession", "setup", "git", "forge", "--write"), "nothing to change")

	h.must("git", "clone", "-q", server+"/project.git")
	project := filepath.Join(h.dir, "project")
	git := func(args ...string) (string, error) {
		_, problem, err := h.run(
			"git",
			append(
				[]string{"-C", project, "-c", "user.name=a", "-c", "user.email=a@example.com"},
				args...)...)
		return problem, err
	}
	for _, args := range [][]string{{"checkout", "-q", "-B", "main"}, {"commit", "-q", "--allow-empty", "-m", "one"}, {"push", "-q", "origin", "main"}} {
		problem, err := git(args...)
		require.NoError(t, err, problem)
	}
	require.Equal(t, 1, i.count())

	i.revoke("token-1")
	problem, err := git("fetch")
	require.Error(t, err)
	require.Contains(t, problem, "Authentication failed")
	problem, err = git("fetch")
	require.NoError(t, err, problem)
	require.Equal(t, 2, i.count())
	require.NoFileExists(t, filepath.Join(h.dir, ".git-credentials"))
}
