package dpop_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/go-jose/go-jose/v4"
	"github.com/stretchr/testify/require"
)

// keys returns a key for each algorithm, made once.
var keys = sync.OnceValues(func() (map[string]*dpop.Key, error) {
	all := map[string]*dpop.Key{}
	for _, algorithm := range dpop.Algorithms {
		key, err := dpop.NewKey(algorithm)
		if err != nil {
			return nil, err
		}
		all[algorithm] = key
	}
	return all, nil
})

// open verifies a proof as a server does and returns header and claims.
func open(t testing.TB, proof core.Secret) (jose.Header, map[string]any) {
	t.Helper()
	jws, err := jose.ParseSignedCompact(proof.Reveal(),
		[]jose.SignatureAlgorithm{jose.ES256, jose.EdDSA, jose.RS256, jose.PS256})
	require.NoError(t, err)
	header := jws.Signatures[0].Protected
	require.True(t, header.JSONWebKey.IsPublic(), "only the public half is sent")
	body, err := jws.Verify(header.JSONWebKey)
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(body, &claims))
	return header, claims
}

func TestProof(t *testing.T) {
	all, err := keys()
	require.NoError(t, err)
	token := core.NewSecret("Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
	for algorithm, key := range all {
		t.Run(algorithm, func(t *testing.T) {
			proof, err := key.Proof(dpop.Claims{
				Method: "POST", URL: "HTTPS://Server.Example.com:443/token?x=secret#y", Token: token,
				Nonce: "eyJ7S_zG.eyJH0-Z.HX4w-7v",
			})
			require.NoError(t, err)
			header, claims := open(t, proof)
			require.Equal(t, algorithm, header.Algorithm)
			require.Equal(t, "dpop+jwt", header.ExtraHeaders[jose.HeaderType])
			print, err := header.JSONWebKey.Thumbprint(crypto.SHA256)
			require.NoError(t, err)
			require.Equal(t, key.Thumbprint(), base64.RawURLEncoding.EncodeToString(print))

			require.InDelta(t, time.Now().Add(-3*time.Second).Unix(), claims["iat"], 4)
			id, _ := claims["jti"].(string)
			require.GreaterOrEqual(t, len(id)*5, 128, "bits at random")
			delete(claims, "iat")
			delete(claims, "jti")
			require.Equal(t, map[string]any{
				"htm": "POST", "htu": "https://server.example.com/token", "nonce": "eyJ7S_zG.eyJH0-Z.HX4w-7v",
				"ath": "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", // RFC 9449 §7.1
			}, claims)
		})
	}
}

// TestWithout checks that what is not there is not claimed.
func TestWithout(t *testing.T) {
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	require.Equal(t, dpop.ES256, key.Algorithm())
	for _, nonce := range []string{"", "a b", `a"b`, "a\\b", "é", strings.Repeat("a", 1025)} {
		proof, err := key.Proof(dpop.Claims{Method: "GET", URL: "https://server.example.com",
			Nonce: nonce})
		require.NoError(t, err)
		_, claims := open(t, proof)
		require.NotContains(t, claims, "nonce")
		require.NotContains(t, claims, "ath")
		require.Equal(t, "https://server.example.com/", claims["htu"])
	}
}

func TestTimeAndIdentity(t *testing.T) {
	key, err := dpop.NewKey(dpop.EdDSA)
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		seen := map[any]bool{}
		for range 3 {
			proof, err := key.Proof(dpop.Claims{Method: "GET", URL: "https://a.example/"})
			require.NoError(t, err)
			_, claims := open(t, proof)
			require.EqualValues(t, time.Now().Add(-3*time.Second).Unix(), claims["iat"])
			require.False(t, seen[claims["jti"]], "each proof is another")
			seen[claims["jti"]] = true
			time.Sleep(time.Minute)
		}
	})
}

func TestTarget(t *testing.T) {
	for in, want := range map[string]string{
		"https://a.example":                 "https://a.example/",
		"https://a.example/?q#f":            "https://a.example/",
		"HTTPS://A.Example:443/B":           "https://a.example/B",
		"http://a.example:80/b":             "http://a.example/b",
		"http://a.example:443/b":            "http://a.example:443/b",
		"https://a.example:/b":              "https://a.example/b",
		"https://a.example:8443/b%2Fc%20d/": "https://a.example:8443/b%2Fc%20d/",
		"https://a.example/b/../c":          "https://a.example/b/../c", // as it is sent
		"https://me:pw@a.example/":          "https://a.example/",
		"wss://a.example/socket?x":          "https://a.example/socket",
		"ws://127.0.0.1:8080/socket":        "http://127.0.0.1:8080/socket",
		"https://[::1]:8443/":               "https://[::1]:8443/",
		"https://[FE80::1%25eth0]/":         "https://[fe80::1]/",
		"https://a.example/ü":               "https://a.example/%C3%BC",
	} {
		got, err := dpop.Target(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	for _, in := range []string{"", "/path", "ftp://a.example/", "mailto:a@b", "https://",
		"https:///x", "https://bücher.example/", "https://a\x7f/"} {
		_, err := key.Proof(dpop.Claims{Method: "GET", URL: in})
		require.ErrorIs(t, err, core.CodeBadConfig, in)
	}
}

func TestKeyAsText(t *testing.T) {
	all, err := keys()
	require.NoError(t, err)
	for algorithm, key := range all {
		again, err := dpop.ParseKey(key.Secret())
		require.NoError(t, err)
		require.Equal(t, key.Secret(), again.Secret())
		require.Equal(t, algorithm, again.Algorithm())
		require.Equal(t, key.Thumbprint(), again.Thumbprint())
		proof, err := again.Proof(dpop.Claims{Method: "GET", URL: "https://a.example/"})
		require.NoError(t, err)
		open(t, proof)
	}
}

func TestBadKeys(t *testing.T) {
	_, err := dpop.NewKey("HS256")
	require.ErrorIs(t, err, core.CodeBadConfig)

	text := func(key any, algorithm string) string {
		b, err := jose.JSONWebKey{Key: key, Algorithm: algorithm}.MarshalJSON()
		require.NoError(t, err)
		return string(b)
	}
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	t.Setenv("GODEBUG", "rsa1024min=0")
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	good := text(p256, "")
	key, err := dpop.ParseKey(core.NewSecret(good))
	require.NoError(t, err)
	require.Equal(t, dpop.ES256, key.Algorithm(), "the type chooses")

	for name, bad := range map[string]string{
		"nothing":         "",
		"no JSON":         "canary",
		"a public key":    text(p256.Public(), ""),
		"a secret":        `{"kty":"oct","k":"Y2FuYXJ5"}`,
		"wrong curve":     text(p384, ""),
		"wrong algorithm": text(p256, dpop.RS256),
		"too short":       text(short, ""),
		//lint:ignore SA1019 the key is wrong on purpose
		"two halves": text(&ecdsa.PrivateKey{PublicKey: other.PublicKey, D: p256.D}, ""),
		"too long":   good[:len(good)-1] + `,"x":"` + strings.Repeat(" ", 8<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := dpop.ParseKey(core.NewSecret(bad))
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.NotContains(t, err.Error(), "canary")
		})
	}
}

func TestKeyIsNotPrinted(t *testing.T) {
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		require.Equal(t, "DPoP key "+key.Thumbprint(), fmt.Sprintf(verb, key))
		require.Equal(t, "no DPoP key", fmt.Sprintf(verb, (*dpop.Key)(nil)))
	}
	doc, err := json.Marshal([]any{key})
	require.NoError(t, err)
	require.Equal(t, "[{}]", string(doc))
}

func TestNonce(t *testing.T) {
	var n dpop.Nonce
	require.Empty(t, n.Latest())
	for _, step := range []struct{ header, learned, latest string }{
		{"", "", ""},
		{"a", "a", "a"},
		{"a", "a", "a"},
		{"b c", "", "a"},
		{`b"`, "", "a"},
		{strings.Repeat("b", 1025), "", "a"},
		{"", "", "a"},
		{strings.Repeat("b", 1024), strings.Repeat("b", 1024), strings.Repeat("b", 1024)},
	} {
		require.Equal(t, step.learned, n.Learn(http.Header{"Dpop-Nonce": {step.header}}))
		require.Equal(t, step.latest, n.Latest())
	}
	require.Equal(t, dpop.NonceHeader, http.CanonicalHeaderKey("DPoP-Nonce"))
}

// TestTogether is for the race detector.
func TestTogether(t *testing.T) {
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	var n dpop.Nonce
	var seen sync.Map
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 20 {
				n.Learn(http.Header{"Dpop-Nonce": {fmt.Sprint(i, "-", j)[:1]}})
				proof, err := key.Proof(dpop.Claims{Method: "GET", URL: "https://a.example/",
					Nonce: n.Latest()})
				if err != nil {
					t.Error(err)
					return
				}
				if _, twice := seen.LoadOrStore(sha256.Sum256([]byte(proof.Reveal())), true); twice {
					t.Error("the same proof twice")
				}
			}
		})
	}
	all.Wait()
}
