//go:build cgo && acceptance

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const nginxConf = `daemon off;
master_process off;
pid %[1]s/nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
	default_type text/plain;
	server {
		listen 127.0.0.1:%[2]s ssl;
		ssl_certificate %[1]s/server.pem;
		ssl_certificate_key %[1]s/server.key;
		ssl_protocols %[3]s;
		ssl_client_certificate %[1]s/ca.pem;
		ssl_verify_client on;
		location / { return 200 "$ssl_client_s_dn"; }
	}
}
`

// startNginx starts nginx, which wants a certificate of ca for the handshake.
func startNginx(t *testing.T, ca *authority, version string) string {
	t.Helper()
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	ln, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free
	require.NoError(t, err)
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	require.NoError(t, ln.Close())
	for name, text := range map[string]string{
		"server.pem": ca.issue(t, "localhost", &key.PublicKey, 0), "server.key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"ca.pem": ca.pem(), "nginx.conf": fmt.Sprintf(nginxConf, dir, port, version),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	const nginx = "/usr/sbin/nginx"
	require.FileExists(t, nginx, "nginx is not installed: run `make servers` first")
	var log bytes.Buffer
	cmd := exec.Command(nginx, "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address := "https://localhost:" + port
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: trusting(ca)}}
	require.Eventually(t, func() bool {
		resp, err := client.Get(address)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == http.StatusBadRequest // nobody comes in without a certificate
	}, 5*time.Second, 10*time.Millisecond)
	return address
}

func trusting(ca *authority) *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{RootCAs: pool}
}
