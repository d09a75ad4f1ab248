package certs_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

func write(t testing.TB, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, bytes.Join(parts, nil), 0o600))
	return path
}

func secret(parts ...[]byte) core.Secret { return core.NewSecret(string(bytes.Join(parts, nil))) }

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestLoadForms(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	sub := ca.Intermediate(t, "sub")
	pair := sub.Issue(t, certstest.Options{Name: "client"})
	p12, err := pkcs12.Modern.Encode(pair.Signer, pair.X509, []*x509.Certificate{ca.X509, sub.X509},
		"opens")
	require.NoError(t, err)
	legacy, err := pkcs12.LegacyRC2.Encode(pair.Signer, pair.X509,
		[]*x509.Certificate{sub.X509, ca.X509}, "")
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(pair.Signer.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	comment := []byte("subject=client\n")
	want := string(bytes.Join([][]byte{pair.Cert, sub.PEM, ca.PEM, pair.Key}, nil))

	for name, cfg := range map[string]certs.Config{
		"two files": {CertFile: write(t, "c", pair.Cert, sub.PEM, ca.PEM),
			KeyFile: write(t, "k", pair.Key)},
		"one file":      {CertFile: write(t, "c", pair.Key, comment, pair.Cert, sub.PEM, ca.PEM)},
		"inline":        {Cert: secret(pair.Cert, sub.PEM, ca.PEM), Key: secret(pair.Key)},
		"inline in one": {Cert: secret(pair.Cert, sub.PEM, ca.PEM, pair.Key)},
		"file and inline": {CertFile: write(t, "c", pair.Cert, sub.PEM, ca.PEM),
			Key: secret(pair.Key)},
		"root before leaf": {Cert: secret(ca.PEM, sub.PEM, pair.Cert), Key: secret(pair.Key)},
		"SEC 1 with its curve": {Cert: secret(pair.Cert, sub.PEM, ca.PEM),
			Key: secret(block("EC PARAMETERS", []byte{6, 1, 0}), block("EC PRIVATE KEY", sec1))},
		"PKCS #12 file":   {P12File: write(t, "p", p12), P12Password: core.NewSecret("opens")},
		"PKCS #12 inline": {P12: core.NewSecret(base64.StdEncoding.EncodeToString(legacy) + "\n")},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, cfg.Check(""))
			b, err := cfg.Load(t.Context(), false)
			require.NoError(t, err)
			require.Equal(t, want, b.Cert.Reveal())
			require.Equal(t, "client", b.Leaf.Subject.CommonName)
			config, err := b.TLSConfig()
			require.NoError(t, err)
			require.NotNil(t, config.GetClientCertificate)
			require.Nil(t, config.RootCAs)
		})
	}
}

func TestLoadKeyKinds(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	p := ca.Issue(t, certstest.Options{Key: rsaKey})
	_, err = certs.Config{Cert: secret(p.Cert),
		Key: secret(block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)))}.Load(t.Context(),
		false)
	require.NoError(t, err)
	p = ca.Issue(t, certstest.Options{Key: edKey})
	_, err = certs.Config{Cert: secret(p.Cert), Key: secret(p.Key)}.Load(t.Context(), false)
	require.NoError(t, err)
}

func TestRoots(t *testing.T) {
	ca, pair := certstest.NewCA(t, "root"), certstest.NewCA(t, "other").Issue(t, certstest.Options{})
	file := write(t, "ca.pem", []byte("# ours\n"), ca.PEM, pair.Key)
	b, err := certs.Config{CAFile: file}.Load(t.Context(), false)
	require.NoError(t, err)
	require.Equal(t, string(ca.PEM), b.Roots, "the key in it stays out")
	require.True(t, b.Cert.IsZero())
	require.Nil(t, b.Leaf)

	config, err := certs.Config{CA: secret(ca.PEM)}.TLSConfig(t.Context(), false)
	require.NoError(t, err)
	require.True(t, config.RootCAs.Equal(ca.Pool()))
	require.EqualValues(t, tls.VersionTLS12, config.MinVersion)
	require.Nil(t, config.GetClientCertificate)
}

func TestNothingNamed(t *testing.T) {
	var cfg certs.Config
	require.True(t, cfg.IsZero())
	require.False(t, cfg.HasClient())
	require.NoError(t, cfg.Check("tls"))
	config, err := cfg.TLSConfig(t.Context(), false)
	require.NoError(t, err)
	require.Nil(t, config.RootCAs)
}

func TestCheck(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	one, two := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
	x := core.NewSecret("x")
	for _, c := range []struct {
		name string
		cfg  certs.Config
		want string
	}{
		{"cert twice", certs.Config{CertFile: "f", Cert: x}, "tls.cert: give either cert or cert_file"},
		{"key twice", certs.Config{CertFile: "f", KeyFile: "f", Key: x},
			"tls.key: give either key or key_file"},
		{"ca twice", certs.Config{CAFile: "f", CA: x}, "tls.ca: give either ca or ca_file"},
		{"p12 twice", certs.Config{P12File: "f", P12: x}, "tls.p12: give either p12 or p12_file"},
		{"p12 and PEM", certs.Config{P12File: "f", KeyFile: "f"},
			"tls.p12: give either a PKCS #12 or cert and key"},
		{"password alone", certs.Config{P12Password: x}, "tls.p12_password: there is no p12 or p12_file"},
		{"key alone", certs.Config{KeyFile: "f"}, "tls.cert: a key is given without a certificate"},
		{"no PEM", certs.Config{Cert: x, Key: x, CA: x},
			"tls.cert: holds no PEM\ntls.key: holds no PEM\ntls.ca: holds no PEM"},
		{"cert without key", certs.Config{Cert: secret(one.Cert)}, "tls.cert: holds no private key, but a certificate; name the key as key_file or key"},
		{"no cert in cert", certs.Config{Cert: secret(one.Key)}, "tls.cert: holds no certificate, but a private key"},
		{"mismatch", certs.Config{Cert: secret(one.Cert), Key: secret(two.Key)},
			"tls.key: the certificate and the key do not belong together"},
		{"mismatch in one", certs.Config{Cert: secret(one.Cert, two.Key)},
			"tls.cert: the certificate and the key do not belong together"},
		{"not base64", certs.Config{P12: core.NewSecret("a!b")}, "tls.p12: p12 is not base64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.EqualError(t, c.cfg.Check("tls"), c.want)
			_, err := c.cfg.Load(t.Context(), false)
			require.ErrorIs(t, err, core.CodeBadConfig)
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair, other := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
	past := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(-time.Minute)})
	future := ca.Issue(t, certstest.Options{NotBefore: time.Now().Add(time.Hour)})
	x25519, err := ecdh.X25519().GenerateKey(rand.Reader)
	require.NoError(t, err)
	xder, err := x509.MarshalPKCS8PrivateKey(x25519)
	require.NoError(t, err)
	p12, err := pkcs12.Modern.Encode(pair.Signer, pair.X509, nil, "opens")
	require.NoError(t, err)
	old, err := pkcs12.Modern.Encode(past.Signer, past.X509, nil, "")
	require.NoError(t, err)
	stores, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.X509}, "")
	require.NoError(t, err)

	cert := func(parts ...[]byte) certs.Config {
		return certs.Config{CertFile: write(t, "cert.pem", parts...), Key: secret(pair.Key)}
	}
	key := func(parts ...[]byte) certs.Config {
		return certs.Config{CertFile: write(t, "cert.pem", pair.Cert),
			KeyFile: write(t, "key.pem", parts...)}
	}
	for _, c := range []struct {
		name string
		cfg  certs.Config
		file string
		want string
	}{
		{"cert missing", certs.Config{CertFile: "no/such.pem"}, "no/such.pem", "does not exist"},
		{"cert empty", cert(), "cert.pem", "is empty"},
		{"cert blank", cert([]byte("\n \n")), "cert.pem", "is empty"},
		{"cert huge", cert(bytes.Repeat([]byte("x"), 2<<20)), "cert.pem", "is larger than 1 MiB"},
		{"cert binary", cert(pair.X509.Raw), "cert.pem",
			"is a certificate in DER"},
		{"cert is text", cert([]byte("hunter2")), "cert.pem", "holds no PEM"},
		{"cert cut short", cert(pair.Cert, pair.Cert[:100]), "cert.pem", "damaged or cut short"},
		{"cert damaged",
			cert(bytes.Replace(pair.Cert, []byte("\nMII"), []byte("\n\x00!I"), 1), pair.Cert), "cert.pem",
			"damaged or cut short"},
		{"cert garbage", cert(block("CERTIFICATE", []byte("hunter2"))), "cert.pem",
			"certificate 1 cannot be read"},
		{"cert file without key", certs.Config{CertFile: write(t, "cert.pem", pair.Cert)}, "cert.pem",
			"holds no private key, but a certificate; name the key as key_file or key"},
		{"two keys", certs.Config{CertFile: write(t, "cert.pem", pair.Cert, pair.Key, other.Key)},
			"cert.pem", "holds more than one private key"},
		{"key missing", certs.Config{CertFile: write(t, "cert.pem", pair.Cert), KeyFile: "no/key.pem"},
			"no/key.pem", "does not exist"},
		{"key is a cert", key(pair.Cert), "key.pem", "holds no private key"},
		{"key garbage", key(block("PRIVATE KEY", []byte("hunter2"))), "key.pem",
			"the private key cannot be read"},
		{"key encrypted", key(block("ENCRYPTED PRIVATE KEY", []byte("hunter2"))), "key.pem",
			"the private key is encrypted"},
		{"key encrypted the old way", key(pem.EncodeToMemory(&pem.Block{
			Type: "RSA PRIVATE KEY", Bytes: []byte("hunter2"),
			Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"},
		})), "key.pem", "the private key is encrypted"},
		{"key of OpenSSH", key(block("OPENSSH PRIVATE KEY", []byte("hunter2"))), "key.pem", "OpenSSH"},
		{"key for no signature", key(block("PRIVATE KEY", xder)), "key.pem",
			"want RSA, ECDSA or Ed25519"},
		{"key of another", key(other.Key), "key.pem", "do not belong together"},
		{"expired", certs.Config{CertFile: write(t, "cert.pem", past.Cert, past.Key)}, "cert.pem",
			"expired at 2"},
		{"not yet valid", certs.Config{CertFile: write(t, "cert.pem", future.Cert, future.Key)},
			"cert.pem", "not valid before 2"},
		{"roots missing", certs.Config{CAFile: "no/ca.pem"}, "no/ca.pem", "does not exist"},
		{"roots without any", certs.Config{CAFile: write(t, "ca.pem", pair.Key)}, "ca.pem",
			"holds no certificate"},
		{"p12 missing", certs.Config{P12File: "no/c.p12"}, "no/c.p12", "does not exist"},
		{"p12 without password", certs.Config{P12File: write(t, "c.p12", p12)}, "c.p12",
			"the password does not open it"},
		{"p12 wrong password",
			certs.Config{P12File: write(t, "c.p12", p12), P12Password: core.NewSecret("hunter2")}, "c.p12",
			"the password does not open it"},
		{"p12 password with a line break",
			certs.Config{P12File: write(t, "c.p12", p12), P12Password: core.NewSecret("hunter2\r\n")}, "c.p12",
			"it ends in a line break: remove it"},
		{"p12 garbage", certs.Config{P12File: write(t, "c.p12", []byte("hunter2"))}, "c.p12",
			"is not a PKCS #12"},
		{"p12 without key", certs.Config{P12File: write(t, "c.p12", stores)}, "c.p12",
			"is a PKCS #12 without a private key"},
		{"p12 is PEM", certs.Config{P12File: write(t, "c.p12", pair.Cert, pair.Key)}, "c.p12", "is PEM"},
		{"p12 expired", certs.Config{P12File: write(t, "c.p12", old)}, "c.p12", "expired at 2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.cfg.Load(t.Context(), false)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, c.file)
			require.NotContains(t, err.Error(), "hunter2")
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.True(t, coded.Local)
			_, err = c.cfg.TLSConfig(t.Context(), false)
			require.ErrorIs(t, err, core.CodeBadConfig)
		})
	}
}

func TestLoadWhileRotating(t *testing.T) {
	ca := certstest.NewCA(t, "root")
	pair, other := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
	past := ca.Issue(t, certstest.Options{NotAfter: time.Now().Add(-time.Minute)})
	file := func(parts ...[]byte) string { return write(t, "f.pem", parts...) }
	for _, c := range []struct {
		name string
		cfg  certs.Config
		want core.Code
	}{
		{"torn pair", certs.Config{CertFile: file(pair.Cert), KeyFile: file(other.Key)},
			core.CodeUnavailable},
		{"key not there", certs.Config{CertFile: file(pair.Cert), KeyFile: "no/key.pem"},
			core.CodeUnavailable},
		{"cut short", certs.Config{CertFile: file(pair.Cert[:200]), KeyFile: file(pair.Key)},
			core.CodeUnavailable},
		{"expired", certs.Config{CertFile: file(past.Cert), KeyFile: file(past.Key)}, core.CodeBadConfig},
		{"inline", certs.Config{Cert: secret(pair.Cert), Key: secret(other.Key)}, core.CodeBadConfig},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := c.cfg.Load(t.Context(), true)
			require.Equal(t, c.want, core.CodeOf(err))
			require.Equal(t, 1, strings.Count(err.Error(), c.want.Error()), "%v", err)
			var coded *core.Error
			require.ErrorAs(t, err, &coded)
			require.Equal(t, c.cfg.HasFiles(), coded.Local)
		})
	}
}

// A pair that is exchanged while it is read is read again.
func TestLoadReadsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := certstest.NewCA(t, "root")
		pair, other := ca.Issue(t, certstest.Options{}), ca.Issue(t, certstest.Options{})
		keyFile := write(t, "key.pem", other.Key)
		cfg := certs.Config{Cert: secret(pair.Cert), KeyFile: keyFile}
		time.AfterFunc(70*time.Millisecond, func() { _ = os.WriteFile(keyFile, pair.Key, 0o600) })
		began := time.Now()
		_, err := cfg.Load(t.Context(), false)
		require.NoError(t, err)
		require.Equal(t, 100*time.Millisecond, time.Since(began))

		require.NoError(t, os.WriteFile(keyFile, other.Key, 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err = cfg.Load(ctx, false)
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func FuzzPEM(f *testing.F) {
	ca := certstest.NewCA(f, "root")
	pair := ca.Issue(f, certstest.Options{Name: "client"})
	f.Add(bytes.Join([][]byte{pair.Cert, ca.PEM, pair.Key}, nil))
	f.Add(bytes.Join([][]byte{pair.Key, ca.PEM, pair.Cert}, []byte("comment\n")))
	f.Add(pair.Cert[:300])
	f.Add(block("ENCRYPTED PRIVATE KEY", []byte("x")))
	f.Add([]byte("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"))
	f.Add(pair.X509.Raw)
	curve, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(f, err)
	odd := ca.Issue(f, certstest.Options{Key: curve})
	f.Add(append(odd.Cert, odd.Key...))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg := certs.Config{Cert: core.NewSecret(string(data)), CA: core.NewSecret(string(data))}
		b, err := cfg.Load(t.Context(), false)
		if err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
			return
		}
		if cfg.IsZero() {
			return
		}
		config, err := b.TLSConfig()
		require.NoError(t, err)
		shown, err := config.GetClientCertificate(nil)
		require.NoError(t, err)
		require.True(t, shown.Leaf.Equal(b.Leaf))
		again, err := certs.Config{Cert: b.Cert, CA: core.NewSecret(b.Roots)}.Load(t.Context(), false)
		require.NoError(t, err)
		require.Equal(t, b.Cert.Reveal(), again.Cert.Reveal())
		require.Equal(t, b.Roots, again.Roots)
	})
}
