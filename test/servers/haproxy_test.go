//go:build acceptance

package servers_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

func TestHAProxyLetsNobodyIn(t *testing.T) {
	ca := servers.NewCA(t)
	key, other := ecKey(t), ecKey(t)
	h := servers.StartHAProxy(
		t,
		ca,
		servers.HAProxyOptions{Issuer: "https://issuer", Audience: "https://api", Key: key.Public()},
	)
	holder, thief := ca.Issue(t, "holder"), servers.NewCA(t).Issue(t, "thief")
	thumb := func(p servers.Pair) map[string]string {
		sum := sha256.Sum256(p.TLS.Certificate[0])
		return map[string]string{"x5t#S256": base64.RawURLEncoding.EncodeToString(sum[:])}
	}
	const iss, aud = "https://issuer", "https://api"
	in, ago := time.Now().Add(time.Minute).Unix(), time.Now().Add(-time.Minute).Unix()
	for name, c := range map[string]struct {
		key    *ecdsa.PrivateKey
		claims map[string]any
		with   *servers.Pair
		want   string
	}{
		"good":                        {key, map[string]any{"iss": iss, "aud": aud, "exp": in}, nil, "ada"},
		"good, with some certificate": {key, map[string]any{"iss": iss, "aud": aud, "exp": in}, &thief, "ada"},
		"none":                        {nil, nil, nil, ""},
		"signed by another": {
			other, map[string]any{"iss": iss, "aud": aud, "exp": in}, nil, "wrong signature",
		},
		"of another issuer": {
			key, map[string]any{"iss": iss + "2", "aud": aud, "exp": in}, nil, "wrong issuer",
		},
		"for another API": {
			key, map[string]any{"iss": iss, "aud": aud + "2", "exp": in}, nil, "wrong audience",
		},
		"for nobody":  {key, map[string]any{"iss": iss, "exp": in}, nil, "wrong audience"},
		"ended":       {key, map[string]any{"iss": iss, "aud": aud, "exp": ago}, nil, "wrong expiry"},
		"without end": {key, map[string]any{"iss": iss, "aud": aud}, nil, "wrong expiry"},
		"bound": {
			key, map[string]any{"iss": iss, "aud": aud, "exp": in, "cnf": thumb(holder)}, &holder,
			"ada",
		},
		"bound to an unknown one": {
			key, map[string]any{"iss": iss, "aud": aud, "exp": in, "cnf": thumb(thief)}, &thief,
			"ada",
		},
		"bound, another certificate": {
			key, map[string]any{"iss": iss, "aud": aud, "exp": in, "cnf": thumb(holder)}, &thief,
			"wrong certificate",
		},
		"bound, no certificate": {
			key, map[string]any{"iss": iss, "aud": aud, "exp": in, "cnf": thumb(holder)}, nil,
			"wrong certificate",
		},
	} {
		t.Run(name, func(t *testing.T) {
			settings := &tls.Config{RootCAs: ca.Pool()}
			if c.with != nil {
				settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &c.with.TLS, nil
				}
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings}}
			defer client.CloseIdleConnections()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL, nil)
			require.NoError(t, err)
			if c.key != nil {
				signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: c.key}, nil)
				require.NoError(t, err)
				c.claims["sub"] = "ada"
				token, err := jwt.Signed(signer).Claims(c.claims).Serialize()
				require.NoError(t, err)
				req.Header.Set("Authorization", "Bearer "+token)
			}
			resp, err := client.Do(req)
			require.NoError(t, err)
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.Equal(t, c.want, string(body))
			require.Equal(t, c.want == "ada", resp.StatusCode == http.StatusOK)
		})
	}
}

func ecKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	return key
}
