package jose_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
	"github.com/authsession/authsession/providers/internal/jose"
	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"
)

var all = []gojose.SignatureAlgorithm{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
	"ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	rsaKey   = must(rsa.GenerateKey(rand.Reader, 2048))
	shortRSA = must(rsa.GenerateKey(rand.Reader, 1024))
	p256     = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	p384     = must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	p224     = must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	edKey    = ed25519.NewKeyFromSeed(make([]byte, 32))
)

func pkcs8(key any) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY",
		Bytes: must(x509.MarshalPKCS8PrivateKey(key))}))
}

func jwk(key any, more string) string {
	text := string(must(gojose.JSONWebKey{Key: key}.MarshalJSON()))
	return text[:len(text)-1] + more + "}"
}

// verify checks a token with the public key and returns its header and claims.
func verify(t *testing.T, token core.Secret, public any) (gojose.Header, map[string]any) {
	t.Helper()
	parsed, err := jwt.ParseSigned(token.Reveal(), all)
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, parsed.Claims(public, &claims))
	return parsed.Headers[0], claims
}

func TestKeys(t *testing.T) {
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY",
		Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)}))
	sec1 := string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY",
		Bytes: must(x509.MarshalECPrivateKey(p384))}))
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{Name: "app", Key: p256})
	p12 := must(pkcs12.Modern.Encode(p256, pair.X509, nil, "pass"))
	for _, tt := range []struct {
		name, text, password, id, algorithm string
		public                              crypto.PublicKey
		wantAlgorithm, wantID               string
	}{
		{"PKCS #8 RSA", pkcs8(rsaKey), "", "", "", rsaKey.Public(), "RS256", ""},
		{"PKCS #8 EC", pkcs8(p256), "", "k1", "", p256.Public(), "ES256", "k1"},
		{"PKCS #8 Ed25519", pkcs8(edKey), "", "", "EdDSA", edKey.Public(), "EdDSA", ""},
		{"PKCS #1 as PS256", pkcs1, "", "", "PS256", rsaKey.Public(), "PS256", ""},
		{"line breaks escaped", strings.ReplaceAll(pkcs8(p256), "\n", `\n`), "", "k1", "", p256.Public(),
			"ES256", "k1"},
		{"base64 of PEM", base64.StdEncoding.EncodeToString([]byte(pkcs8(p256))), "", "k1", "",
			p256.Public(), "ES256", "k1"},
		{"base64 of a JWK", base64.RawURLEncoding.EncodeToString([]byte(jwk(p256, ""))), "", "k1", "",
			p256.Public(), "ES256", "k1"},
		{"JWK with a byte order mark", "\ufeff" + jwk(p256, ""), "", "k1", "", p256.Public(), "ES256", "k1"},
		{"SEC 1", sec1, "", "", "", p384.Public(), "ES384", ""},
		{"PEM with a certificate", string(pair.Cert) + string(pair.Key), "", "", "", p256.Public(),
			"ES256", ""},
		{"PKCS #12", base64.StdEncoding.EncodeToString(p12), "pass", "k2", "", p256.Public(), "ES256",
			"k2"},
		{"JWK without kid", jwk(p256, ""), "", "", "", p256.Public(), "ES256", ""},
		{"JWK with kid and alg", jwk(rsaKey, `,"kid":"k3","alg":"PS384","use":"sig"`), "", "", "",
			rsaKey.Public(), "PS384", "k3"},
		{"JWK with another id", jwk(edKey, `,"kid":"k3","key_ops":["sign"]`), "", "k4", "",
			edKey.Public(), "EdDSA", "k4"},
		{"JWK Set",
			`{"keys":[{"kty":"new","kid":"a"},` + jwk(p384, `,"kid":"b"`) + `,` + jwk(p256, `,"kid":"c"`) +
				`]}`, "", "c", "", p256.Public(), "ES256", "c"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := jose.KeyConfig{Text: core.NewSecret(tt.text), Password: core.NewSecret(tt.password),
				ID: tt.id, Algorithm: tt.algorithm}
			require.NoError(t, c.Check("client_key"))
			signer, err := c.Load(t.Context())
			require.NoError(t, err)
			require.Equal(t, tt.wantAlgorithm, signer.Algorithm())
			token, err := signer.Sign(map[string]any{"iss": "app"})
			require.NoError(t, err)
			header, claims := verify(t, token, tt.public)
			require.Equal(t, tt.wantAlgorithm, header.Algorithm)
			require.Equal(t, tt.wantID, header.KeyID)
			require.Equal(t, map[string]any{"iss": "app"}, claims)
		})
	}
}

func TestBadKeys(t *testing.T) {
	swapped := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	//lint:ignore SA1019 the key is wrong on purpose
	swapped.D = p256.D
	rsaParts := jwk(rsaKey, "")
	encrypted := string(pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY",
		Bytes: []byte("x")}))
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{Name: "app", Key: p256})
	p12 := base64.StdEncoding.EncodeToString(must(pkcs12.Modern.Encode(p256, pair.X509, nil,
		"hunter2")))
	for _, tt := range []struct {
		name   string
		config jose.KeyConfig
		text   string
		fault  string
	}{
		{"nothing", jose.KeyConfig{ID: "k"}, "", "has neither file nor text"},
		{"twice", jose.KeyConfig{File: "x"}, "y", "give either text or file"},
		{"blank", jose.KeyConfig{}, " \n", "is empty"},
		{"words", jose.KeyConfig{}, "no key!", "holds no PEM"},
		{"short RSA", jose.KeyConfig{}, pkcs8(shortRSA), "the RSA key has 1024 bits; want 2048 or more"},
		{"short RSA in a JWK", jose.KeyConfig{}, jwk(shortRSA, ""), "the RSA key has 1024 bits"},
		{"odd curve", jose.KeyConfig{}, pkcs8(p224), "not on P-256, P-384 or P-521"},
		{"encrypted PEM", jose.KeyConfig{}, encrypted,
			"the private key is encrypted; set password"},
		{"PEM and a password", jose.KeyConfig{Password: core.NewSecret("hunter2")}, pkcs8(p256),
			"needs no password"},
		{"JWK and a password", jose.KeyConfig{Password: core.NewSecret("hunter2")}, jwk(p256, ""),
			"needs no password"},
		{"certificate", jose.KeyConfig{}, string(pair.Cert), "holds no private key"},
		{"two keys", jose.KeyConfig{}, pkcs8(p256) + pkcs8(p384), "more than one private key"},
		{"wrong password", jose.KeyConfig{Password: core.NewSecret("hunter3")}, p12,
			"the password does not open it"},
		{"no password", jose.KeyConfig{}, p12, "the password does not open it"},
		{"damaged PKCS #12", jose.KeyConfig{}, p12[:400], "is DER that is damaged or cut short"},
		{"RSA for EC", jose.KeyConfig{Algorithm: "ES256"}, pkcs8(rsaKey),
			"the key is RSA and cannot sign with ES256; want RS256"},
		{"curve for another", jose.KeyConfig{Algorithm: "ES384"}, pkcs8(p256),
			"the key is EC P-256 and cannot sign with ES384; want ES256"},
		{"Ed25519 for RSA", jose.KeyConfig{Algorithm: "PS256"}, jwk(edKey, ""), "the key is Ed25519"},
		{"a secret's algorithm", jose.KeyConfig{Algorithm: "HS256"}, pkcs8(rsaKey),
			"cannot sign with HS256"},
		{"alg none", jose.KeyConfig{}, jwk(p256, `,"alg":"none"`), "cannot sign with none"},
		{"two algorithms", jose.KeyConfig{Algorithm: "RS256"}, jwk(rsaKey, `,"alg":"PS256"`),
			`the JWK is for "PS256" and the setting says RS256`},
		{"public JWK", jose.KeyConfig{}, jwk(p256.Public(), ""), "is a public JWK"},
		{"symmetric JWK", jose.KeyConfig{}, jwk([]byte("hunter2hunter2hunter2hunter2hunter2"), ""),
			"is a symmetric JWK"},
		{"JWK to encrypt", jose.KeyConfig{}, jwk(rsaKey, `,"use":"enc"`), `its use is not "sig"`},
		{"JWK to verify", jose.KeyConfig{}, jwk(rsaKey, `,"key_ops":["verify"]`),
			`its key_ops lack "sign"`},
		{"halves of two keys", jose.KeyConfig{}, jwk(swapped, ""), "do not belong together"},
		{"damaged RSA JWK", jose.KeyConfig{}, strings.Replace(rsaParts, `"p":"`, `"p":"AA`, 1),
			"its parts do not belong together"},
		{"JWK of another kind", jose.KeyConfig{}, `{"kty":"hunter2"}`,
			"is not a JWK of a kind that is known"},
		{"cut JWK", jose.KeyConfig{}, rsaParts[:50], "is not valid JSON"},
		{"set without id", jose.KeyConfig{}, `{"keys":[` + jwk(p256, "") + `]}`, "give the id"},
		{"set without the key", jose.KeyConfig{ID: "z"}, `{"keys":[` + jwk(p256, `,"kid":"a"`) + `]}`,
			`has no key with the id "z"`},
		{"set with two", jose.KeyConfig{ID: "a"},
			`{"keys":[` + jwk(p256, `,"kid":"a"`) + `,` + jwk(p384, `,"kid":"a"`) + `]}`,
			"more than one key"},
		{"set that is none", jose.KeyConfig{ID: "a"}, `{"keys":{}}`, "is not a JWK Set"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.config.Text = core.NewSecret(tt.text)
			if tt.text == "" {
				tt.config.Text = core.Secret{}
			}
			err := tt.config.Check("client_key")
			require.ErrorContains(t, err, tt.fault)
			require.ErrorContains(t, err, "client_key")
			require.NotContains(t, err.Error(), "hunter2")
			if tt.config.File != "" || tt.text == "" {
				return
			}
			file := filepath.Join(t.TempDir(), "key")
			require.NoError(t, os.WriteFile(file, []byte(tt.text), 0o600))
			tt.config.File, tt.config.Text = file, core.Secret{}
			require.NoError(t, tt.config.Check("client_key"), "files are read when they are needed")
			_, err = tt.config.Load(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, file)
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.True(t, coded.Local)
			require.ErrorContains(t, err, tt.fault)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestFile reads a key that is exchanged in its file.
func TestFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.p12")
	c := jose.KeyConfig{File: file, Password: core.NewSecret("pass")}
	_, err := c.Load(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "does not exist")
	for _, key := range []*ecdsa.PrivateKey{p256, p384} {
		pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{Key: key})
		require.NoError(t,
			os.WriteFile(file, must(pkcs12.Modern.Encode(key, pair.X509, nil, "pass")), 0o600))
		signer, err := c.Load(t.Context())
		require.NoError(t, err)
		token, err := signer.Sign(nil)
		require.NoError(t, err)
		verify(t, token, key.Public())
	}
}

func TestMAC(t *testing.T) {
	for algorithm, least := range map[string]int{"": 32, "HS256": 32, "HS384": 48, "HS512": 64} {
		secret := core.NewSecret(strings.Repeat("s", least))
		signer, err := jose.NewMAC(secret, algorithm)
		require.NoError(t, err)
		token, err := signer.Sign(map[string]any{"a": "b"})
		require.NoError(t, err)
		verify(t, token, []byte(secret.Reveal()))
		_, err = jose.NewMAC(core.NewSecret(secret.Reveal()[1:]), algorithm)
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, fmt.Sprintf("shorter than the %d bytes", least))
	}
	_, err := jose.NewMAC(core.NewSecret(strings.Repeat("s", 99)), "RS256")
	require.ErrorIs(t, err, core.CodeBadConfig)
}

// held is a key that is held elsewhere.
type held struct {
	crypto.Signer
	fail func() error
}

func (h held) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if err := h.fail(); err != nil {
		return nil, err
	}
	return h.Signer.Sign(rand, digest, opts)
}

func TestHeldElsewhere(t *testing.T) {
	fine := func() error { return nil }
	for algorithm, key := range map[string]crypto.Signer{"RS256": rsaKey, "PS256": rsaKey,
		"ES256": p256, "EdDSA": edKey} {
		signer, err := jose.NewSigner(held{key, fine}, "k", algorithm)
		require.NoError(t, err)
		token, err := signer.Sign(map[string]any{"a": 1})
		require.NoError(t, err)
		header, _ := verify(t, token, key.Public())
		require.Equal(t, "k", header.KeyID)
		if algorithm == "PS256" {
			requireSalt(t, token)
		}
	}
	for want, fail := range map[core.Code]func() error{
		core.CodeUnavailable: func() error { return errors.New("no quorum") },
		core.CodeDenied:      func() error { return core.Errorf(core.CodeDenied, "no permission") },
	} {
		signer, err := jose.NewSigner(held{p256, fail}, "", "")
		require.NoError(t, err)
		_, err = signer.Sign(nil)
		require.ErrorIs(t, err, want)
	}
	signer, err := jose.NewSigner(held{p256, func() error { panic("card removed") }}, "", "")
	require.NoError(t, err)
	_, err = signer.Sign(nil)
	require.ErrorContains(t, err, "panicked")
	_, err = jose.NewSigner(nil, "", "")
	require.ErrorIs(t, err, core.CodeBadConfig)
	_, err = jose.NewSigner(held{p224, fine}, "", "")
	require.ErrorIs(t, err, core.CodeBadConfig)
}

// requireSalt checks that the salt of a PS256 signature is as long as the hash
// (RFC 7518 §3.5).
func requireSalt(t *testing.T, token core.Secret) {
	t.Helper()
	parts := strings.Split(token.Reveal(), ".")
	hash := crypto.SHA256.New()
	hash.Write([]byte(parts[0] + "." + parts[1]))
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	require.NoError(t,
		rsa.VerifyPSS(&rsaKey.PublicKey, crypto.SHA256, hash.Sum(nil), signature,
			&rsa.PSSOptions{SaltLength: 32}))
}

func TestSignerIsNotPrinted(t *testing.T) {
	signer, err := jose.NewSigner(p256, "", "")
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.Equal(t, "ES256 key", fmt.Sprintf(verb, signer))
	}
	require.Equal(t, "no key", fmt.Sprint((*jose.Signer)(nil)))
	text, err := json.Marshal([]any{signer})
	require.NoError(t, err)
	require.Equal(t, "[{}]", string(text))
}

func ExampleSigner_Sign() {
	signer, err := jose.NewMAC(core.NewSecret("a secret of at least thirty-two bytes"), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, err := signer.Sign(map[string]any{"iss": "app"})
	fmt.Println(signer, token, len(strings.Split(token.Reveal(), ".")), err)
	// Output: HS256 key REDACTED 3 <nil>
}
