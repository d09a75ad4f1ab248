package certs_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"software.sslmate.com/src/go-pkcs12"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// TestPKCS12OfOtherPrograms proves that the PKCS #12 of common programs is read, as a file and as
// text.
func TestPKCS12OfOtherPrograms(t *testing.T) {
	for _, name := range []string{"openssl.p12", "openssl-legacy.p12", "windows.p12", "keytool.p12"} {
		t.Run(name, func(t *testing.T) {
			data := fixture(t, name)
			text := base64.StdEncoding.EncodeToString(data)
			for _, cfg := range []certs.Config{
				{P12File: "testdata/" + name}, {P12: core.NewSecret(text)},
				{P12File: write(t, "base64.p12", []byte(text+"\n"))},
			} {
				cfg.P12Password = core.NewSecret(fixturePassword)
				require.NoError(t, cfg.Check(""))
				b, err := cfg.Load(t.Context(), false)
				require.NoError(t, err)
				require.NotNil(t, b.Leaf)
				cfg.P12Password = core.NewSecret("hunter2")
				_, err = cfg.Load(t.Context(), false)
				require.ErrorContains(t, err, "the password does not open it")
			}
			_, leaf, err := certs.ParseKey(data, certs.Password{Text: core.NewSecret(fixturePassword)})
			require.NoError(t, err)
			require.NotNil(t, leaf)
		})
	}
}

// indefinite returns a SEQUENCE in DER with its outer length in the indefinite form of BER.
func indefinite(t testing.TB, der []byte) []byte {
	var outer asn1.RawValue
	_, err := asn1.Unmarshal(der, &outer)
	require.NoError(t, err)
	return append(append([]byte{0x30, 0x80}, outer.Bytes...), 0, 0)
}

// innerBER returns a PKCS #12 whose content alone is in BER.
func innerBER(t testing.TB, der []byte) []byte {
	var pfx struct {
		Version  int
		AuthSafe struct {
			Type    asn1.ObjectIdentifier
			Content []byte `asn1:"tag:0,explicit"`
		}
		MAC asn1.RawValue
	}
	_, err := asn1.Unmarshal(der, &pfx)
	require.NoError(t, err)
	pfx.AuthSafe.Content = indefinite(t, pfx.AuthSafe.Content)
	out, err := asn1.Marshal(pfx)
	require.NoError(t, err)
	return out
}

// TestFormatsAreNamed proves that a file of another format is named, with the command that converts
// it, wherever a certificate, a key, roots or a PKCS #12 is read.
func TestFormatsAreNamed(t *testing.T) {
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{})
	pkcs8, err := x509.MarshalPKCS8PrivateKey(pair.Signer)
	require.NoError(t, err)
	sec1, err := x509.MarshalECPrivateKey(pair.Signer.(*ecdsa.PrivateKey))
	require.NoError(t, err)
	spki, err := x509.MarshalPKIXPublicKey(pair.Signer.Public())
	require.NoError(t, err)
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, pair.Signer)
	require.NoError(t, err)
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"JKS", fixture(t, "keystore.jks"), []string{"a Java keystore (JKS)", "keytool -importkeystore"}},
		{"JCEKS", fixture(t, "keystore.jceks"),
			[]string{"a Java keystore (JCEKS)", "-srcstoretype JCEKS"}},
		{"NSS", []byte("SQLite format 3\x00\x10\x00hunter2"), []string{"NSS", "pk12util -o"}},
		{"old NSS", []byte("\x00\x06\x15\x61\x00\x00hunter2"), []string{"NSS", "pk12util -o"}},
		{"PVK", []byte("\x1e\xf1\xb5\xb0\x00\x00hunter2"), []string{"PVK", "openssl rsa -inform PVK"}},
		{"SST", []byte("\x00\x00\x00\x00CERThunter2"), []string{"SST", "certutil -split"}},
		{"PuTTY", []byte("PuTTY-User-Key-File-3: ssh-rsa\nhunter2"), []string{"PuTTY", "puttygen"}},
		{"SSH2", []byte("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nhunter2"),
			[]string{"RFC 4716", "ssh-keygen -i"}},
		{"OpenSSH", fixture(t, "ssh-keygen.pem"), []string{"an OpenSSH key", "ssh-keygen -p -m PKCS8"}},
		{"public key of SSH", []byte("ecdsa-sha2-nistp256 hunter2"), []string{"a public key of SSH"}},
		{"OpenPGP", []byte("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nhunter2\n=abcd\n" +
			"-----END PGP PRIVATE KEY BLOCK-----\n"), []string{"OpenPGP"}},
		{"p7b", fixture(t, "certs.p7b"), []string{"a PKCS #7", "openssl pkcs7 -print_certs"}},
		{"p7b in PEM", block("PKCS7", fixture(t, "certs.p7b")),
			[]string{"a PKCS #7", "openssl pkcs7 -print_certs"}},
		{"request", block("CERTIFICATE REQUEST", csr), []string{"a certificate request"}},
		{"request in DER", csr, []string{"a certificate request"}},
		{"certificate in DER", pair.X509.Raw, []string{"a certificate in DER", "openssl x509 -inform der"}},
		{"PKCS #8 in DER", pkcs8, []string{"a private key in DER", "openssl pkey -inform der"}},
		{"SEC 1 in DER", sec1, []string{"a private key in DER", "openssl pkey -inform der"}},
		{"public key", block("PUBLIC KEY", spki), []string{"a public key"}},
		{"public key in DER", spki, []string{"a public key"}},
		{"ZIP", []byte("PK\x03\x04hunter2"), []string{"a ZIP archive"}},
		{"JWK", []byte(`{"kty":"EC","d":"hunter2"}`), []string{"JWK"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := write(t, "f", c.data)
			good := write(t, "good", pair.Cert, pair.Key)
			text := base64.StdEncoding.EncodeToString(c.data)
			for place, cfg := range map[string]certs.Config{
				"cert": {CertFile: file, KeyFile: good}, "key": {CertFile: good, KeyFile: file},
				"both": {CertFile: file}, "roots": {CAFile: file}, "p12": {P12File: file},
				"p12 text": {P12: core.NewSecret(text)}, "cert text": {Cert: core.NewSecret(text)},
			} {
				_, err := cfg.Load(t.Context(), false)
				require.ErrorIs(t, err, core.CodeBadConfig, place)
				require.NotContains(t, err.Error(), "hunter2", place)
				if strings.HasPrefix(place, "p12") && bytes.Contains(c.data, []byte("-----BEGIN")) {
					continue // it is PEM
				}
				for _, want := range c.want {
					require.ErrorContains(t, err, want, place)
				}
			}
		})
	}
}

// TestPKCS12ThatIsNotRead proves that the error says what is the matter with a PKCS #12, and which
// command makes one of it that is read.
func TestPKCS12ThatIsNotRead(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	pair := ca.Issue(t, certstest.Options{})
	good := fixture(t, "openssl.p12")
	roots, err := pkcs12.Modern.EncodeTrustStore([]*x509.Certificate{ca.X509}, fixturePassword)
	require.NoError(t, err)
	slow, err := pkcs12.Modern.WithIterations(600_000).WithRand(zeros{}).Encode(pair.Signer, pair.X509,
		nil, fixturePassword)
	require.NoError(t, err)
	hostile := bytes.ReplaceAll(slow, []byte("\x02\x03\x09\x27\xc0"), []byte("\x02\x03\x7f\xff\xff"))
	require.NotEqual(t, slow, hostile)
	for _, c := range []struct {
		name string
		data []byte
		want []string
	}{
		{"BER of NSS", fixture(t, "nss.p12"), []string{"in BER", "openssl pkcs12 -in client.p12 -nodes"}},
		{"BER", indefinite(t, good), []string{"in BER", "openssl pkcs12 -in client.p12 -nodes"}},
		{"BER inside", innerBER(t, good), []string{"the password does not open it, or it is damaged"}},
		{"no MAC", fixture(t, "openssl-nomac.p12"), []string{"without a MAC", "-nomacver"}},
		{"two keys", fixture(t, "keytool-two-keys.p12"),
			[]string{"more than one private key", "openssl pkcs12 -in client.p12 -nodes -out all.pem"}},
		{"no key", roots, []string{"without a private key"}},
		{"many iterations", hostile, []string{"demands more than 2000000 iterations"}},
		{"cut short", good[:len(good)/2], []string{"damaged or cut short"}},
		{"bytes after the end", append(bytes.Clone(good), 1, 2, 3), []string{"damaged"}},
		{"another version", bytes.Replace(good, []byte("\x02\x01\x03"), []byte("\x02\x01\x04"), 1),
			[]string{"DER of a kind that is not known"}},
		{"another cipher", bytes.Replace(good, []byte("\x60\x86\x48\x01\x65\x03\x04\x01\x2a"),
			[]byte("\x60\x86\x48\x01\x65\x03\x04\x01\x2e"), 1), []string{"damaged"}}, // its MAC is wrong
	} {
		t.Run(c.name, func(t *testing.T) {
			began := time.Now()
			cfg := certs.Config{P12File: write(t, "c.p12", c.data),
				P12Password: core.NewSecret(fixturePassword)}
			_, err := cfg.Load(t.Context(), false)
			require.ErrorIs(t, err, core.CodeBadConfig)
			for _, want := range c.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error(), fixturePassword)
			_, _, err = certs.ParseKey(c.data, certs.Password{Text: core.NewSecret(fixturePassword)})
			require.Error(t, err)
			require.Less(t, time.Since(began), 20*time.Second)
		})
	}
	_, err = certs.Config{P12File: write(t, "c.p12", good)}.Load(t.Context(), false)
	require.ErrorContains(t, err, "the password does not open it")
	_, err = certs.Config{CertFile: write(t, "c.p12", good)}.Load(t.Context(), false)
	require.ErrorContains(t, err, "is a PKCS #12: name it as p12_file")
}

// zeros is a source of randomness that is always the same.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
