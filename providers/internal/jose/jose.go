// Package jose loads private keys and signs JWTs with them (RFC 7515, RFC
// 7519), over github.com/go-jose/go-jose:
//
//	key := jose.KeyConfig{File: "client.pem", ID: "2026-11"}
//	signer, err := key.Load()
//	token, err := signer.Sign(map[string]any{"iss": "app", "exp": in.Unix()})
//
// [KeyConfig] is made to be one field of the settings of a provider. The
// package keeps nothing: whoever wants to follow a key that is exchanged loads
// it again. It verifies nothing.
//
// Read on in key.go.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/cryptosigner"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	minRSA = 2048  // bits, RFC 7518 §3.3 and §3.5
	maxRSA = 16384 // bits; a larger key only burns time
)

// MACs are the algorithms that sign with a secret (RFC 7518 §3.2), and how
// many bytes it must have.
var macs = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// Signer signs JWTs with one key and algorithm. It is safe for concurrent use,
// and prints as its algorithm.
type Signer struct {
	signer    jose.Signer
	algorithm string
}

// NewSigner returns a signer with a private key, which may be held elsewhere
// (a KMS, PKCS #11, a TPM). id is the "kid" of what it signs; empty: none. An
// empty algorithm means the usual one: RS256, EdDSA, or what fits the curve.
// The error is [core.BadConfig] for a key that is too short or does not fit
// the algorithm.
func NewSigner(key crypto.Signer, id, algorithm string) (*Signer, error) {
	algorithm, err := fits(key, algorithm)
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "%w", err)
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return newSigner(key, id, algorithm)
	}
	return newSigner(cryptosigner.Opaque(salted{key}), id, algorithm)
}

// NewMAC returns a signer with a secret that the verifier shares: HS256 for an
// empty algorithm, HS384 or HS512. The error is [core.BadConfig] for a secret
// that is shorter than the hash (RFC 7518 §3.2).
func NewMAC(secret core.Secret, algorithm string) (*Signer, error) {
	if algorithm == "" {
		algorithm = "HS256"
	}
	least, ok := macs[algorithm]
	switch {
	case !ok:
		return nil, core.Errorf(core.BadConfig, "%.20q is no algorithm for a secret; want HS256, HS384 or HS512", algorithm)
	case len(secret.Reveal()) < least:
		return nil, core.Errorf(core.BadConfig, "the secret is shorter than the %d bytes that %s needs (RFC 7518 §3.2)", least, algorithm)
	}
	return newSigner([]byte(secret.Reveal()), "", algorithm)
}

func newSigner(key any, id, algorithm string) (*Signer, error) {
	opts := (&jose.SignerOptions{}).WithType("JWT")
	if id != "" {
		opts.WithHeader("kid", id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm), Key: key}, opts)
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "the key cannot sign with %s", algorithm)
	}
	return &Signer{signer, algorithm}, nil
}

// Algorithm returns what s signs with, as "ES256".
func (s *Signer) Algorithm() string { return s.algorithm }

// Format prints the algorithm, whatever the verb.
func (s *Signer) Format(f fmt.State, _ rune) {
	if s == nil {
		_, _ = io.WriteString(f, "no key")
		return
	}
	_, _ = io.WriteString(f, s.algorithm+" key")
}

// Sign returns a signed JWT of claims in the compact form. The error has the
// code of the key that is held elsewhere, or else [core.Unavailable].
func (s *Signer) Sign(claims map[string]any) (token core.Secret, err error) {
	defer func() {
		if r := recover(); r != nil { // a key held elsewhere
			token, err = core.Secret{}, core.Errorf(core.Unavailable, "signing with the key panicked (%T)", r)
		}
	}()
	text, err := jwt.Signed(s.signer).Claims(claims).Serialize()
	var coded *core.Error
	switch {
	case errors.As(err, &coded):
		return core.Secret{}, coded
	case err != nil:
		return core.Secret{}, core.Errorf(core.Unavailable, "the key did not sign: %w", err)
	}
	return core.NewSecret(text), nil
}

// salted makes RSA-PSS salts as long as the hash (RFC 7518 §3.5) with a key
// that is held elsewhere.
type salted struct{ crypto.Signer }

// Sign implements [crypto.Signer].
func (s salted) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: pss.Hash}
	}
	return s.Signer.Sign(rand, digest, opts)
}

// fits returns the algorithm of a key: want if it fits, the usual one if want
// is empty.
func fits(key crypto.Signer, want string) (string, error) {
	if key == nil {
		return "", errors.New("there is no private key")
	}
	var can []string
	var kind string
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		switch bits := public.N.BitLen(); {
		case bits < minRSA:
			return "", fmt.Errorf("the RSA key has %d bits; want %d or more (RFC 7518 §3.3)", bits, minRSA)
		case bits > maxRSA:
			return "", fmt.Errorf("the RSA key has %d bits; want at most %d", bits, maxRSA)
		}
		kind, can = "RSA", []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}
	case *ecdsa.PublicKey:
		fit := map[elliptic.Curve]string{elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512"}[public.Curve]
		if fit == "" {
			return "", errors.New("the EC key is not on P-256, P-384 or P-521")
		}
		kind, can = "EC "+public.Curve.Params().Name, []string{fit}
	case ed25519.PublicKey:
		kind, can = "Ed25519", []string{"EdDSA"}
	default:
		return "", errors.New("the key is not RSA, EC or Ed25519")
	}
	if want == "" {
		want = can[0]
	}
	if !slices.Contains(can, want) {
		return "", fmt.Errorf("the key is %s and cannot sign with %.20s; want %s", kind, want, strings.Join(can, ", "))
	}
	return want, nil
}
