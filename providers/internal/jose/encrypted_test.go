package jose_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/jose"
)

// TestEncryptedKeys proves that a key that common programs have encrypted signs assertions, and
// that a wrong or missing password is a fault that names the setting.
func TestEncryptedKeys(t *testing.T) {
	for _, name := range []string{"pkcs8-aes256.pem", "pkcs8-scrypt.pem", "pkcs8-des3.pem",
		"pkcs1-aes128.pem", "sec1-aes256.pem", "ssh-keygen-pkcs8.pem", "openssl.p12"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("..", "certs", "testdata", name)
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			password := core.NewSecret("opens-sesame")
			for _, c := range []jose.KeyConfig{{File: file}, {Text: core.NewSecret(string(text))}} {
				c.Password = password
				if filepath.Ext(name) != ".p12" {
					require.NoError(t, c.Check("client_key"))
				} else if c.File == "" {
					continue // a PKCS #12 as text is in base64
				}
				_, err := c.Load(t.Context())
				require.NoError(t, err)
				c.Password = core.NewSecret("hunter2")
				_, err = c.Load(t.Context())
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, "password does not open")
				require.NotContains(t, err.Error(), "hunter2")
				c.Password = core.Secret{}
				_, err = c.Load(t.Context())
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, "password")
			}
		})
	}
}
