package certs_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// TestPKCS12OfGnuTLS proves that what certtool writes is read: PEM with the label PKCS12, and
// 600,000 iterations for each of its three parts.
func TestPKCS12OfGnuTLS(t *testing.T) {
	data := fixture(t, "gnutls.p12")
	cfg := certs.Config{P12File: "testdata/gnutls.p12", P12Password: core.NewSecret(fixturePassword)}
	b, err := cfg.Load(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, "client", b.Leaf.Subject.CommonName)

	wrong := core.NewSecret("hunter2")
	decoded, _ := pem.Decode(data)
	for name, cfg := range map[string]certs.Config{
		"PEM as text": {P12: core.NewSecret(string(data))},
		"DER":         {P12File: write(t, "der.p12", decoded.Bytes)},
	} {
		require.NoError(t, cfg.Check(""), name)
		cfg.P12Password = wrong
		_, err := cfg.Load(t.Context(), false)
		require.ErrorContains(t, err, "the password does not open it", name)
	}
	for name, data := range map[string][]byte{"PEM": data, "DER": decoded.Bytes,
		"base64": []byte(base64.StdEncoding.EncodeToString(decoded.Bytes))} {
		_, _, err := certs.ParseKey(data, certs.Password{Text: wrong})
		require.ErrorContains(t, err, "the password does not open it", name)
	}
	for name, cfg := range map[string]certs.Config{
		"certificate": {CertFile: "testdata/gnutls.p12"}, "text": {Cert: core.NewSecret(string(data))},
	} {
		_, err := cfg.Load(t.Context(), false)
		require.ErrorContains(t, err, "is a PKCS #12: name it as p12_file", name)
	}
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{})
	_, err = certs.Config{P12File: write(t, "c.pem", pair.Cert, pair.Key)}.Load(t.Context(), false)
	require.ErrorContains(t, err, "is PEM, not PKCS #12: use cert and key")
}

// TestWhatOfAPKCS12IsNotUsable proves that the error of a PKCS #12 that is whole and opened is
// about what is in it, and not that it is damaged.
func TestWhatOfAPKCS12IsNotUsable(t *testing.T) {
	for name, want := range map[string]string{
		"rsapss.p12":     "no use for, RSASSA-PSS; want RSA, ECDSA or Ed25519",
		"odd-issuer.p12": "has a certificate that is not supported (x509: unsupported elliptic curve",
		"camellia.p12":   "encrypted in a way that is not supported; convert it: openssl pkcs12",
		"sha384.p12":     "whose MAC is of a kind that is not supported; convert it: openssl pkcs12",
		"emoji-password.p12": "cannot be read with a password that has a character such as an emoji; give " +
			"it another one: openssl pkcs12",
	} {
		t.Run(name, func(t *testing.T) {
			password := fixturePassword
			if strings.HasPrefix(name, "emoji") {
				password += "🔑"
			}
			cfg := certs.Config{P12File: "testdata/" + name, P12Password: core.NewSecret(password)}
			_, err := cfg.Load(t.Context(), false)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, want)
			require.NotContains(t, err.Error(), "damaged")
			require.NotContains(t, err.Error(), fixturePassword)
		})
	}
}

// TestKeysThatTLSCannotUse proves that the error names what a key is.
func TestKeysThatTLSCannotUse(t *testing.T) {
	for name, want := range map[string]string{
		"rsapss.pem":         "no use for, RSASSA-PSS; want RSA",
		"ed448.pem":          "no use for, Ed448; want RSA",
		"rsa512.pem":         "the RSA key has 512 bits, which is insecure; want 2048",
		"explicit-curve.pem": "not its name; convert it: openssl ec -param_enc named_curve",
	} {
		_, _, err := certs.ParseKey(fixture(t, name), certs.Password{})
		require.ErrorContains(t, err, want, name)
	}
}

// TestPasswordsOfKeys proves that a key that is encrypted with an empty password needs none, and
// that the error names what a file or a variable has added to a password.
func TestPasswordsOfKeys(t *testing.T) {
	none := certs.Password{Setting: "key_password"}
	_, _, err := certs.ParseKey(fixture(t, "pkcs8-no-password.pem"), none)
	require.NoError(t, err)
	_, _, err = certs.ParseKey(fixture(t, "pkcs8-no-password.pem"), certs.Password{})
	require.NoError(t, err, "without a setting")
	_, _, err = certs.ParseKey(fixture(t, "pkcs8-sha512-256.pem"),
		certs.Password{Text: core.NewSecret(fixturePassword)})
	require.NoError(t, err)

	for added, want := range map[string]string{
		fixturePassword + "\n":                "; it ends in a line break: remove it",
		fixturePassword + "\r\n":              "; it ends in a line break: remove it",
		fixturePassword + " ":                 "; it begins or ends in a space",
		"\t" + fixturePassword:                "; it begins or ends in a space",
		`"` + fixturePassword + `"`:           "; it has quotes around it: remove them",
		"\u200b" + fixturePassword:            "; it begins with a character that cannot be seen (U+200B): remove it",
		"\u201c" + fixturePassword + "\u201d": "; it has quotes around it: remove them",
		"'" + fixturePassword + "'":           "; it has quotes around it: remove them",
		strings.ToUpper("hunter2") + "":       "",
	} {
		for _, name := range []string{"pkcs8-aes256.pem", "pkcs1-aes128.pem", "openssl.p12"} {
			_, _, err := certs.ParseKey(fixture(t, name),
				certs.Password{Text: core.NewSecret(added), Setting: "key_password"})
			require.ErrorContains(t, err, "does not open")
			require.NotContains(t, err.Error(), fixturePassword)
			require.Equal(t, want != "", strings.HasSuffix(err.Error(), want) && want != "", "%s %q", name, added)
		}
	}
}

// TestUnreadableIssuers proves that an issuer or another certificate that crypto/x509 cannot
// parse is sent as it is, as the server decides what it is good for, and that the error is about
// it only if the client's own certificate is missing.
func TestUnreadableIssuers(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	pair := ca.Issue(t, certstest.Options{Name: "app"})
	other := ca.Issue(t, certstest.Options{Name: "other"})
	for name, odd := range map[string][]byte{
		"garbage":  block("CERTIFICATE", []byte("hunter2")),
		"empty":    block("CERTIFICATE", nil),
		"cut":      block("CERTIFICATE", ca.X509.Raw[:200]),
		"trailing": block("CERTIFICATE", append(bytes.Clone(ca.X509.Raw), 0)),
		"version 5": block("CERTIFICATE", bytes.Replace(ca.X509.Raw, []byte("\xa0\x03\x02\x01\x02"),
			[]byte("\xa0\x03\x02\x01\x04"), 1)),
		"negative serial number": block("CERTIFICATE", negativeSerial(t, ca.X509)),
	} {
		t.Run(name, func(t *testing.T) {
			want := string(pair.Cert) + string(odd) + string(pair.Key)
			for form, cfg := range map[string]certs.Config{
				"files":     {CertFile: write(t, "c", pair.Cert, odd), KeyFile: write(t, "k", pair.Key)},
				"before it": {CertFile: write(t, "c", odd, pair.Cert, pair.Key)},
				"text":      {Cert: secret(pair.Cert, odd), Key: secret(pair.Key)},
				"one text":  {Cert: secret(pair.Key, pair.Cert, odd)},
				"beside the key": {CertFile: write(t, "c", pair.Cert, odd),
					KeyFile: write(t, "k", odd, pair.Key)},
			} {
				require.NoError(t, cfg.Check(""), form)
				b, err := cfg.Load(t.Context(), false)
				require.NoError(t, err, form)
				require.Equal(t, want, b.Cert.Reveal(), form)
			}
			for form, cfg := range map[string]certs.Config{
				"alone":     {CertFile: write(t, "c", odd), KeyFile: write(t, "k", pair.Key)},
				"text":      {Cert: secret(odd), Key: secret(pair.Key)},
				"one text":  {Cert: secret(odd, pair.Key)},
				"not first": {CertFile: write(t, "c", odd, other.Cert), KeyFile: write(t, "k", pair.Key)},
			} {
				_, err := cfg.Load(t.Context(), false)
				require.ErrorIs(t, err, core.CodeBadConfig, form)
				require.ErrorContains(t, err, "certificate 1 cannot be read", form)
				require.NotContains(t, err.Error(), "hunter2")
			}
		})
	}
}

// negativeSerial returns a certificate whose serial number is negative.
func negativeSerial(t testing.TB, cert *x509.Certificate) []byte {
	serial := cert.SerialNumber.Bytes()
	at := bytes.Index(cert.Raw, append([]byte{2, byte(len(serial))}, serial...))
	if at < 0 { // it has a zero before it
		at = bytes.Index(cert.Raw, serial) - 3
	}
	require.Positive(t, at)
	out := bytes.Clone(cert.Raw)
	out[at+2] |= 0x80
	_, err := x509.ParseCertificate(out)
	require.Error(t, err)
	return out
}

// TestCertificatesOfOthersAreNotSent proves that the chain has no certificate twice, and none that
// issues nothing, such as an expired one of an earlier key.
func TestCertificatesOfOthersAreNotSent(t *testing.T) {
	now := time.Now()
	root := certstest.NewCA(t, "root")
	sub := root.Intermediate(t, "sub")
	leaf := sub.Issue(t, certstest.Options{Name: "client"})
	old := sub.Issue(t, certstest.Options{Name: "client", NotAfter: now.Add(-time.Minute)})
	server := sub.Issue(t, certstest.Options{Name: "server"})
	want := string(leaf.Cert) + string(sub.PEM) + string(root.PEM) + string(leaf.Key)
	for name, list := range map[string][][]byte{
		"earlier key first":  {old.Cert, leaf.Cert, sub.PEM, root.PEM},
		"earlier key last":   {leaf.Cert, sub.PEM, root.PEM, old.Cert},
		"root first":         {root.PEM, sub.PEM, leaf.Cert},
		"of another program": {server.Cert, root.PEM, leaf.Cert, sub.PEM},
		"twice":              {leaf.Cert, sub.PEM, leaf.Cert, sub.PEM, root.PEM, root.PEM},
		"both chains":        {old.Cert, sub.PEM, root.PEM, leaf.Cert, sub.PEM, root.PEM},
	} {
		b, err := certs.Config{Cert: secret(list...), Key: secret(leaf.Key)}.Load(t.Context(), false)
		require.NoError(t, err, name)
		require.Equal(t, want, b.Cert.Reveal(), name)
	}
	p12, err := pkcs12.Modern.Encode(leaf.Signer, old.X509,
		[]*x509.Certificate{root.X509, sub.X509, leaf.X509, sub.X509}, "x")
	require.NoError(t, err)
	b, err := certs.Config{P12File: write(t, "p", p12), P12Password: core.NewSecret("x")}.Load(
		t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, want, b.Cert.Reveal())
}
