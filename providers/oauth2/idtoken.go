package oauth2

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"io"
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
	// skew is how far this machine's clock and the server's may differ.
	skew = 5 * time.Minute
	// minRSA is the smallest RSA key in bits that may sign (RFC 7518 §3.3).
	minRSA = 2048
	// maxKeys bounds the keys of a server that are tried.
	maxKeys = 100
)

// signatures are the algorithms that an ID token may be signed with. None of
// them is "none", and none is made with a secret that others share.
var signatures = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA,
}

// shown are the claims that become attributes of the credential.
var shown = []string{"email", "preferred_username"}

// person is whom an ID token speaks of.
type person struct {
	subject    string
	attributes map[string]string
}

// idClaims are the claims that we look at beside those that go-oidc reads.
type idClaims struct {
	AuthorizedParty string  `json:"azp"`
	NotBefore       float64 `json:"nbf"`
}

// expected is what an ID token must say.
type expected struct {
	issuer, clientID string
	nonce            string        // of the sign-in; empty: none was sent
	access           core.Secret   // the access token that came with it
	subject          string        // who it was before; empty: anybody
	secrets          []core.Secret // that no error may repeat
}

// identify fetches the server's keys and checks the ID token that came with an
// access token (OpenID Connect Core 1.0 §3.1.3.7).
func (p *provider) identify(ctx context.Context, conn *connection, token grant.Token, want expected) (person, error) {
	if err := p.usable("jwks", conn.meta.JWKSURI); err != nil {
		return person{}, err
	}
	var keys []crypto.PublicKey
	err := providerhttp.Retry(ctx, conn.req, func() (err error) {
		keys, err = p.fetchKeys(ctx, conn.client.HTTP, conn.meta.JWKSURI)
		return err
	})
	if err != nil {
		return person{}, err
	}
	want.secrets = append(p.cfg.secrets(), token.Access, token.Refresh)
	want.issuer, want.clientID, want.access = conn.meta.Issuer, p.cfg.ClientID, token.Access
	return checkIDToken(ctx, keys, token.ID.Reveal(), want)
}

// sign makes cred that of the person.
func (who person) sign(cred *core.Credential) {
	cred.Subject = who.subject
	for _, name := range shown {
		if value := who.attributes[name]; value != "" {
			if cred.Attributes == nil {
				cred.Attributes = map[string]string{}
			}
			cred.Attributes[name] = value
		}
	}
}

// checkIDToken checks an ID token: its signature with go-oidc, what it says
// here, for the sake of the codes.
func checkIDToken(ctx context.Context, keys []crypto.PublicKey, idToken string, want expected) (person, error) {
	_, err := jose.ParseSignedCompact(idToken, asymmetric())
	if err != nil {
		return person{}, core.Errorf(core.BadConfig, "the ID token is not signed with an algorithm of %v", signatures)
	}
	verifier := oidc.NewVerifier(want.issuer, &oidc.StaticKeySet{PublicKeys: keys}, &oidc.Config{
		SupportedSigningAlgs: signatures, SkipClientIDCheck: true, SkipIssuerCheck: true, SkipExpiryCheck: true,
	})
	token, err := verifier.Verify(ctx, idToken)
	if err != nil { // the text may quote the token
		return person{}, core.Errorf(core.Denied, "the ID token is not signed by a key of the issuer, or not readable")
	}
	var claims idClaims
	var all map[string]any
	if token.Claims(&claims) != nil || token.Claims(&all) != nil {
		return person{}, core.Errorf(core.BadConfig, "the ID token has claims of the wrong type")
	}
	if err := want.check(token, claims); err != nil {
		return person{}, err
	}
	who := person{subject: token.Subject, attributes: map[string]string{}}
	for _, name := range shown {
		if text, _ := all[name].(string); text != "" && plainText(text) {
			who.attributes[name] = text
		}
	}
	return who, nil
}

func asymmetric() []jose.SignatureAlgorithm {
	list := make([]jose.SignatureAlgorithm, len(signatures))
	for i, name := range signatures {
		list[i] = jose.SignatureAlgorithm(name)
	}
	return list
}

// check compares what the token says with what it must say.
func (want expected) check(token *oidc.IDToken, claims idClaims) error {
	now := time.Now()
	switch {
	case token.Issuer != want.issuer:
		return core.Errorf(core.BadConfig, "the ID token is of issuer %q, not of %.200q", core.Printable(token.Issuer, 200, want.secrets...), want.issuer)
	case !slices.Contains(token.Audience, want.clientID):
		return core.Errorf(core.BadConfig, "the ID token is for another client than client_id")
	case claims.AuthorizedParty != "" && claims.AuthorizedParty != want.clientID,
		claims.AuthorizedParty == "" && len(token.Audience) > 1:
		return core.Errorf(core.BadConfig, "the ID token was not issued to client_id")
	case token.Expiry.Add(skew).Before(now):
		return core.Errorf(core.BadConfig, "the ID token ended at %s, and it is %s here: is this machine's clock right?", stamp(token.Expiry), stamp(now))
	case claims.NotBefore > float64(now.Add(skew).Unix()):
		return core.Errorf(core.BadConfig, "the ID token begins after %s, the time here: is this machine's clock right?", stamp(now))
	case subtle.ConstantTimeCompare([]byte(token.Nonce), []byte(want.nonce)) != 1 && want.nonce != "":
		return core.Errorf(core.Denied, "the ID token belongs to another sign-in: its nonce is not ours")
	case token.AccessTokenHash != "" && token.VerifyAccessToken(want.access.Reveal()) != nil:
		return core.Errorf(core.Denied, "the ID token belongs to another access token")
	case token.Subject == "" || len(token.Subject) > 255 || !plainText(token.Subject):
		return core.Errorf(core.BadConfig, "the ID token names no subject")
	case want.subject != "" && token.Subject != want.subject:
		return core.Errorf(core.Denied, "the renewed ID token is for another person")
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// plainText reports whether s can be shown: no control characters, and short.
func plainText(s string) bool {
	for _, r := range s {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return false
		}
	}
	return len(s) <= 1024
}

// fetchKeys gets the server's keys (RFC 7517 §5).
func (p *provider) fetchKeys(ctx context.Context, web *http.Client, place string) ([]crypto.PublicKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, place, nil)
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "jwks_url is not a URL")
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := web.Do(req)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	if err := providerhttp.AnswerError(resp, nil, p.cfg.secrets()...); err != nil {
		return nil, core.Prefix(err, "the keys of the issuer")
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	return readKeys(body)
}

// readKeys reads a JWK Set. Keys that cannot verify a signature, are too short
// or unknown are left out (RFC 7517 §5).
func readKeys(body []byte) ([]crypto.PublicKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, core.Errorf(core.Unavailable, "the keys of the issuer are not a JWK Set (RFC 7517 §5)")
	}
	var keys []crypto.PublicKey
	for _, raw := range set.Keys[:min(len(set.Keys), maxKeys)] {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(raw) != nil || key.Use != "" && key.Use != "sig" || !key.Valid() {
			continue
		}
		switch public := key.Key.(type) {
		case *rsa.PublicKey:
			if public.N.BitLen() >= minRSA {
				keys = append(keys, public)
			}
		case *ecdsa.PublicKey, ed25519.PublicKey:
			keys = append(keys, public)
		}
	}
	if len(keys) == 0 {
		return nil, core.Errorf(core.BadConfig, "the issuer publishes no key that could sign an ID token")
	}
	return keys, nil
}
