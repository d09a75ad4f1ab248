package jose_test

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/jose"
	"github.com/stretchr/testify/require"
)

// FuzzKey checks that no text makes the parsers of PEM, JWK and PKCS #12 panic,
// and that a key that they take can sign.
func FuzzKey(f *testing.F) {
	for _, text := range []string{
		pkcs8(p256), pkcs8(edKey), pkcs8(shortRSA), jwk(p256, `,"kid":"k"`), jwk(edKey, ""),
		jwk(shortRSA, ""),
		jwk(p256.Public(), ""), `{"keys":[` + jwk(p384, `,"kid":"k"`) + `]}`, `{"kty":"oct","k":"AA"}`,
		`{"kty":"EC"}`, `{"keys":[null,{}]}`,
		"-----BEGIN PRIVATE KEY-----", "MIIB", "{", "", "\x30\x82",
	} {
		f.Add(text, "k", "")
		f.Add(text, "", "ES256")
	}
	f.Fuzz(func(t *testing.T, text, id, algorithm string) {
		c := jose.KeyConfig{Text: core.NewSecret(text), ID: id, Algorithm: algorithm}
		signer, err := c.Load(t.Context())
		if err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
			return
		}
		require.NoError(t, c.Check("key"))
		_, err = signer.Sign(map[string]any{"iss": "app"})
		require.NoError(t, err)
	})
}
