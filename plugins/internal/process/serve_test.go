package process

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/base64"
	"os"
	"os/exec"
	"strings"
	"testing"

	hclog "github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"github.com/stretchr/testify/require"
)

// TestServeHasSmallKey proves that the certificate of a plugin in Go has a P-256 key, which costs
// less than go-plugin's own, and that the handshake is otherwise what go-plugin prints.
func TestServeHasSmallKey(t *testing.T) {
	path, _ := self()
	_, variable, err := clientCertificate()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = []string{CookieKey + "=" + CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1", variable,
		"PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir()}
	_, err = cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, _ := firstLine(out)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	require.NoError(t, Program{}.checkHandshake(line))
	h, _ := parseHandshake(line)
	der, err := base64.RawStdEncoding.DecodeString(h.certificate)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	require.Equal(t, elliptic.P256(), certificate.PublicKey.(*ecdsa.PublicKey).Curve)
}

// TestOtherHosts proves that a host of go-plugin as it is, whose key is P-521, works with a plugin
// that Serve serves, as it did before.
func TestOtherHosts(t *testing.T) {
	path, _ := self()
	in, out, err := os.Pipe() // go-plugin hands its own standard input on
	require.NoError(t, err)
	defer in.Close()
	defer out.Close()
	defer func(before *os.File) { os.Stdin = before }(os.Stdin)
	os.Stdin = in
	t.Setenv("TMPDIR", t.TempDir())
	for name, autoMTLS := range map[string]bool{"mutual TLS": true, "no TLS": false} {
		t.Run(name, func(t *testing.T) {
			client := goplugin.NewClient(&goplugin.ClientConfig{
				HandshakeConfig: Handshake, Cmd: exec.Command(path), AutoMTLS: autoMTLS,
				VersionedPlugins: map[int]goplugin.PluginSet{ProtocolVersion: {"test": testPlugin{}}},
				AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolGRPC},
				Logger:           hclog.NewNullLogger(),
			})
			defer client.Kill()
			protocol, err := client.Client()
			require.NoError(t, err)
			require.NoError(t, protocol.Ping())
			client.Kill()
			left, err := os.ReadDir(os.TempDir())
			require.NoError(t, err)
			require.Empty(t, left, "the plugin has removed its socket")
		})
	}
}

// TestServeWithoutUsableCertificate proves that a host's variable without a certificate ends the
// plugin with a text that says so, instead of a plugin without TLS.
func TestServeWithoutUsableCertificate(t *testing.T) {
	path, _ := self()
	cmd := exec.CommandContext(t.Context(), path)
	cmd.Env = []string{CookieKey + "=" + CookieValue, "PLUGIN_PROTOCOL_VERSIONS=1",
		"PLUGIN_CLIENT_CERT=x", "PLUGIN_UNIX_SOCKET_DIR=" + t.TempDir()}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer in.Close()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	require.Empty(t, stdout.String())
	require.Contains(t, stderr.String(), "PLUGIN_CLIENT_CERT")
}
