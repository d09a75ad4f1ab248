package mtls_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/mtls"
)

// The settings of a config file, and the subject of the session.
func Example() {
	cert, key := selfSigned("spread-desk")
	ctx := context.Background()
	provider, err := mtls.Factory.Open(ctx, "", map[string]any{"cert": cert, "key": key})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("trades", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	fmt.Println("the certificate of", s.Status().Subject)
	// Output: the certificate of spread-desk
}

// A program writes the settings as a literal. A certificate without its key is a fault of the
// settings.
func ExampleNew() {
	cert, key := selfSigned("spread-desk")
	provider, err := mtls.New(mtls.Config{Cert: core.NewSecret(cert), Key: core.NewSecret(key)})
	if err != nil {
		fmt.Println(err)
		return
	}
	cred, err := provider.Authenticate(context.Background(), core.Request{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cred.Subject, time.Until(cred.Expiry).Round(time.Hour))

	_, err = mtls.New(mtls.Config{Cert: core.NewSecret(cert)})
	fmt.Println(err)
	// Output:
	// spread-desk 1h0m0s
	// bad config: cert: holds no private key, but a certificate; name the key as key_file or key
}

func selfSigned(name string) (cert, key string) {
	private, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, _ := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(private)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}))
}
