//go:build cgo

package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/asn1"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/authsession/authsession/core"
)

// hashes are what TLS signs, with what PKCS #11 calls them (PKCS #11 v3.0 §2.1)
// and what RSA PKCS #1 v1.5 puts before the digest (RFC 8017 §9.2).
var hashes = map[crypto.Hash]struct {
	mechanism, mask uint
	prefix          []byte
}{
	crypto.SHA1: {
		pkcs11.CKM_SHA_1,
		pkcs11.CKG_MGF1_SHA1,
		prefix(0x21, 0x09, 0x05, []byte{0x2b, 0x0e, 0x03, 0x02, 0x1a}, 20),
	},
	crypto.SHA256: {pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, sha2(1, 32)},
	crypto.SHA384: {pkcs11.CKM_SHA384, pkcs11.CKG_MGF1_SHA384, sha2(2, 48)},
	crypto.SHA512: {pkcs11.CKM_SHA512, pkcs11.CKG_MGF1_SHA512, sha2(3, 64)},
}

func sha2(which byte, size int) []byte {
	return prefix(
		byte(0x11+size),
		0x0d,
		0x09,
		[]byte{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, which},
		size,
	)
}

func prefix(total, algorithm, oidLength byte, oid []byte, size int) []byte {
	out := append([]byte{0x30, total, 0x30, algorithm, 0x06, oidLength}, oid...)
	return append(out, 0x05, 0x00, 0x04, byte(size))
}

// mechanism says how the token makes a signature with a key of that kind
// (CKK_EC, CKK_RSA), and of what.
func mechanism(kind uint, req core.SignatureRequest) (*pkcs11.Mechanism, []byte, error) {
	h, known := hashes[req.Hash]
	if !known || len(req.Digest) != req.Hash.Size() {
		return nil, nil, core.Errorf(
			core.CodeBadConfig,
			"the token signs no digest of %d bytes made with %v",
			len(req.Digest),
			req.Hash,
		)
	}
	switch kind {
	case pkcs11.CKK_EC:
		return pkcs11.NewMechanism(pkcs11.CKM_ECDSA, nil), req.Digest, nil
	case pkcs11.CKK_RSA:
		if req.PSSSalt > 0 {
			params := pkcs11.NewPSSParams(h.mechanism, h.mask, uint(req.PSSSalt))
			return pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_PSS, params), req.Digest, nil
		}
		return pkcs11.NewMechanism(
				pkcs11.CKM_RSA_PKCS,
				nil,
			), append(
				bytes.Clone(h.prefix),
				req.Digest...), nil
	}
	return nil, nil, core.Errorf(core.CodeBadConfig, "the private key is neither RSA nor ECDSA")
}

// encode makes of a token's signature what TLS sends: for ECDSA, the token
// has r and s side by side.
func encode(kind uint, signature []byte) ([]byte, error) {
	if kind != pkcs11.CKK_EC {
		return signature, nil
	}
	if len(signature) == 0 || len(signature)%2 != 0 {
		return nil, core.Errorf(
			core.CodeUnavailable,
			"the token made a signature of %d bytes",
			len(signature),
		)
	}
	half := len(signature) / 2
	return asn1.Marshal(
		struct{ R, S *big.Int }{
			new(big.Int).SetBytes(signature[:half]),
			new(big.Int).SetBytes(signature[half:]),
		},
	)
}

// verifies judges a signature over a digest made with SHA-256.
func verifies(public crypto.PublicKey, digest, signature []byte) bool {
	switch key := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, digest, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, signature) == nil
	}
	return false
}
