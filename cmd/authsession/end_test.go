//go:build unix

package main

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHangingRevocation: the wait for a revocation at the end is reported, and a signal ends
// it; the exit status is that of what was done before.
func TestHangingRevocation(t *testing.T) {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	stop := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	t.Cleanup(hanging.Close)
	t.Cleanup(func() { close(stop) })
	dir := folder(t, `
sessions:
  job:
    provider: oauth2
    origins: ["`+s.url+`"]
    settings: {client_id: c, client_secret: s, token_url: "`+s.url+`/token", revocation_url: "`+hanging.URL+`/revoke"}
`)
	for name, args := range map[string][]string{
		"exec":    {"exec", "job", "--as", "env:T=token", "--", "true"},
		"request": {"request", s.url + "/api/x"},
		"status":  {"-q=false", "status", "job", "--check"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command("authsession", args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME=", "GORACE=atexit_sleep_ms=0")
			stderr, err := cmd.StderrPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(stderr).ReadString('\n')
			require.NoError(t, err)
			require.Equal(t, "authsession: waiting for session \"job\" to end, at most 30s\n", line)
			began := time.Now()
			require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
			code := ended(t, cmd)
			require.Less(t, time.Since(began), 15*time.Second)
			if name != "status" {
				require.Zero(t, code)
			} else {
				require.Equal(t, 130, code)
			}
		})
	}
}
