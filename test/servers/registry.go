package servers

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// RegistryOptions say which tokens [StartRegistry] takes.
type RegistryOptions struct {
	Realm, Service, Issuer string
	Roots                  string // PEM file: the signers' certificates are of these
}

// StartRegistry starts Debian's docker-registry, whose images are in memory, or skips the
// test if it is not installed. It returns its URL.
func StartRegistry(t testing.TB, opts RegistryOptions) string {
	t.Helper()
	program, err := exec.LookPath("docker-registry")
	if err != nil {
		t.Skip("docker-registry is not installed")
	}
	addr := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	conf := filepath.Join(t.TempDir(), "conf.yml")
	require.NoError(t, os.WriteFile(conf, fmt.Appendf(nil, `version: 0.1
storage: {inmemory: {}}
http: {addr: %q}
auth: {token: {realm: %q, service: %q, issuer: %q, rootcertbundle: %q}}
`, addr, opts.Realm, opts.Service, opts.Issuer, opts.Roots), 0o600))
	var log notes
	cmd := exec.Command(program, "serve", conf)
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := endWith(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	require.Eventually(t, func() bool {
		select {
		case <-ended:
			t.Fatalf("docker-registry has ended: %s", log.String())
		default:
		}
		resp, err := client.Get("http://" + addr + "/v2/")
		if err == nil {
			_ = resp.Body.Close()
		}
		return err == nil
	}, 20*time.Second, 50*time.Millisecond)
	return "http://" + addr
}
