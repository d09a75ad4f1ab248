package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// tokens is the one token that an API accepts, and the file in which another
// process keeps it.
type tokens struct {
	file string

	mu      sync.Mutex
	current string // guarded by mu
}

func newTokens(t *testing.T) *tokens {
	k := &tokens{file: filepath.Join(t.TempDir(), "token")}
	k.rotate(t, "token-1")
	return k
}

// rotate exchanges the token in the file and, with it, at the API.
func (k *tokens) rotate(t *testing.T, token string) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	require.NoError(t, os.WriteFile(k.file+".new", []byte(token), 0o600))
	require.NoError(t, os.Rename(k.file+".new", k.file))
	k.current = token
}

func (k *tokens) check(_ context.Context, token string) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if token != k.current {
		return "", errors.New("another token is current")
	}
	return "owner of " + token, nil
}

func execConfig(t *testing.T, origin, form, file string, seconds int, more string) string {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	return fmt.Sprintf(`
sessions:
  command:
    provider: exec
    origins: [%q]
    settings:
      command: %q
      args: [%s, %q, "%d"]
      env: {%s: "1"}
%s`, origin, binary, form, file, seconds, program, more)
}

func TestExec(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	for form, more := range map[string]string{
		"kubernetes": "",
		"bare":       "      lifetime: 1h\n",
	} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			k := newTokens(t)
			api := servers.StartAPI(t, ca, k.check)
			s := initialised(t, load(t, ca, execConfig(t, api.URL, form, k.file, 3600, more)), "command")
			says(t, s, api.URL, "owner of token-1")
			says(t, s, api.URL, "owner of token-1")
			require.EqualValues(t, 1, s.Status().Authentications, "the command ran for each request")

			k.rotate(t, "token-2") // the API refuses the first one from now on
			says(t, s, api.URL, "owner of token-2")
			require.EqualValues(t, 2, s.Status().Authentications)
		})
	}
}

func TestExecRunsAgainBeforeExpiry(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	k := newTokens(t)
	api := servers.StartAPI(t, ca, k.check)
	s := initialised(t, load(t, ca, execConfig(t, api.URL, "kubernetes", k.file, 3, "")), "command")
	soon(t, func() bool {
		says(t, s, api.URL, "owner of token-1")
		return s.Status().Authentications >= 3
	})
	require.Zero(t, s.Status().Refusals)
}

// An AWS document has no bearer token; headers are made of its fields.
func TestExecAWS(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	k := newTokens(t)
	url := servers.StartTLS(t, ca.Issue(t, "localhost"), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, r.Header.Get("X-Key"), " ", r.Header.Get("X-Secret"))
	}))
	more := `      output: aws
      headers: {X-Key: "{AccessKeyId}", X-Secret: "{SecretAccessKey}"}
`
	s := initialised(t, load(t, ca, execConfig(t, url, "aws", k.file, 3600, more)), "command")
	says(t, s, url, "AKID-token-1 token-1")
}

func TestExecThatFails(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	missing := filepath.Join(t.TempDir(), "canary-missing")
	s := session(t, load(t, ca, execConfig(t, "https://api.example.com", "kubernetes", missing, 1, "")), "command")
	err := s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeUnavailable)
	noSecret(t, err, "canary") // what a command complains of may hold secrets
}
