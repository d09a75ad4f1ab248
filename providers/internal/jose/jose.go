// Package jose loads private keys and signs JWTs with them (RFC 7515, RFC 7519). It uses
// github.com/go-jose/go-jose.
//
//	key := jose.KeyConfig{File: "client.pem", ID: "2026-11"}
//	signer, err := key.Load()
//	token, err := signer.Sign(map[string]any{"iss": "app", "exp": expiry.Unix()})
//
// The package keeps no key: a caller that follows a key file loads the key again. It does not
// verify signatures.
//
// Read on in key.go.
package jose

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" // the claim x5t is a SHA-1 hash (RFC 7515 §4.1.7); nothing is protected by it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
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
	maxRSA = 16384 // bits; the time of a signature grows with the cube of the size
)

// minSecret is the size in bytes of the shortest secret, by the algorithms that sign with a secret
// (RFC 7518 §3.2).
var minSecret = map[string]int{"HS256": 32, "HS384": 48, "HS512": 64}

// Signer signs JWTs with one key and algorithm. It is safe for concurrent use. Formatting prints
// its algorithm.
type Signer struct {
	signer    jose.Signer
	algorithm string
}

// NewSigner returns a signer with a private key, which may be held elsewhere (KMS, PKCS #11,
// TPM). id is the "kid" of the JWTs; empty: none. An empty algorithm is the default of the
// key's type: RS256, EdDSA, or that of the curve. The error is [core.CodeBadConfig] for a
// key that is too short or cannot be used with the algorithm.
func NewSigner(key crypto.Signer, id, algorithm string) (*Signer, error) {
	return newKeySigner(key, nil, id, algorithm)
}

// newKeySigner is NewSigner for a key with a certificate, by whose thumbprints (x5t and x5t#S256,
// RFC 7515 §4.1.7, §4.1.8) some servers find the key. Nil: it has none.
func newKeySigner(key crypto.Signer, cert *x509.Certificate, id,
	algorithm string) (*Signer, error) {
	algorithm, err := chooseAlgorithm(key, algorithm)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "%w", err)
	}
	header := map[jose.HeaderKey]any{}
	if id != "" {
		header["kid"] = id
	}
	if cert != nil {
		sha1Sum, sha256Sum := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
		header["x5t"] = base64.RawURLEncoding.EncodeToString(sha1Sum[:])
		header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(sha256Sum[:])
	}
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return newSigner(key, header, algorithm)
	}
	return newSigner(cryptosigner.Opaque(hashSizedSalt{key}), header, algorithm)
}

// NewMAC returns a signer with a secret that the verifier has, too. The algorithm is HS256,
// HS384 or HS512; empty: HS256. The error is [core.CodeBadConfig] for a secret that is
// shorter than the hash (RFC 7518 §3.2).
func NewMAC(secret core.Secret, algorithm string) (*Signer, error) {
	if algorithm == "" {
		algorithm = "HS256"
	}
	size, ok := minSecret[algorithm]
	switch {
	case !ok:
		return nil, core.Errorf(core.CodeBadConfig,
			"%.20q is not an algorithm for a secret; want HS256, HS384 or HS512", algorithm)
	case len(secret.Reveal()) < size:
		return nil, core.Errorf(core.CodeBadConfig,
			"the secret is shorter than the %d bytes that %s needs (RFC 7518 §3.2)", size, algorithm)
	}
	return newSigner([]byte(secret.Reveal()), nil, algorithm)
}

func newSigner(key any, header map[jose.HeaderKey]any, algorithm string) (*Signer, error) {
	opts := (&jose.SignerOptions{}).WithType("JWT")
	for name, value := range header {
		opts.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(algorithm),
		Key: key}, opts)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the key cannot sign with %s", algorithm)
	}
	return &Signer{signer, algorithm}, nil
}

// Algorithm returns the algorithm of s, for example "ES256".
func (s *Signer) Algorithm() string { return s.algorithm }

// Format prints the algorithm, whatever the verb.
func (s *Signer) Format(f fmt.State, _ rune) {
	if s == nil {
		_, _ = io.WriteString(f, "no key")
		return
	}
	_, _ = io.WriteString(f, s.algorithm+" key")
}

// Sign returns a signed JWT of claims in the compact form. The error is that of a key that is held
// elsewhere if it has a code, and [core.CodeUnavailable] otherwise.
func (s *Signer) Sign(claims map[string]any) (token core.Secret, err error) {
	defer func() {
		if r := recover(); r != nil { // in the code of a key that is held elsewhere
			token, err = core.Secret{},
				core.Errorf(core.CodeUnavailable, "signing with the key panicked (%T)", r)
		}
	}()
	text, err := jwt.Signed(s.signer).Claims(claims).Serialize()
	var coded *core.Error
	switch {
	case errors.As(err, &coded):
		return core.Secret{}, coded
	case err != nil:
		return core.Secret{}, core.Errorf(core.CodeUnavailable, "the key did not sign: %w", err)
	}
	return core.NewSecret(text), nil
}

// hashSizedSalt makes RSA-PSS signatures with a salt of the size of the hash, as RFC 7518 §3.5
// requires; cryptosigner asks a key for the largest salt.
type hashSizedSalt struct{ crypto.Signer }

// Sign implements [crypto.Signer].
func (s hashSizedSalt) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if pss, ok := opts.(*rsa.PSSOptions); ok {
		opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: pss.Hash}
	}
	return s.Signer.Sign(rand, digest, opts)
}

// chooseAlgorithm returns the algorithm of a key: want, or the default of the key's type if want is
// empty.
func chooseAlgorithm(key crypto.Signer, want string) (string, error) {
	if key == nil {
		return "", errors.New("there is no private key")
	}
	kind, supported, err := algorithmsOf(key.Public())
	switch {
	case err != nil:
		return "", err
	case want == "":
		return supported[0], nil
	case !slices.Contains(supported, want):
		return "", fmt.Errorf("the key is %s and cannot sign with %.20s; want %s",
			kind, want, strings.Join(supported, ", "))
	}
	return want, nil
}

// algorithmsOf returns the algorithms of a type of key, the default one first, and the name of the
// type.
func algorithmsOf(public crypto.PublicKey) (kind string, supported []string, err error) {
	switch public := public.(type) {
	case *rsa.PublicKey:
		switch bits := public.N.BitLen(); {
		case bits < minRSA:
			return "", nil, fmt.Errorf("the RSA key has %d bits; want %d or more (RFC 7518 §3.3)", bits,
				minRSA)
		case bits > maxRSA:
			return "", nil, fmt.Errorf("the RSA key has %d bits; want at most %d", bits, maxRSA)
		}
		return "RSA", []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}, nil
	case *ecdsa.PublicKey:
		algorithm := map[elliptic.Curve]string{
			elliptic.P256(): "ES256", elliptic.P384(): "ES384", elliptic.P521(): "ES512",
		}[public.Curve]
		if algorithm == "" {
			return "", nil, errors.New("the EC key is not on P-256, P-384 or P-521")
		}
		return "EC " + public.Curve.Params().Name, []string{algorithm}, nil
	case ed25519.PublicKey:
		return "Ed25519", []string{"EdDSA"}, nil
	}
	return "", nil, errors.New("the key is not RSA, EC or Ed25519")
}
