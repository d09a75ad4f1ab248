// ID tokens (OpenID Connect Core 1.0 §2) and the keys that they are signed with.
//
// Read on in grant.go.

package oauth2

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// clockSkew is how far this machine's clock and the server's may differ.
	clockSkew = 5 * time.Minute
	// minRSABits is the size of the smallest RSA key that may sign (RFC 7518 §3.3).
	minRSABits = 2048
	// maxKeys is how many keys of a server are tried.
	maxKeys = 100
	// maxSubject is the size of the longest subject in bytes (OpenID Connect Core 1.0 §2).
	maxSubject = 255
)

// idTokenAlgorithms are the algorithms that an ID token may be signed with. "none" is not among
// them, and neither is an algorithm with a shared secret.
var idTokenAlgorithms = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512,
	oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// attributeClaims are the claims that become attributes of the credential.
var attributeClaims = []string{"email", "preferred_username"}

// person is the person that an ID token is about.
type person struct {
	subject    string
	attributes map[string]string
}

// addTo makes cred a credential of the person.
func (who person) addTo(cred *core.Credential) {
	cred.Subject = who.subject
	for _, name := range attributeClaims {
		if value := who.attributes[name]; value != "" {
			if cred.Attributes == nil {
				cred.Attributes = map[string]string{}
			}
			cred.Attributes[name] = value
		}
	}
}

// extraClaims are the claims that checkIDToken needs besides those of oidc.IDToken.
type extraClaims struct {
	AuthorizedParty string  `json:"azp"`
	NotBefore       float64 `json:"nbf"`
}

// expectation is what an ID token must contain.
type expectation struct {
	issuer, clientID string
	nonce            string        // of the sign-in; empty: the sign-in sent none
	access           core.Secret   // the access token that was issued with the ID token
	subject          string        // the subject of the session so far; empty: any
	secrets          []core.Secret // texts that no error may repeat
}

// identify fetches the server's keys and checks the ID token that was issued with an access token
// (OpenID Connect Core 1.0 §3.1.3.7).
func (conn *connection) identify(ctx context.Context, token grant.Token,
	want expectation) (person, error) {
	if err := conn.checkEndpoint("jwks", conn.meta.JWKSURI); err != nil {
		return person{}, err
	}
	var keys []crypto.PublicKey
	err := providerhttp.Retry(ctx, conn.req, func() (err error) {
		keys, err = fetchKeys(ctx, conn)
		return err
	})
	if err != nil {
		return person{}, err
	}
	want.secrets = append(conn.cfg.secrets(), token.Access, token.Refresh)
	want.issuer, want.clientID, want.access = conn.meta.Issuer, conn.cfg.ClientID, token.Access
	return checkIDToken(ctx, keys, token.ID.Reveal(), want)
}

// checkIDToken checks an ID token. go-oidc verifies the signature; expectation.check compares the
// claims, as go-oidc's errors neither have codes nor leave out the claims' values.
func checkIDToken(ctx context.Context, keys []crypto.PublicKey, idToken string,
	want expectation) (person, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(idTokenAlgorithms))
	for i, name := range idTokenAlgorithms {
		algorithms[i] = jose.SignatureAlgorithm(name)
	}
	if _, err := jose.ParseSignedCompact(idToken, algorithms); err != nil {
		return person{}, core.Errorf(core.CodeBadConfig,
			"the ID token is not signed with an algorithm of %v", idTokenAlgorithms)
	}
	verifier := oidc.NewVerifier(want.issuer, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
		SupportedSigningAlgs: idTokenAlgorithms,
		SkipClientIDCheck:    true, SkipIssuerCheck: true, SkipExpiryCheck: true, // see check
	})
	token, err := verifier.Verify(ctx, idToken)
	if err != nil { // not wrapped, as its text may quote the token
		return person{}, core.Errorf(core.CodeDenied,
			"the ID token is not signed by a key of the issuer, or not readable")
	}
	var extra extraClaims
	var all map[string]any
	if token.Claims(&extra) != nil || token.Claims(&all) != nil {
		return person{}, core.Errorf(core.CodeBadConfig, "the ID token has claims of the wrong type")
	}
	if err := want.check(token, extra); err != nil {
		return person{}, err
	}
	who := person{subject: token.Subject, attributes: map[string]string{}}
	for _, name := range attributeClaims {
		if text, _ := all[name].(string); text != "" && isPlainText(text) {
			who.attributes[name] = text
		}
	}
	return who, nil
}

// check compares the claims of a token with what it must contain. Its codes say what to do: an ID
// token of a wrong issuer, client or time does not improve by another sign-in (CodeBadConfig), one of
// another sign-in or person may be an attack (Denied).
func (want expectation) check(token *oidc.IDToken, extra extraClaims) error {
	if err := want.checkParties(token, extra); err != nil {
		return err
	}
	now := time.Now()
	switch {
	case token.Expiry.Add(clockSkew).Before(now):
		return core.Errorf(core.CodeBadConfig,
			"the ID token ended at %s, and it is %s here: is this machine's clock right?",
			formatTime(token.Expiry), formatTime(now))
	case extra.NotBefore > float64(now.Add(clockSkew).Unix()):
		return core.Errorf(core.CodeBadConfig,
			"the ID token begins after %s, the time here: is this machine's clock right?", formatTime(now))
	case want.nonce != "" && subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(want.nonce)) != 1:
		return core.Errorf(core.CodeDenied, "the ID token belongs to another sign-in: its nonce is not ours")
	case token.AccessTokenHash != "" && token.VerifyAccessToken(want.access.Reveal()) != nil:
		return core.Errorf(core.CodeDenied, "the ID token belongs to another access token")
	case token.Subject == "" || len(token.Subject) > maxSubject || !isPlainText(token.Subject):
		return core.Errorf(core.CodeBadConfig, "the ID token names no subject")
	case want.subject != "" && token.Subject != want.subject:
		return core.Errorf(core.CodeDenied, "the renewed ID token is for another person")
	}
	return nil
}

// checkParties compares the issuer and the client of a token.
func (want expectation) checkParties(token *oidc.IDToken, extra extraClaims) error {
	switch {
	case token.Issuer != want.issuer:
		return core.Errorf(core.CodeBadConfig, "the ID token is of issuer %q, not of %.200q",
			core.Printable(token.Issuer, 200, want.secrets...), want.issuer)
	case !slices.Contains(token.Audience, want.clientID):
		return core.Errorf(core.CodeBadConfig, "the ID token is for another client than client_id")
	case extra.AuthorizedParty != "" && extra.AuthorizedParty != want.clientID,
		extra.AuthorizedParty == "" && len(token.Audience) > 1:
		return core.Errorf(core.CodeBadConfig, "the ID token was not issued to client_id")
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// fetchKeys fetches the server's keys (RFC 7517 §5).
func fetchKeys(ctx context.Context, conn *connection) ([]crypto.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, conn.meta.JWKSURI, nil)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "jwks_url is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	body, refused, err := getDocument(conn.client.HTTP, req, conn.cfg.secrets())
	switch {
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
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, core.Errorf(core.CodeUnavailable,
			"the keys of the issuer are not a JWK Set (RFC 7517 §5)")
	}
	var keys []crypto.PublicKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
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
