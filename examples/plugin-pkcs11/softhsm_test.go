//go:build cgo && acceptance

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"
)

const (
	library = "/usr/lib/softhsm/libsofthsm2.so"
	pin     = "Pin4711ForTheTest"
)

// helper is the variable that makes this binary write to the token instead of
// testing: the library belongs to the plugin, and looks for its tokens once.
const helper = "PKCS11_TEST_HELPER"

// newToken starts with an empty token for one test.
func newToken(t *testing.T) {
	t.Helper()
	const missing = "SoftHSM is not installed: run `make servers` first"
	require.FileExists(t, library, missing)
	util, err := exec.LookPath("softhsm2-util")
	require.NoError(t, err, missing)
	dir := t.TempDir()
	conf := filepath.Join(dir, "softhsm2.conf")
	require.NoError(
		t,
		os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nlog.level = ERROR\n"), 0o600),
	)
	t.Setenv("SOFTHSM2_CONF", conf)
	out, err := exec.Command(util, "--init-token", "--free", "--label", "acme", "--so-pin", "officer-"+pin, "--pin", pin).
		CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// makeKeys makes two keys in the token that cannot be taken out, "ecdsa" with
// id 01 and "rsa" with id 02, and returns their public halves.
func makeKeys(t *testing.T) map[string]crypto.PublicKey {
	t.Helper()
	public := map[string]crypto.PublicKey{}
	var der map[string][]byte
	require.NoError(t, json.Unmarshal(inHelper(t, "keys", nil), &der))
	for name, bytes := range der {
		key, err := x509.ParsePKIXPublicKey(bytes)
		require.NoError(t, err)
		public[name] = key
	}
	return public
}

// entry is a certificate to put into the token.
type entry struct {
	ID, DER []byte
	Label   string
}

func putCertificates(t *testing.T, entries ...entry) {
	t.Helper()
	input, err := json.Marshal(entries)
	require.NoError(t, err)
	inHelper(t, "certificates", input)
}

func inHelper(t *testing.T, what string, input []byte) []byte {
	t.Helper()
	cmd := exec.Command(self(t))
	cmd.Env = append(os.Environ(), helper+"="+what)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(input), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	return out
}

// help is the helper's process. It panics at the first error.
func help(what string) {
	ctx := pkcs11.New(library)
	check(ctx.Initialize())
	slots, err := ctx.GetSlotList(true)
	check(err)
	s, err := ctx.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	check(err)
	check(ctx.Login(s, pkcs11.CKU_USER, pin))
	if what == "keys" {
		check(
			json.NewEncoder(os.Stdout).
				Encode(map[string][]byte{"ecdsa": makeECDSA(ctx, s), "rsa": makeRSA(ctx, s)}),
		)
	} else {
		var entries []entry
		check(json.NewDecoder(os.Stdin).Decode(&entries))
		for _, e := range entries {
			put(ctx, s, e)
		}
	}
	check(ctx.Finalize())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func attr(what uint, value any) *pkcs11.Attribute { return pkcs11.NewAttribute(what, value) }

func private(label string, id byte) []*pkcs11.Attribute {
	return []*pkcs11.Attribute{
		attr(
			pkcs11.CKA_TOKEN,
			true,
		), attr(pkcs11.CKA_SIGN, true), attr(pkcs11.CKA_LABEL, label), attr(pkcs11.CKA_ID, []byte{id}),
		attr(pkcs11.CKA_SENSITIVE, true), attr(pkcs11.CKA_EXTRACTABLE, false),
	}
}

func makeECDSA(ctx *pkcs11.Ctx, s pkcs11.SessionHandle) []byte {
	curve, err := asn1.Marshal(asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7})
	check(err)
	public, _, err := ctx.GenerateKeyPair(
		s,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_EC_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{
			attr(pkcs11.CKA_EC_PARAMS, curve),
			attr(pkcs11.CKA_TOKEN, true),
		},
		private("ecdsa", 1),
	)
	check(err)
	point, err := ctx.GetAttributeValue(s, public, []*pkcs11.Attribute{attr(pkcs11.CKA_EC_POINT, nil)})
	check(err)
	var raw []byte
	_, err = asn1.Unmarshal(point[0].Value, &raw)
	check(err)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	check(err)
	der, err := x509.MarshalPKIXPublicKey(key)
	check(err)
	return der
}

func makeRSA(ctx *pkcs11.Ctx, s pkcs11.SessionHandle) []byte {
	public, _, err := ctx.GenerateKeyPair(
		s,
		[]*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_KEY_PAIR_GEN, nil)},
		[]*pkcs11.Attribute{
			attr(pkcs11.CKA_MODULUS_BITS, 2048),
			attr(pkcs11.CKA_PUBLIC_EXPONENT, []byte{1, 0, 1}),
			attr(pkcs11.CKA_TOKEN, true),
		},
		private("rsa", 2),
	)
	check(err)
	modulus, err := ctx.GetAttributeValue(s, public, []*pkcs11.Attribute{attr(pkcs11.CKA_MODULUS, nil)})
	check(err)
	der, err := x509.MarshalPKIXPublicKey(
		&rsa.PublicKey{N: new(big.Int).SetBytes(modulus[0].Value), E: 65537},
	)
	check(err)
	return der
}

func put(ctx *pkcs11.Ctx, s pkcs11.SessionHandle, e entry) {
	cert, err := x509.ParseCertificate(e.DER)
	check(err)
	_, err = ctx.CreateObject(s, []*pkcs11.Attribute{
		attr(
			pkcs11.CKA_CLASS,
			pkcs11.CKO_CERTIFICATE,
		), attr(pkcs11.CKA_CERTIFICATE_TYPE, pkcs11.CKC_X_509), attr(pkcs11.CKA_TOKEN, true),
		attr(
			pkcs11.CKA_PRIVATE,
			false,
		), attr(pkcs11.CKA_SUBJECT, cert.RawSubject), attr(pkcs11.CKA_VALUE, e.DER),
		attr(pkcs11.CKA_ID, e.ID), attr(pkcs11.CKA_LABEL, e.Label),
	})
	check(err)
}
