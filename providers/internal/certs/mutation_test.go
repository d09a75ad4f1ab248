package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	mathrand "math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// mutations is how often each good text is altered.
const mutations = 1000

// good is a text that is read, and how.
type good struct {
	data []byte
	p12  bool // it is PKCS #12
	open bool // which is not encrypted and has no MAC, so that all of it is parsed
}

// load reads a text as client certificate, key and roots, or as PKCS #12.
func (g good) load(t testing.TB, data []byte) error {
	password := core.NewSecret(fixturePassword)
	cfg := certs.Config{Cert: core.NewSecret(string(data)), CA: core.NewSecret(string(data))}
	switch {
	case g.open:
		cfg = certs.Config{P12: core.NewSecret(base64.StdEncoding.EncodeToString(data))}
	case g.p12:
		cfg = certs.Config{P12: core.NewSecret(base64.StdEncoding.EncodeToString(data)),
			P12Password: password}
	case bytes.Contains(g.data, []byte("ENCRYPTED")):
		cfg.KeyPassword = password
	}
	_, err := cfg.Load(t.Context(), false)
	_, _, keyErr := certs.ParseKey(data, certs.Password{Text: cfg.P12Password, Setting: "password"})
	if keyErr != nil {
		requireNothingOf(t, data, keyErr.Error())
	}
	return err
}

// longWord is a part of an error that may be a part of a key.
var longWord = regexp.MustCompile(`[A-Za-z0-9+/=]{12,}`)

// requireNothingOf proves that an error repeats nothing of a text, and not the password.
func requireNothingOf(t testing.TB, data []byte, text string) {
	require.NotContains(t, text, fixturePassword)
	for _, word := range longWord.FindAllString(text, -1) {
		require.False(t, bytes.Contains(data, []byte(word)), text)
	}
}

// goodTexts are certificates and keys in ten shapes of PEM, and PKCS #12 of six programs.
func goodTexts(t testing.TB) map[string]good {
	ca := certstest.NewCA(t, "root")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(ecKey)
	require.NoError(t, err)
	ec, rs := ca.Issue(t, certstest.Options{Key: ecKey}), ca.Issue(t, certstest.Options{Key: rsaKey})
	ed := ca.Issue(t, certstest.Options{Key: edKey(t)})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	pkcs8 := join(ec.Cert, ca.PEM, ec.Key)
	withCert := func(name string) []byte {
		key := fixture(t, name)
		signer, _, err := certs.ParseKey(key, certs.Password{Text: core.NewSecret(fixturePassword),
			Setting: "password"})
		require.NoError(t, err)
		return join(ca.Issue(t, certstest.Options{Key: signer}).Cert, key)
	}
	escaped := strings.ReplaceAll(string(pkcs8), "\n", `\n`)
	texts := map[string]good{
		"PKCS #8":                {data: pkcs8},
		"PKCS #8 of Ed25519":     {data: join(ed.Key, ed.Cert)},
		"PKCS #1":                {data: join(rs.Cert, block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)))},
		"SEC 1":                  {data: join(ec.Cert, block("EC PRIVATE KEY", sec1))},
		"encrypted PKCS #8":      {data: withCert("pkcs8-aes256.pem")},
		"encrypted PKCS #1":      {data: withCert("pkcs1-aes128.pem")},
		"escaped":                {data: []byte(escaped)},
		"one line":               {data: bytes.ReplaceAll(pkcs8, []byte("\n"), nil)},
		"base64":                 {data: []byte(base64.StdEncoding.EncodeToString(pkcs8))},
		"comments and CR LF":     {data: append([]byte("# ours\r\n"), bytes.ReplaceAll(pkcs8, []byte("\n"), []byte("\r\n"))...)},
		"OpenSSL's PKCS #12":     {data: fixture(t, "openssl.p12"), p12: true},
		"OpenSSL's old PKCS #12": {data: fixture(t, "openssl-legacy.p12"), p12: true},
		"Java's PKCS #12":        {data: fixture(t, "keytool.p12"), p12: true},
		"Windows' PKCS #12":      {data: fixture(t, "windows.p12"), p12: true},
	}
	for name, encoder := range map[string]*pkcs12.Encoder{
		"go-pkcs12's": pkcs12.Modern, "go-pkcs12's old": pkcs12.LegacyDES,
	} {
		data, err := encoder.Encode(ecKey, ec.X509, []*x509.Certificate{ca.X509}, fixturePassword)
		require.NoError(t, err)
		texts[name] = good{data: data, p12: true}
	}
	plain, err := pkcs12.Passwordless.Encode(ecKey, ec.X509, []*x509.Certificate{ca.X509}, "")
	require.NoError(t, err)
	texts["PKCS #12 without a password"] = good{data: plain, p12: true, open: true}
	for name, g := range texts {
		require.NoError(t, g.load(t, g.data), name)
	}
	texts["NSS' PKCS #12, in BER"] = good{data: fixture(t, "nss.p12"), p12: true}
	return texts
}

// mutate alters a text in up to four places.
func mutate(r *mathrand.Rand, data []byte) []byte {
	data = bytes.Clone(data)
	for range 1 + r.IntN(4) {
		if len(data) < 2 {
			return data
		}
		from, until := r.IntN(len(data)), r.IntN(len(data))
		from, until = min(from, until), max(from, until)
		switch r.IntN(7) {
		case 0: // a bit
			data[from] ^= 1 << r.IntN(8)
		case 1: // a byte, often one that matters in DER
			data[from] = []byte{0, 1, 2, 0x30, 0x7f, 0x80, 0x84, 0xff, '-', '\n', byte(r.Uint32())}[r.IntN(11)]
		case 2: // cut
			data = data[:from+1]
		case 3: // a part is missing
			data = append(data[:from], data[min(until, from+1+r.IntN(40)):]...)
		case 4: // a part is there twice
			part := bytes.Clone(data[from:until])
			data = append(data[:until], append(part, data[until:]...)...)
		case 5: // two parts change places
			data = append(bytes.Clone(data[until:]), data[:until]...)
		case 6: // a length or a number in DER is much larger
			if at := bytes.IndexByte(data[from:], 2); at >= 0 && from+at+2 < len(data) {
				data[from+at+2] = 0x7f
			}
		}
	}
	return data
}

// TestMutations proves that an altered text neither panics nor takes for long, and that its error
// repeats nothing of it.
func TestMutations(t *testing.T) {
	for name, g := range goodTexts(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := mathrand.New(mathrand.NewPCG(1, uint64(len(name))))
			for range mutations {
				data := mutate(r, g.data)
				began := time.Now()
				err := g.load(t, data)
				require.Less(t, time.Since(began), 20*time.Second, "%x", data)
				if err != nil {
					require.ErrorIs(t, err, core.CodeBadConfig)
					requireNothingOf(t, data, err.Error())
				}
			}
		})
	}
}

// FuzzKeysAndStores does with any text what TestMutations does. What it starts with has few
// iterations, which are slow when they are instrumented.
func FuzzKeysAndStores(f *testing.F) {
	pair := certstest.NewCA(f, "root").Issue(f, certstest.Options{})
	for _, encoder := range []*pkcs12.Encoder{pkcs12.Modern, pkcs12.LegacyDES, pkcs12.LegacyRC2} {
		data, err := encoder.WithIterations(1).Encode(pair.Signer, pair.X509, nil, fixturePassword)
		require.NoError(f, err)
		f.Add(data, true, false)
	}
	plain, err := pkcs12.Passwordless.Encode(pair.Signer, pair.X509, nil, "")
	require.NoError(f, err)
	f.Add(plain, true, true)
	f.Add(append(pair.Cert, pair.Key...), false, false)
	for _, name := range []string{"keystore.jks", "certs.p7b", "nss.p12", "ssh-keygen.pem",
		"pkcs8-pbes1.pem", "pkcs1-aes128.pem", "sec1-aes256.pem"} {
		f.Add(fixture(f, name), strings.HasSuffix(name, ".p12"), false)
	}
	f.Fuzz(func(t *testing.T, data []byte, p12, open bool) {
		g := good{data, p12, open}
		if err := g.load(t, data); err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
			requireNothingOf(t, data, err.Error())
		}
		if block, _ := pem.Decode(data); block != nil && !p12 {
			_, _, err := certs.ParseKey(data, certs.Password{Text: core.NewSecret(fixturePassword),
				Setting: "key_password"})
			if err != nil {
				requireNothingOf(t, data, err.Error())
			}
		}
	})
}
