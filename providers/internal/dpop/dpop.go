// Package dpop makes proofs of possession (DPoP, RFC 9449): a signature beside a token, without
// which the token cannot be used.
//
//	key, err := dpop.NewKey(dpop.ES256)
//	claims := dpop.Claims{Method: "GET", URL: "https://api.example.com/items", Token: token}
//	proof, err := key.Proof(claims)
//	r.Header.Set("Authorization", "DPoP "+token.Reveal())
//	r.Header.Set("DPoP", proof.Reveal())
//
// The package keeps no key and sends nothing: the caller stores the text of a key ([Key.Secret]). A
// [Nonce] holds the last nonce of one server. Errors are core errors with a code.
//
// Read on in proof.go.
package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/authsession/authsession/core"
	"github.com/go-jose/go-jose/v4"
)

// The algorithms that proofs are signed with (RFC 7518 §3.1, RFC 8037 §3.1).
const (
	ES256 = "ES256"
	EdDSA = "EdDSA" // with Ed25519
	RS256 = "RS256"
	PS256 = "PS256"
)

// Algorithms are all algorithms; the first one is the default.
var Algorithms = []string{ES256, EdDSA, RS256, PS256}

const (
	newRSABits = 2048    // of a new RSA key
	minRSABits = 2048    // RFC 7518 §3.3
	maxJWK     = 8 << 10 // bytes of a JWK; an RSA key of 4096 bits has 3 KiB
)

// Key is a private key that makes proofs with one algorithm. It does not change and is safe for
// concurrent use. Formatting prints its thumbprint.
type Key struct {
	private    crypto.Signer
	algorithm  string
	text       core.Secret
	thumbprint string
	header     []byte // of every proof, in base64url, with the dot after it
}

// NewKey generates a key for one of the [Algorithms]; "" means ES256. RSA keys have 2048 bits;
// their generation takes up to a second.
func NewKey(algorithm string) (*Key, error) {
	var private crypto.Signer
	var err error
	switch algorithm {
	case ES256, "":
		algorithm = ES256
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case EdDSA:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	case RS256, PS256:
		private, err = rsa.GenerateKey(rand.Reader, newRSABits)
	default:
		return nil, core.Errorf(core.CodeBadConfig,
			"proofs cannot be signed with the algorithm %.20q", algorithm)
	}
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "a new %s key: %w", algorithm, err)
	}
	return newKey(private, algorithm)
}

// ParseKey parses the text of [Key.Secret]: a private JWK (RFC 7517). Without an "alg" in it, the
// algorithm is the default of the key's type. The error is Unavailable, as the caller can make a
// new key, and does not contain the text.
func ParseKey(text core.Secret) (*Key, error) {
	var jwk jose.JSONWebKey
	if s := text.Reveal(); len(s) > maxJWK || json.Unmarshal([]byte(s), &jwk) != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the DPoP key is not a private JWK")
	}
	algorithm, err := chooseAlgorithm(jwk.Key, jwk.Algorithm)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the DPoP key: %w", err)
	}
	return newKey(jwk.Key.(crypto.Signer), algorithm)
}

// chooseAlgorithm returns the algorithm of a key: want, or the default of the key's type if want is
// empty. It checks that the key is complete: a proof with a wrong public key would be refused
// later, by the server.
func chooseAlgorithm(key any, want string) (string, error) {
	var supported []string
	switch key := key.(type) {
	case *ecdsa.PrivateKey:
		if key.Curve != elliptic.P256() {
			return "", errors.New("the curve is not P-256")
		}
		private, err := key.ECDH()
		if err != nil {
			return "", errors.New("it is not a point of P-256")
		}
		if public, err := key.PublicKey.ECDH(); err != nil || !private.PublicKey().Equal(public) {
			return "", errors.New("its halves do not belong together")
		}
		supported = []string{ES256}
	case ed25519.PrivateKey:
		supported = []string{EdDSA}
	case *rsa.PrivateKey:
		if key.N.BitLen() < minRSABits {
			return "", errors.New("it has fewer than 2048 bits (RFC 7518 §3.3)")
		}
		key.Precompute() // otherwise each signature computes the values again
		supported = []string{RS256, PS256}
	default:
		return "", errors.New("it is not a private EC, RSA or Ed25519 key")
	}
	if want == "" {
		want = supported[0]
	}
	if !slices.Contains(supported, want) {
		return "", errors.New("its type does not fit its algorithm")
	}
	return want, nil
}

// newKey returns a key with the parts that are the same in every proof.
func newKey(private crypto.Signer, algorithm string) (*Key, error) {
	jwk := jose.JSONWebKey{Key: private, Algorithm: algorithm}
	text, err := jwk.MarshalJSON()
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the DPoP key cannot be written as a JWK")
	}
	public := jose.JSONWebKey{Key: private.Public()}
	thumbprint, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the DPoP key has no thumbprint")
	}
	header, err := json.Marshal(struct {
		Typ string          `json:"typ"`
		Alg string          `json:"alg"`
		JWK jose.JSONWebKey `json:"jwk"`
	}{"dpop+jwt", algorithm, public})
	if err != nil {
		return nil, core.Errorf(core.CodeUnavailable, "the DPoP key has no public half")
	}
	return &Key{
		private:    private,
		algorithm:  algorithm,
		text:       core.NewSecret(string(text)),
		thumbprint: base64.RawURLEncoding.EncodeToString(thumbprint),
		header:     append(base64.RawURLEncoding.AppendEncode(nil, header), '.'),
	}, nil
}

// Secret returns the key as a private JWK, for [ParseKey]; zero if k is nil.
func (k *Key) Secret() core.Secret {
	if k == nil {
		return core.Secret{}
	}
	return k.text
}

// Algorithm returns which of the [Algorithms] the key signs with.
func (k *Key) Algorithm() string { return k.algorithm }

// Thumbprint returns the SHA-256 thumbprint of the public key (RFC 7638) in base64url. It binds an
// authorization code to the key (dpop_jkt, RFC 9449 §10) and is the claim "jkt" of tokens (§6.1).
// It is not a secret. If k is nil, it is empty.
func (k *Key) Thumbprint() string {
	if k == nil {
		return ""
	}
	return k.thumbprint
}

// Format prints the thumbprint, whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) {
	if k == nil {
		_, _ = io.WriteString(f, "no DPoP key")
		return
	}
	_, _ = io.WriteString(f, "DPoP key "+k.thumbprint)
}
