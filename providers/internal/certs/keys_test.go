package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// fixturePassword is the password of all files in testdata.
const fixturePassword = "opens-sesame"

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

// encryptedKeys are the files in testdata with an encrypted private key that is read.
var encryptedKeys = []string{"pkcs8-aes256.pem", "pkcs8-aes128-sha1.pem",
	"pkcs8-aes192-sha512.pem", "pkcs8-des3.pem", "pkcs8-scrypt.pem", "pkcs1-aes128.pem", "pkcs1-des3.pem", "sec1-aes256.pem", "ssh-keygen-pem.pem",
	"ssh-keygen-pkcs8.pem"}

// TestEncryptedKeys proves that a private key that a common program has encrypted is read with its
// password, from a file and as text, and that the setting is named if the password is wrong or
// missing.
func TestEncryptedKeys(t *testing.T) {
	setting := func(password string) certs.Password {
		return certs.Password{Text: core.NewSecret(password), Setting: "key_password"}
	}
	for _, name := range encryptedKeys {
		t.Run(name, func(t *testing.T) {
			data := fixture(t, name)
			signer, _, err := certs.ParseKey(data, setting(fixturePassword))
			require.NoError(t, err)
			pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{Key: signer})
			for _, c := range []certs.Config{
				{CertFile: write(t, "cert.pem", pair.Cert), KeyFile: write(t, "key.pem", data)},
				{CertFile: write(t, "both.pem", data, pair.Cert)},
				{Cert: secret(pair.Cert), Key: secret(data)},
				{Cert: secret(data, pair.Cert)},
				{Cert: secret(pair.Cert), KeyFile: write(t, "key.pem", data)},
			} {
				c.KeyPassword = core.NewSecret(fixturePassword)
				require.NoError(t, c.Check(""))
				b, err := c.Load(t.Context(), false)
				require.NoError(t, err)
				require.Equal(t, string(pair.Cert)+string(pair.Key), b.Cert.Reveal(), "in the clear, for TLS")

				for password, want := range map[string]string{
					"":                          "the private key is encrypted; set key_password",
					"hunter2":                   "key_password does not open the private key",
					fixturePassword + "\n":      "key_password does not open the private key; it ends in a line break",
					"\ufeff" + fixturePassword:  "it begins with a character that cannot be seen (U+FEFF)",
					fixturePassword + "\u200b":  "it ends in a character that cannot be seen (U+200B)",
					`"` + fixturePassword + `"`: "it has quotes around it: remove them",
					fixturePassword + " ":       "it begins or ends in a space",
				} {
					c.KeyPassword = core.NewSecret(password)
					if password == "" {
						c.KeyPassword = core.Secret{}
					}
					_, err := c.Load(t.Context(), false)
					require.ErrorIs(t, err, core.CodeBadConfig)
					require.ErrorContains(t, err, want)
					require.NotContains(t, err.Error(), "hunter2")
					require.NotContains(t, err.Error(), fixturePassword)
				}
				c.NoPasswords = true
				_, err = c.Load(t.Context(), false)
				require.ErrorContains(t, err, "the private key is encrypted; decrypt it: openssl pkey")
			}
		})
	}
}

// TestManyIterations proves that the limit is above what password managers write.
func TestManyIterations(t *testing.T) {
	_, _, err := certs.ParseKey(fixture(t, "pkcs8-600000.pem"),
		certs.Password{Text: core.NewSecret(fixturePassword), Setting: "key_password"})
	require.NoError(t, err)
}

// TestEncryptedKeysThatAreNotRead proves that the error names the reason and the command.
func TestEncryptedKeysThatAreNotRead(t *testing.T) {
	good := fixture(t, "pkcs8-aes256.pem")
	decoded, _ := pem.Decode(good)
	slow, _ := pem.Decode(fixture(t, "pkcs8-600000.pem"))
	scrypt, _ := pem.Decode(fixture(t, "pkcs8-scrypt.pem"))
	replaced := func(b *pem.Block, old, with string) []byte {
		require.Len(t, with, len(old))
		require.True(t, bytes.Contains(b.Bytes, []byte(old)))
		return block(b.Type, bytes.Replace(b.Bytes, []byte(old), []byte(with), 1))
	}
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"PBES1", fixture(t, "pkcs8-pbes1.pem"), "openssl pkcs8 -topk8 -v2 aes-256-cbc"},
		{"OpenSSH", fixture(t, "ssh-keygen.pem"), "an OpenSSH key"},
		{"another cipher", replaced(decoded, "\x60\x86\x48\x01\x65\x03\x04\x01\x2a",
			"\x60\x86\x48\x01\x65\x03\x04\x01\x2e"), "not supported; convert it: openssl pkcs8"},
		{"another hash", replaced(decoded, "\x2a\x86\x48\x86\xf7\x0d\x02\x09",
			"\x2a\x86\x48\x86\xf7\x0d\x02\x7f"), "not supported"},
		{"seven million iterations", replaced(slow, "\x02\x03\x09\x27\xc0", "\x02\x03\x7f\x27\xc0"),
			"demands more than 1500000 iterations"},
		{"two billion iterations", replaced(slow, "\x02\x03\x09\x27\xc0", "\x02\x03\x7f\xff\xff"),
			"demands more than 1500000 iterations"},
		{"scrypt with much memory", replaced(scrypt, "\x02\x02\x40\x00\x02\x01\x08",
			"\x02\x02\x40\x00\x02\x01\x7f"), "demands more than"},
		{"scrypt with a cost that is no power of two", replaced(scrypt, "\x02\x02\x40\x00\x02\x01\x08",
			"\x02\x02\x40\x01\x02\x01\x08"), "the encrypted private key is damaged"},
		{"no iterations", replaced(slow, "\x02\x03\x09\x27\xc0", "\x02\x03\xff\x27\xc0"), "is damaged"},
		{"cut", block(decoded.Type, decoded.Bytes[:50]), "is damaged"},
		{"nothing", block(decoded.Type, nil), "is damaged"},
		{"RFC 1421 without parameters", pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
			Bytes: []byte("hunter2"), Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}}),
			"encrypted in a way that cannot be read"},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			_, _, err := certs.ParseKey(c.data,
				certs.Password{Text: core.NewSecret(fixturePassword), Setting: "key_password"})
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), fixturePassword)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
}

// TestKeyPasswordSettings proves that a key_password that opens nothing is a fault: somebody
// believes that a key is encrypted.
func TestKeyPasswordSettings(t *testing.T) {
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{})
	x := core.NewSecret("x")
	for _, c := range []struct {
		name, want string
		cfg        certs.Config
	}{
		{"alone", "tls.key_password: there is no key or key_file", certs.Config{KeyPassword: x}},
		{"with PKCS #12", "tls.key_password: it is for a key in PEM; that of a PKCS #12 is p12_password",
			certs.Config{P12File: "f", KeyPassword: x}},
		{"with a key that is not encrypted",
			"tls.key: the private key is not encrypted; it needs no key_password",
			certs.Config{Cert: secret(pair.Cert), Key: secret(pair.Key), KeyPassword: x}},
		{"with both in one text",
			"tls.cert: the private key is not encrypted; it needs no key_password",
			certs.Config{Cert: secret(pair.Cert, pair.Key), KeyPassword: x}},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.False(t, c.cfg.IsZero())
			require.EqualError(t, c.cfg.Check("tls"), c.want)
		})
	}
	_, err := certs.Config{CertFile: write(t, "c.pem", pair.Cert, pair.Key), KeyPassword: x}.Load(
		t.Context(), false)
	require.ErrorContains(t, err, "is not encrypted; it needs no key_password")
}

func edKey(t testing.TB) ed25519.PrivateKey {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return key
}

// TestKeysUnderOtherLabels proves that the label of a key does not decide how it is read.
func TestKeysUnderOtherLabels(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	require.NoError(t, err)
	pkcs8 := func(k any) []byte {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		require.NoError(t, err)
		return der
	}
	ec, rsaPair := ca.Issue(t, certstest.Options{Key: ecKey}), ca.Issue(t, certstest.Options{Key: rsaKey})
	ed := ca.Issue(t, certstest.Options{Key: edKey(t)})
	for _, label := range []string{"PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY",
		"ANY PRIVATE KEY", "ED25519 PRIVATE KEY"} {
		for form, c := range map[string]struct {
			pair certstest.Pair
			der  []byte
		}{
			"PKCS #8 of EC": {ec, pkcs8(ecKey)}, "SEC 1": {ec, sec1},
			"PKCS #8 of RSA": {rsaPair, pkcs8(rsaKey)},
			"PKCS #1":        {rsaPair, x509.MarshalPKCS1PrivateKey(rsaKey)},
			"PKCS #8 of Ed":  {ed, pkcs8(ed.Signer)},
		} {
			t.Run(form+" under "+label, func(t *testing.T) {
				key := block(label, c.der)
				b, err := certs.Config{Cert: secret(c.pair.Cert), Key: secret(key)}.Load(t.Context(), false)
				require.NoError(t, err)
				require.Equal(t, string(c.pair.Cert)+string(c.pair.Key), b.Cert.Reveal())
				_, err = certs.Config{CertFile: write(t, "c.pem", key, c.pair.Cert)}.Load(t.Context(), false)
				require.NoError(t, err)
				signer, _, err := certs.ParseKey(key, certs.Password{})
				require.NoError(t, err)
				require.Equal(t, c.pair.X509.PublicKey, signer.Public())
			})
		}
	}
	for _, c := range []struct{ name, label, want string }{
		{"a DSA key", "DSA PRIVATE KEY", "a DSA key"},
		{"garbage", "EC PRIVATE KEY", "the private key cannot be read"},
		{"an OpenSSH key", "OPENSSH PRIVATE KEY", "ssh-keygen -p -m PKCS8"},
	} {
		_, _, err := certs.ParseKey(block(c.label, []byte("hunter2")), certs.Password{})
		require.ErrorContains(t, err, c.want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	// secp256k1, in SEC 1 and in PKCS #8
	der, err := asn1.Marshal(struct {
		Version int
		Key     []byte
		Curve   asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	}{1, make([]byte, 32), asn1.ObjectIdentifier{1, 3, 132, 0, 10}})
	require.NoError(t, err)
	_, _, err = certs.ParseKey(block("EC PRIVATE KEY", der), certs.Password{})
	require.ErrorContains(t, err, "of a curve that TLS has no use for")
}
