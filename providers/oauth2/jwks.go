// The keys that ID tokens are signed with (RFC 7517).
//
// Read on in idtoken.go.

package oauth2

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/json"
	"net/http"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/internal/members"
	"github.com/go-jose/go-jose/v4"
)

const (
	// minRSABits is the size of the smallest RSA key that may sign (RFC 7518 §3.3).
	minRSABits = 2048
	// maxKeys is how many keys of a server are tried.
	maxKeys = 100
)

// keys fetches the keys that ID tokens are signed with.
func (conn *connection) keys(ctx context.Context) (keys []crypto.PublicKey, err error) {
	if err := conn.checkEndpoint("jwks", conn.meta.JWKSURI); err != nil {
		return nil, err
	}
	err = providerhttp.Retry(ctx, conn.req, func() error {
		keys, err = fetchKeys(ctx, conn)
		return err
	})
	return keys, err
}

// fetchKeys fetches the server's keys (RFC 7517 §5).
func fetchKeys(ctx context.Context, conn *connection) ([]crypto.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, conn.meta.JWKSURI, nil)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "jwks_url is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, refused, err := getDocument(conn.client.HTTP, req, conn.cfg.secrets())
	switch {
	case refused && core.CodeOf(err) == core.CodeDenied: // keys are public; a gateway answers so
		return nil, core.Errorf(core.CodeUnavailable, "the keys of the issuer: %w", core.Cause(err))
	case refused:
		return nil, core.Prefix(err, "the keys of the issuer")
	case err != nil:
		return nil, err
	}
	return parseKeys(body)
}

// parseKeys parses a JWK Set. It skips keys that cannot verify a signature, are too short or of an
// unknown type (RFC 7517 §5).
func parseKeys(body []byte) ([]crypto.PublicKey, error) {
	set, err := members.Read(body)
	if err != nil || !set.Has("keys") {
		return nil, core.Errorf(core.CodeUnavailable,
			"the keys of the issuer are not a JWK Set (RFC 7517 §5)")
	}
	list := set.Raw("keys")
	var keys []crypto.PublicKey
	for _, raw := range list[:min(len(list), maxKeys)] {
		key, ok := parseKey(raw)
		if !ok {
			continue
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() >= minRSABits {
				keys = append(keys, public)
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
			keys = append(keys, public)
		}
	}
	if len(keys) == 0 {
		return nil, core.Errorf(core.CodeBadConfig, "the issuer publishes no key that could sign an ID token")
	}
	return keys, nil
}

// keyParts are the members of a JWK that make up a public key (RFC 7518 §6, RFC 8037 §2).
var keyParts = []string{"kty", "crv", "x", "y", "n", "e"}

// parseKey parses one JWK that may verify signatures. Of its members it reads only those that are
// needed: a certificate beside the key (x5c, x5t) that cannot be read does not matter.
func parseKey(raw []byte) (jose.JSONWebKey, bool) {
	object, err := members.Read(raw)
	if err != nil || object.Has("use") && object.Text("use") != "sig" {
		return jose.JSONWebKey{}, false
	}
	parts := map[string]string{}
	for _, name := range keyParts {
		if object.IsText(name) {
			parts[name] = object.Text(name)
		}
	}
	text, err := json.Marshal(parts)
	if err != nil {
		return jose.JSONWebKey{}, false
	}
	var key jose.JSONWebKey
	ok := key.UnmarshalJSON(text) == nil && key.Valid()
	return key, ok
}
