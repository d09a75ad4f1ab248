package core_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/authsession/authsession/core"
)

// certificatePEM returns a DER certificate as PEM.
func certificatePEM(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// A program that speaks another protocol than HTTP takes the session's client certificate and roots
// from TLSConfig. Each handshake uses those of its time.
func ExampleSession_TLSConfig() {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	roots := certificatePEM(server.Certificate().Raw)
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		c := bearerCredential("t1")
		c.Attach.Roots = roots
		return c, nil
	})
	session := core.New("database", provider, &core.Options{Lazy: true})
	defer session.Close(context.Background())

	config := session.TLSConfig(&tls.Config{ServerName: "example.com"})
	conn, err := tls.Dial("tcp", server.Listener.Addr().String(), config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(conn.ConnectionState().HandshakeComplete)
	// Output:
	// true
}

// tokenDevice is a provider whose private key does not leave it, as in a smart card.
type tokenDevice struct {
	key   *ecdsa.PrivateKey
	chain string
}

// Authenticate returns the certificate. The key is not part of it.
func (d tokenDevice) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Attach: core.Attachment{Cert: core.NewSecret(d.chain)}}, nil
}

// SignDigest implements [core.TLSSigner].
func (d tokenDevice) SignDigest(_ context.Context, req core.SignatureRequest) ([]byte, error) {
	return d.key.Sign(rand.Reader, req.Digest, req.Hash)
}

// newTokenDevice makes a key and a certificate for it.
func newTokenDevice() (tokenDevice, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tokenDevice{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "device"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tokenDevice{key, certificatePEM(der)}, err
}

// A provider can sign with a key that it does not give away. The TLS handshakes of its session ask
// it for a signature; so can the program, for example to sign a client assertion.
func ExampleSigner() {
	ctx := context.Background()
	device, err := newTokenDevice()
	if err != nil {
		fmt.Println(err)
		return
	}
	session := core.New("bank", device, &core.Options{Lazy: true})
	defer session.Close(ctx)

	signer, err := session.Signer(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	digest := sha256.Sum256([]byte("a message"))
	signature, err := signer.Sign(rand.Reader, digest[:], crypto.SHA256)
	public, _ := signer.Public().(*ecdsa.PublicKey)
	fmt.Println(ecdsa.VerifyASN1(public, digest[:], signature), err)
	// Output:
	// true <nil>
}
