package servers

import (
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

//go:embed haproxy.cfg.tmpl
var haproxyConf string

// HAProxy is an API behind HAProxy, which checks access tokens by itself: ES256
// signature, issuer, audience, expiry, and, where a token is bound to a
// certificate (RFC 8705 §3), that the connection has it. It answers with the
// subject, or with 401 and what was wrong.
type HAProxy struct {
	URL string
}

// HAProxyOptions say which tokens [StartHAProxy] takes.
type HAProxyOptions struct {
	Issuer   string
	Audience string
	Key      any // the issuer's public key, for ES256
}

// StartHAProxy starts HAProxy with a certificate of ca.
func StartHAProxy(t testing.TB, ca *CA, opts HAProxyOptions) *HAProxy {
	t.Helper()
	program := need(t, "haproxy", "/usr/sbin/haproxy")
	dir := t.TempDir()
	pair := ca.Issue(t, "localhost")
	der, err := x509.MarshalPKIXPublicKey(opts.Key)
	require.NoError(t, err)
	for name, text := range map[string]string{
		"server.both.pem": pair.Cert + pair.Key,
		"ca.pem":          ca.PEM,
		"issuer.pem":      string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	conf, err := os.Create(filepath.Join(dir, "haproxy.cfg"))
	require.NoError(t, err)
	defer conf.Close()
	require.NoError(t, template.Must(template.New("haproxy").Parse(haproxyConf)).Execute(conf, struct {
		HAProxyOptions
		Dir string
	}{opts, dir}))

	// The socket is made here and inherited: nobody else can take the port.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer socket.Close()

	var log notes
	cmd := exec.Command(program, "-db", "-f", conf.Name())
	cmd.Stderr = &log
	cmd.ExtraFiles = []*os.File{socket} // its descriptor 3
	require.NoError(t, cmd.Start())
	ended := endWith(t, cmd, func() { _ = cmd.Process.Signal(syscall.SIGTERM) })
	h := &HAProxy{URL: "https://" + listener.Addr().String()}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: ca.trust(),
		DisableKeepAlives: true}, Timeout: time.Second}
	for deadline := time.Now().Add(10 * time.Second); ; {
		if resp, err := client.Get(h.URL); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			return h
		}
		select {
		case <-ended:
			t.Fatalf("haproxy ended: %s", &log)
		case <-time.After(10 * time.Millisecond):
			require.True(t, time.Now().Before(deadline), "haproxy did not start: %s", &log)
		}
	}
}

// Key returns the public key that the provider signs access tokens with.
func (p *OIDCProvider) Key(t testing.TB) any {
	t.Helper()
	resp, err := p.client.Get(p.Issuer + "/jwks")
	require.NoError(t, err)
	defer resp.Body.Close()
	var set jose.JSONWebKeySet
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&set))
	keys := set.Key("ES256")
	require.Len(t, keys, 1)
	return keys[0].Key
}
