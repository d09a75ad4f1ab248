package jose_test

import (
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/internal/jose"
	gojose "github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

// TestThumbprints checks that a JWT names the certificate of its key, and no other one.
func TestThumbprints(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	pair := ca.Issue(t, certstest.Options{Name: "app", Key: p256})
	other := ca.Issue(t, certstest.Options{Name: "other", Key: rsaKey})
	withCert := string(must(gojose.JSONWebKey{Key: p256,
		Certificates: []*x509.Certificate{pair.X509}}.MarshalJSON()))
	p12 := base64.StdEncoding.EncodeToString(must(pkcs12.Modern.Encode(p256, pair.X509, nil, "")))
	for name, tt := range map[string]struct {
		text  string
		named bool
	}{
		"PEM, certificate first": {string(pair.Cert) + string(pair.Key), true},
		"PEM, key first":         {string(pair.Key) + string(other.Cert) + string(pair.Cert), true},
		"PKCS #12":               {p12, true},
		"JWK":                    {withCert, true},
		"PEM without one":        {string(pair.Key), false},
		"PEM of another key":     {string(pair.Key) + string(other.Cert), false},
		"JWK without one":        {jwk(p256, ""), false},
		"JWK with a bad one":     {jwk(p256, `,"x5c":[""]`), false},
		"JWK with a bad hash":    {jwk(p256, `,"x5t":"?"`), false},
	} {
		t.Run(name, func(t *testing.T) {
			signer, err := jose.KeyConfig{Text: core.NewSecret(tt.text)}.Load()
			require.NoError(t, err)
			token, err := signer.Sign(map[string]any{"iss": "app"})
			require.NoError(t, err)
			header, _ := verify(t, token, p256.Public())
			if !tt.named {
				require.Empty(t, header.ExtraHeaders["x5t"])
				require.Empty(t, header.ExtraHeaders["x5t#S256"])
				return
			}
			short, long := sha1.Sum(pair.X509.Raw), sha256.Sum256(pair.X509.Raw)
			require.Equal(t, base64.RawURLEncoding.EncodeToString(short[:]), header.ExtraHeaders["x5t"])
			require.Equal(t, base64.RawURLEncoding.EncodeToString(long[:]), header.ExtraHeaders["x5t#S256"])
		})
	}
}
