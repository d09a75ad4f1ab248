package process

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// connect makes a TLS connection of two configurations and returns what the client knows of
// it, and the errors of both sides.
func connect(t *testing.T, client, server *tls.Config) (tls.ConnectionState, error, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	ours, err := net.Dial("tcp", listener.Addr().String())
	require.NoError(t, err)
	defer ours.Close()
	theirs, err := listener.Accept()
	require.NoError(t, err)
	serverErr := make(chan error, 1)
	go func() {
		defer theirs.Close()
		conn := tls.Server(theirs, server)
		err := conn.Handshake()
		if err == nil {
			_, err = conn.Write([]byte("x"))
		}
		serverErr <- err
	}()
	conn := tls.Client(ours, client)
	_, err = conn.Read(make([]byte, 1))
	_ = ours.Close()
	return conn.ConnectionState(), err, <-serverErr
}

// trusting returns the configuration of the host after the handshake of a plugin.
func trusting(t *testing.T, config *tls.Config, own tls.Certificate) *tls.Config {
	t.Helper()
	certificate, err := x509.ParseCertificate(own.Certificate[0])
	require.NoError(t, err)
	config = config.Clone()
	config.RootCAs = x509.NewCertPool()
	config.RootCAs.AddCert(certificate)
	return config
}

// TestConnectionOfHostAndPlugin proves that both sides know each other by the certificates of one
// start and by nothing else, that the plugin's may be made later than its configuration, and that
// neither tickets nor ML-KEM take time.
func TestConnectionOfHostAndPlugin(t *testing.T) {
	host, variable, err := clientCertificate()
	require.NoError(t, err)
	_, hostCert, _ := strings.Cut(variable, "=")
	own, err := newCertificate()
	require.NoError(t, err)
	made := make(chan tls.Certificate, 1)
	plugin, err := serverConfig(hostCert, func() (tls.Certificate, error) { return <-made, nil })
	require.NoError(t, err)

	tickets := 0
	client := trusting(t, host, own)
	client.ClientSessionCache = countingCache{&tickets}
	made <- own
	state, err, serverErr := connect(t, client, plugin)
	require.NoError(t, err)
	require.NoError(t, serverErr)
	require.EqualValues(t, tls.VersionTLS13, state.Version)
	require.Equal(t, tls.X25519, state.CurveID)
	require.Zero(t, tickets)

	other, _, err := clientCertificate()
	require.NoError(t, err)
	made <- own
	_, err, serverErr = connect(t, trusting(t, other, own), plugin)
	require.Error(t, err)
	require.ErrorContains(t, serverErr, "certificate", "a client with another certificate")

	without := trusting(t, host, own)
	without.Certificates = nil
	made <- own
	_, err, serverErr = connect(t, without, plugin)
	require.Error(t, err)
	require.ErrorContains(t, serverErr, "certificate", "a client without a certificate")

	made <- own
	_, err, _ = connect(t, host, plugin)
	require.ErrorContains(t, err, "certificate", "a plugin whose certificate the host does not know")
}

// countingCache counts the tickets that a server issues.
type countingCache struct{ tickets *int }

func (c countingCache) Get(string) (*tls.ClientSessionState, bool) { return nil, false }
func (c countingCache) Put(_ string, s *tls.ClientSessionState) {
	if s != nil {
		*c.tickets++
	}
}
