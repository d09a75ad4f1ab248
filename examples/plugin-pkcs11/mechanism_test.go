//go:build cgo

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestPrefixes lets RSA without a hash sign what the token is given, and
// verifies that as a signature with the hash.
func TestPrefixes(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for h := range hashes {
		digest := make([]byte, h.Size())
		_, input, err := mechanism(pkcs11.CKK_RSA, core.SignatureRequest{Digest: digest, Hash: h})
		require.NoError(t, err)
		signature, err := rsa.SignPKCS1v15(nil, key, 0, input)
		require.NoError(t, err)
		require.NoError(t, rsa.VerifyPKCS1v15(&key.PublicKey, h, digest, signature), h.String())
	}
}

func TestEncode(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		require.NoError(t, err)
		r, s, err := ecdsa.Sign(rand.Reader, key, make([]byte, 32))
		require.NoError(t, err)
		half := (curve.Params().BitSize + 7) / 8
		raw := append(r.FillBytes(make([]byte, half)), s.FillBytes(make([]byte, half))...)
		signature, err := encode(pkcs11.CKK_EC, raw)
		require.NoError(t, err)
		require.True(t, verifies(&key.PublicKey, make([]byte, 32), signature))
		for _, odd := range [][]byte{nil, raw[1:]} {
			_, err = encode(pkcs11.CKK_EC, odd)
			require.ErrorIs(t, err, core.CodeUnavailable)
		}
	}
}

func TestWhatCannotBeSigned(t *testing.T) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	for _, req := range []core.SignatureRequest{
		{}, {Digest: make([]byte, 32)}, {Digest: make([]byte, 31), Hash: crypto.SHA256}, {Digest: make([]byte, 32), Hash: crypto.BLAKE2s_256}, {Digest: make([]byte, 32), Hash: crypto.SHA256},
	} {
		_, _, err := mechanism(pkcs11.CKK_DSA, req)
		require.ErrorIs(t, err, core.CodeBadConfig)
	}
	require.False(t, verifies(public, nil, nil))
}
