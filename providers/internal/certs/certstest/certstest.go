// Package certstest makes certificates for tests.
//
//	ca := certstest.NewCA(t, "test CA")
//	pair := ca.Issue(t, certstest.Options{Name: "client"})
//	os.WriteFile("client.pem", pair.Cert, 0o600)
package certstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// CA issues certificates. It is safe for concurrent use.
type CA struct {
	PEM  []byte
	X509 *x509.Certificate
	key  crypto.Signer
}

// Options describe a certificate. Zero: no name, valid from an hour ago for
// two hours from now, an ECDSA key of its own.
type Options struct {
	Name                string // its common name
	URI                 string // a URI among its names, such as a SPIFFE id
	NotBefore, NotAfter time.Time
	Key                 crypto.Signer
}

// Pair is a certificate and its key.
type Pair struct {
	Cert, Key []byte // PEM; the key is PKCS #8
	X509      *x509.Certificate
	Signer    crypto.Signer
}

// NewCA makes a root.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	p := issue(t, Options{Name: name}, nil, nil)
	return &CA{p.Cert, p.X509, p.Signer}
}

// Intermediate makes an issuer below c.
func (c *CA) Intermediate(t testing.TB, name string) *CA {
	t.Helper()
	return c.IntermediateOf(t, Options{Name: name})
}

// IntermediateOf makes an issuer below c as the options describe it.
func (c *CA) IntermediateOf(t testing.TB, o Options) *CA {
	t.Helper()
	p := issue(t, o, c,
		func(x *x509.Certificate) { x.IsCA, x.KeyUsage = true, x509.KeyUsageCertSign })
	return &CA{p.Cert, p.X509, p.Signer}
}

// Issue makes a certificate for clients, and for servers on the loopback.
func (c *CA) Issue(t testing.TB, o Options) Pair {
	t.Helper()
	return issue(t, o, c, func(x *x509.Certificate) {
		x.IsCA, x.KeyUsage = false, x509.KeyUsageDigitalSignature
		x.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth}
		x.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
		x.DNSNames = []string{"localhost"}
	})
}

// Pool returns a pool with c alone.
func (c *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.X509)
	return pool
}

// TLS returns p for a TLS configuration.
func (p Pair) TLS(t testing.TB) tls.Certificate {
	t.Helper()
	cert, err := tls.X509KeyPair(p.Cert, p.Key)
	require.NoError(t, err)
	return cert
}

func issue(t testing.TB, o Options, ca *CA, shape func(*x509.Certificate)) Pair {
	t.Helper()
	if o.Key == nil {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		o.Key = key
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	x := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: o.Name},
		NotBefore: o.NotBefore, NotAfter: o.NotAfter,
		BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign,
	}
	if x.NotBefore.IsZero() {
		x.NotBefore = time.Now().Add(-time.Hour)
	}
	if x.NotAfter.IsZero() {
		x.NotAfter = time.Now().Add(2 * time.Hour)
	}
	if o.URI != "" {
		u, err := url.Parse(o.URI)
		require.NoError(t, err)
		x.URIs = []*url.URL{u}
	}
	if shape != nil {
		shape(x)
	}
	parent, signer := x, o.Key
	if ca != nil {
		parent, signer = ca.X509, ca.key
	}
	der, err := x509.CreateCertificate(rand.Reader, x, parent, o.Key.Public(), signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	key, err := x509.MarshalPKCS8PrivateKey(o.Key)
	require.NoError(t, err)
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		X509: cert, Signer: o.Key,
	}
}
