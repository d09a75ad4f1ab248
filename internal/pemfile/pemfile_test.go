package pemfile_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/pemfile"
)

func block(label string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der})
}

// root returns a root in DER and its key in PKCS #8.
func root(t testing.TB, shape func(*x509.Certificate)) (cert, key []byte) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes([]byte{0x6b, 1, 2, 3, 4, 5, 6, 7}), IsCA: true,
		BasicConstraintsValid: true, Subject: pkix.Name{CommonName: "root"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if shape != nil {
		shape(template)
	}
	cert, err = x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	key, err = x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return cert, key
}

// altered returns der with one part replaced by another one of the same length.
func altered(t testing.TB, der []byte, old, with string) []byte {
	require.Len(t, with, len(old))
	require.True(t, bytes.Contains(der, []byte(old)), "%x", old)
	return bytes.Replace(der, []byte(old), []byte(with), 1)
}

// unreadable are roots that crypto/x509 cannot parse, by the reason.
func unreadable(t testing.TB) map[string][]byte {
	good, _ := root(t, nil)
	two := func(x *x509.Certificate) {
		for _, id := range []int{1, 2} {
			x.ExtraExtensions = append(x.ExtraExtensions,
				pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, id}, Value: []byte{5, 0}})
		}
	}
	twice, _ := root(t, two)
	named, _ := root(t, func(x *x509.Certificate) { x.DNSNames = []string{"host.example"} })
	return map[string][]byte{
		"negative serial number":         altered(t, good, "\x02\x08\x6b", "\x02\x08\xeb"),
		"serial number with zeros":       altered(t, good, "\x02\x08\x6b\x01", "\x02\x08\x00\x01"),
		"version 5":                      altered(t, good, "\xa0\x03\x02\x01\x02", "\xa0\x03\x02\x01\x04"),
		"time that does not exist":       altered(t, good, "\x17\x0d2", "\x17\x0dx"),
		"the same extension twice":       altered(t, twice, "\x06\x05\x2a\x03\x04\x05\x02", "\x06\x05\x2a\x03\x04\x05\x01"),
		"name that is not ASCII":         altered(t, named, "host.example", "host.\xffxample"),
		"point that is not on the curve": altered(t, good, "\x03\x42\x00\x04", "\x03\x42\x00\x05"),
		"bytes after the end":            append(bytes.Clone(good), 0),
		"nothing":                        {},
		"no certificate":                 []byte("hunter2"),
	}
}

// TestReadRootsSkips proves that a root that crypto/x509 cannot parse does not make the others
// unusable, that keys beside them do not matter, and that a bundle of such roots alone is refused
// with the reason of the first one.
func TestReadRootsSkips(t *testing.T) {
	good, key := root(t, nil)
	for name, bad := range unreadable(t) {
		t.Run(name, func(t *testing.T) {
			_, err := x509.ParseCertificate(bad)
			require.Error(t, err)
			reason := pemfile.Unreadable(2, err).Error()
			roots, err := pemfile.ReadRoots(bytes.Join([][]byte{
				[]byte("# ours\n"), block("CERTIFICATE", good), block("CERTIFICATE", bad),
				block("PRIVATE KEY", key), block("ENCRYPTED PRIVATE KEY", []byte("x")),
				block("EC PRIVATE KEY", []byte("x")), block("OPENSSH PRIVATE KEY", []byte("x")),
				block("X509 CRL", []byte("x")),
			}, nil))
			require.NoError(t, err)
			require.Equal(t, string(block("CERTIFICATE", good)), roots.PEM)
			require.Equal(t, []string{reason}, roots.Skipped)

			_, err = pemfile.ReadRoots(append(block("CERTIFICATE", bad), block("CERTIFICATE", bad)...))
			require.ErrorContains(t, err, "holds no certificate that can be used: certificate 1 cannot be read")
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}

// TestCertificatesUnderOtherLabels proves that the certificates of a bundle that are under another
// label are named among those that are not used.
func TestCertificatesUnderOtherLabels(t *testing.T) {
	der, _ := root(t, nil)
	good := block("CERTIFICATE", der)
	for label, want := range map[string]string{
		"TRUSTED CERTIFICATE": "certificate 2 is a certificate with trust settings of OpenSSL; convert it: ",
		"X509 CERTIFICATE":    "certificate 2 is a certificate with an old label; convert it: openssl x509",
		"PKCS7":               "certificate 2 is a PKCS #7; convert it: openssl pkcs7 -print_certs",
		"PKCS #7 SIGNED DATA": "certificate 2 is a PKCS #7; convert it: openssl pkcs7 -print_certs",
		"CMS":                 "certificate 2 is a PKCS #7; convert it: openssl pkcs7 -print_certs",
	} {
		roots, err := pemfile.ReadRoots(bytes.Join([][]byte{good, block(label, der), good}, nil))
		require.NoError(t, err, label)
		require.Equal(t, strings.Repeat(string(good), 2), roots.PEM, label)
		require.Len(t, roots.Skipped, 1, label)
		require.Contains(t, roots.Skipped[0], want)
	}
}

func rewritten(text []byte, old, with string) []byte {
	return bytes.ReplaceAll(text, []byte(old), []byte(with))
}

// TestReadRootsRefuses proves that the error says what is in the place of the roots.
func TestReadRootsRefuses(t *testing.T) {
	der, key := root(t, nil)
	pem := block("CERTIFICATE", der)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty":                   {nil, "is empty"},
		"blank":                   {[]byte(" \n"), "is empty"},
		"text":                    {[]byte("hunter2"), "holds no PEM"},
		"binary":                  {[]byte("x\x00hunter2"), "is binary"},
		"DER":                     {der, "is a certificate in DER; convert it: openssl x509 -inform der"},
		"DER in base64":           {[]byte(base64.StdEncoding.EncodeToString(der)), "base64 without the lines BEGIN and END, of a certificate in DER"},
		"DER that is cut":         {der[:100], "is DER that is damaged or cut short"},
		"cut short":               {pem[:100], "damaged or cut short"},
		"a key":                   {block("PRIVATE KEY", key), "holds no certificate, but a private key"},
		"a request":               {block("CERTIFICATE REQUEST", key), "holds no certificate, but a certificate request"},
		"an old request":          {block("NEW CERTIFICATE REQUEST", key), "but a certificate request"},
		"a PKCS #7":               {block("PKCS7", key), "openssl pkcs7 -print_certs"},
		"trusted by OpenSSL":      {block("TRUSTED CERTIFICATE", der), "openssl x509 -in"},
		"an old label":            {block("X509 CERTIFICATE", der), "openssl x509 -in"},
		"a list":                  {block("X509 CRL", der), "but a revocation list"},
		"a public key":            {block("PUBLIC KEY", der), "but a public key"},
		"a label of its own":      {block("HUNTER2", der), "holds no certificate"},
		"larger than the limit":   {make([]byte, pemfile.Limit+1), "is larger than 1024 KiB"},
		"a public key of OpenSSH": {[]byte("ssh-ed25519 hunter2"), "a public key of SSH"},
		"a page":                  {[]byte("\n<!DOCTYPE html><html>hunter2"), "is HTML or XML, such as the page"},
		"a manifest":              {[]byte("apiVersion: v1\ndata: hunter2"), "kubectl get secret"},
		"a pointer of Git LFS": {[]byte("version https://git-lfs.github.com/spec/v1\noid hunter2"),
			"git lfs pull"},
		"age":                 {[]byte("age-encryption.org/v1\n-> hunter2"), "encrypted by age; convert it: age -d"},
		"age in ASCII":        {[]byte("-----BEGIN AGE ENCRYPTED FILE-----\nYQ==\n-----END AGE ENCRYPTED FILE-----\n"), "encrypted by age"},
		"Ansible Vault":       {[]byte("$ANSIBLE_VAULT;1.1;AES256\nhunter2"), "ansible-vault decrypt"},
		"git-crypt":           {[]byte("\x00GITCRYPT\x00\xff\xfehunter2"), "git-crypt unlock"},
		"a blob of Windows":   {[]byte("\x07\x02\x00\x00\x00\xa4\x00\x00RSA2\xff"), "openssl rsa -inform MSBLOB"},
		"Bouncy Castle":       {[]byte("\x00\x00\x00\x02\x00\x00\x00\x14\xff"), "a keystore of Bouncy Castle"},
		"a PKCS #7 in BER":    {[]byte("\x30\x80\x06\x09\x2a\x86\x48"), "is a PKCS #7; convert it"},
		"a PKCS #12 in BER":   {[]byte("\x30\x80\x02\x01\x03\x30\x80"), "is a PKCS #12"},
		"unknown binary":      {[]byte("\x01\x99\x88hunter2"), "is binary and not a text"},
		"another encoding":    {[]byte("f\xfcr hunter2"), "save it as UTF-8"},
		"dashes for hyphens":  {rewritten(pem, "-----", "—-—"), "has a BEGIN line that is not -----BEGIN"},
		"four hyphens":        {rewritten(pem, "-----", "----"), "has a BEGIN line that is not -----BEGIN"},
		"another space":       {rewritten(pem, "BEGIN ", "BEGIN\u00a0"), "copy it again, as plain text"},
		"small letters":       {bytes.ToLower(pem), "copy it again, as plain text"},
		"no hyphens":          {rewritten(pem, "-", ""), "copy it again, as plain text"},
		"hyphens with spaces": {rewritten(pem, "-----", "- - - - -"), "copy it again, as plain text"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pemfile.ReadRoots(c.data)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			require.NotContains(t, err.Error(), "HUNTER2")
		})
	}
}

func ExampleReadRoots() {
	_, err := pemfile.ReadRoots([]byte("-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n" +
		"-----END CERTIFICATE REQUEST-----\n"))
	fmt.Println(err)
	// Output: holds no certificate, but a certificate request (CSR); want the certificate that the authority has issued for it
}

func FuzzReadRoots(f *testing.F) {
	for _, bad := range unreadable(f) {
		f.Add(block("CERTIFICATE", bad))
		f.Add(bad)
	}
	f.Add([]byte("0 text"))
	f.Fuzz(func(t *testing.T, data []byte) {
		roots, err := pemfile.ReadRoots(data)
		require.Equal(t, err == nil, x509.NewCertPool().AppendCertsFromPEM([]byte(roots.PEM)))
	})
}
