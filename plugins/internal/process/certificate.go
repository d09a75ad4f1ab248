// Read on in stdio.go.

package process

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"time"
)

// clientCertVariable has the host's certificate, in the plugin's environment.
const clientCertVariable = "PLUGIN_CLIENT_CERT"

// clientCertificate makes the host's certificate for one process. go-plugin calls
// this AutoMTLS: plugin and host show each other certificates made for this one
// process. go-plugin's own P-521 key would cost both sides several milliseconds,
// and BoringSSL does not verify it.
//
// It returns the configuration, to which go-plugin adds the plugin's certificate
// as the one authority, and the environment variable for the plugin.
func clientCertificate() (*tls.Config, string, error) {
	own, err := newCertificate()
	if err != nil {
		return nil, "", err
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{own},
		MinVersion:   tls.VersionTLS12,
		ServerName:   "localhost",
		RootCAs:      x509.NewCertPool(), // none until the plugin has shown its own
		// Without ML-KEM, which protects what is recorded from computers to come: nothing
		// of a socket in a folder of this user can be recorded. It costs both sides time.
		CurvePreferences: []tls.CurveID{tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521},
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})
	return config, clientCertVariable + "=" + string(text), nil
}

// serverConfig returns the configuration of a plugin whose certificate own returns.
// It admits nobody but the owner of the host's certificate, a PEM text.
func serverConfig(hostCert string, own func() (tls.Certificate, error)) (*tls.Config, error) {
	host := x509.NewCertPool()
	if !host.AppendCertsFromPEM([]byte(hostCert)) {
		return nil, errors.New(clientCertVariable + " is no certificate in PEM form")
	}
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			certificate, err := own()
			return &certificate, err
		},
		MinVersion: tls.VersionTLS12,
		ServerName: "localhost",
		ClientAuth: tls.RequireAndVerifyClientCert,
		ClientCAs:  host,
		RootCAs:    host,
		// The host makes one connection for each process.
		SessionTicketsDisabled: true,
	}, nil
}

// newCertificate makes a P-256 key and a certificate that is its own authority.
func newCertificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost"},
		DNSNames:     []string{"localhost"},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.AddDate(30, 0, 0), // longer than a process lives
		KeyUsage:     x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{
			x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth,
		},
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
