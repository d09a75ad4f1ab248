//go:build cgo && acceptance

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
)

// TestClientAssertion authenticates an OAuth client (RFC 7523) with a key that
// stays in the token.
func TestClientAssertion(t *testing.T) {
	newToken(t)
	ca := newAuthority(t, "authority", nil)
	factory := fromPlugin(t)
	for name, public := range makeKeys(t) {
		t.Run(name, func(t *testing.T) {
			held, err := factory.Open(
				t.Context(),
				"",
				settings(map[string]any{"key": name, "cert": ca.issue(t, "client", public, 0)}),
			)
			require.NoError(t, err)
			token := core.New("token", held, nil)
			require.NoError(t, token.Init(t.Context()))
			key, err := token.Signer(t.Context())
			require.NoError(t, err)

			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !signedBy(public, r.FormValue("client_assertion")) {
					http.Error(w, `{"error":"invalid_client"}`, http.StatusUnauthorized)
					return
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = w.Write([]byte(`{"access_token":"a","token_type":"Bearer","expires_in":60}`))
			}))
			defer server.Close()
			p, err := oauth2.New(oauth2.Config{
				TokenURL: server.URL, ClientID: "app", ClientAuth: "private_key_jwt", Signer: key,
			})
			require.NoError(t, err)
			cred, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, "Bearer a", cred.Attach.Header["Authorization"].Reveal())
		})
	}
}

// signedBy verifies a JWT (RFC 7515 §5.2) with ES256 or RS256.
func signedBy(public crypto.PublicKey, jwt string) bool {
	i := strings.LastIndexByte(jwt, '.')
	if i < 0 {
		return false
	}
	signature, err := base64.RawURLEncoding.DecodeString(jwt[i+1:])
	digest := sha256.Sum256([]byte(jwt[:i]))
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return err == nil && len(signature) == 64 &&
			ecdsa.Verify(key, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case *rsa.PublicKey:
		return err == nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}
