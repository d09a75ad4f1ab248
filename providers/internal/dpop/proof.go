// The proof of one request. The claims and the signature are made here and not by go-jose, as the
// signature is then nearly the whole cost of a proof.
//
// Read on in nonce.go.

package dpop

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Claims describe the request that a proof is for.
type Claims struct {
	Method string      // of the request
	URL    string      // of the request; the proof omits query and fragment
	Token  core.Secret // the access token beside the proof; zero at a token endpoint
	// Nonce is the server's last nonce. A text that is not valid (see [ValidNonce]) counts as none.
	Nonce string
}

// backdate is how old a new proof claims to be: a server whose clock is behind would refuse a proof
// from its future, and every server accepts proofs that are some seconds old (RFC 9449 §11.1).
const backdate = 3 * time.Second

// payload is the claims of a proof (RFC 9449 §4.2).
type payload struct {
	ID     string `json:"jti"`
	Method string `json:"htm"`
	Target string `json:"htu"`
	Issued int64  `json:"iat"` // seconds since 1970
	Hash   string `json:"ath,omitempty"`
	Nonce  string `json:"nonce,omitempty"`
}

// Proof returns the value of the DPoP header for one request. Each request needs a new proof, also
// one that is repeated. The error is CodeBadConfig for a URL that a proof cannot name.
func (k *Key) Proof(c Claims) (core.Secret, error) {
	target, err := Target(c.URL)
	if err != nil {
		return core.Secret{}, err
	}
	// 130 random bits
	p := payload{ID: rand.Text(), Method: c.Method, Target: target,
		Issued: time.Now().Add(-backdate).Unix()}
	if !c.Token.IsZero() {
		hash := sha256.Sum256([]byte(c.Token.Reveal()))
		p.Hash = base64.RawURLEncoding.EncodeToString(hash[:])
	}
	if ValidNonce(c.Nonce) {
		p.Nonce = c.Nonce
	}
	body, err := json.Marshal(p)
	if err != nil {
		return core.Secret{}, core.Errorf(core.CodeUnavailable, "a DPoP proof cannot be written")
	}
	// The capacity has room for the signature of an RSA key of 4096 bits.
	const tail = 1 + 512*4/3 + 2
	jwt := make([]byte, 0, len(k.header)+base64.RawURLEncoding.EncodedLen(len(body))+tail)
	jwt = base64.RawURLEncoding.AppendEncode(append(jwt, k.header...), body)
	signature, err := k.sign(jwt)
	if err != nil {
		return core.Secret{}, core.Errorf(core.CodeUnavailable, "a DPoP proof cannot be signed: %w", err)
	}
	return core.NewSecret(string(base64.RawURLEncoding.AppendEncode(append(jwt, '.'), signature))), nil
}

// sign returns the signature of a JWS (RFC 7518 §3, RFC 8037 §3.1).
func (k *Key) sign(input []byte) ([]byte, error) {
	digest := sha256.Sum256(input)
	switch key := k.private.(type) {
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
		if err != nil {
			return nil, err
		}
		pair := make([]byte, 64)
		r.FillBytes(pair[:32])
		s.FillBytes(pair[32:])
		return pair, nil
	case ed25519.PrivateKey:
		return ed25519.Sign(key, input), nil
	}
	if k.algorithm == PS256 {
		return k.private.Sign(rand.Reader, digest[:],
			&rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	}
	return k.private.Sign(rand.Reader, digest[:], crypto.SHA256)
}

// Target returns the URL of a request as the claim "htu" of a proof has it (RFC 9449 §4.2):
// without user, query and fragment, and normalised as in RFC 3986 §6.2: scheme and host in
// lower case, without the default port of the scheme, and with a path. The path is the one
// that is sent. The schemes ws and wss become http and https.
func Target(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || strings.Contains(u.Hostname(), ":") && u.Host[0] != '[' {
		return "", core.Errorf(core.CodeBadConfig, "a DPoP proof needs the absolute URL of the request")
	}
	scheme, port := strings.ToLower(u.Scheme), u.Port()
	switch scheme {
	case "wss":
		scheme = "https"
	case "ws":
		scheme = "http"
	}
	defaultPort := map[string]string{"https": "443", "http": "80"}[scheme]
	if defaultPort == "" {
		return "", core.Errorf(core.CodeBadConfig, "a DPoP proof is for an http or https URL")
	}
	host, _, _ := strings.Cut(u.Hostname(), "%") // without the zone (RFC 6874), which is not sent
	if strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }) {
		return "", core.Errorf(core.CodeBadConfig,
			"a DPoP proof needs the host as it is sent: in ASCII, xn--…")
	}
	if host = strings.ToLower(host); strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port != "" && port != defaultPort {
		host += ":" + port
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path, nil
}
