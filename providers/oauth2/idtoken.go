// ID tokens (OpenID Connect Core 1.0 §2).
//
// Read on in grant.go.

package oauth2

import (
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

const (
	// clockSkew is how far this machine's clock and the server's may differ.
	clockSkew = 5 * time.Minute
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

// claims are the claims of an ID token that are checked (OpenID Connect Core 1.0 §2). A claim of an
// unexpected type is absent.
type claims struct {
	issuer, subject   string
	audience          []string
	authorizedParty   string
	expiry, notBefore float64 // seconds since 1970; 0: absent
	nonce             string
	accessTokenHash   string
	algorithm         string // that of the signature, which makes accessTokenHash
}

// readClaims returns the claims of an ID token. The error is CodeBadConfig if a claim that
// restricts who may use the token cannot be read.
func readClaims(payload members.Object, algorithm string) (claims, error) {
	for _, name := range []string{"azp", "at_hash"} {
		if payload.Has(name) && !payload.IsText(name) {
			return claims{}, core.Errorf(core.CodeBadConfig, "the ID token has claims of the wrong type: %s",
				name)
		}
	}
	seconds := func(name string) float64 {
		n, err := strconv.ParseFloat(payload.Number(name), 64)
		if err != nil || math.IsNaN(n) {
			return 0
		}
		return max(0, min(n, maxClaimTime))
	}
	return claims{
		issuer: payload.Text("iss"), subject: payload.Text("sub"), audience: payload.List("aud"),
		authorizedParty: payload.Text("azp"), nonce: payload.Text("nonce"),
		expiry: seconds("exp"), notBefore: seconds("nbf"),
		accessTokenHash: payload.Text("at_hash"), algorithm: algorithm,
	}, nil
}

// maxClaimTime is the latest time that a claim can name, in seconds since 1970: the year 9999.
const maxClaimTime = 253402300799

// isFor reports whether the ID token was issued with an access token: the claim at_hash is the left
// half of its hash (OpenID Connect Core 1.0 §3.1.3.6).
func (c claims) isFor(access core.Secret) bool {
	text := []byte(access.Reveal())
	var sum []byte
	switch {
	case strings.HasSuffix(c.algorithm, "256"):
		hash := sha256.Sum256(text)
		sum = hash[:]
	case strings.HasSuffix(c.algorithm, "384"):
		hash := sha512.Sum384(text)
		sum = hash[:]
	default:
		hash := sha512.Sum512(text)
		sum = hash[:]
	}
	want := base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	return subtle.ConstantTimeCompare([]byte(c.accessTokenHash), []byte(want)) == 1
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
	keys, err := conn.keys(ctx)
	if err != nil {
		return person{}, err
	}
	return conn.identifyWith(ctx, keys, token, want)
}

// identifyWith is identify with keys that have been fetched.
func (conn *connection) identifyWith(ctx context.Context, keys []crypto.PublicKey, token grant.Token,
	want expectation) (person, error) {
	want.secrets = append(conn.cfg.secrets(), token.Access, token.Refresh)
	want.issuer, want.clientID, want.access = conn.meta.Issuer, conn.cfg.ClientID, token.Access
	return checkIDToken(ctx, keys, token.ID.Reveal(), want)
}

// checkIDToken checks an ID token. go-oidc verifies the signature; expectation.check compares the
// claims, as go-oidc reads also those that nobody needs, and its errors neither have codes nor
// leave out the claims' values.
func checkIDToken(ctx context.Context, keys []crypto.PublicKey, idToken string,
	want expectation) (person, error) {
	algorithms := make([]jose.SignatureAlgorithm, len(idTokenAlgorithms))
	for i, name := range idTokenAlgorithms {
		algorithms[i] = jose.SignatureAlgorithm(name)
	}
	signed, err := jose.ParseSignedCompact(idToken, algorithms)
	if err != nil {
		return person{}, core.Errorf(core.CodeBadConfig,
			"the ID token is not signed with an algorithm of %v", idTokenAlgorithms)
	}
	payload, err := (&oidc.StaticKeySet{PublicKeys: keys}).VerifySignature(ctx, idToken)
	if err != nil { // not wrapped, as its text may quote the token
		return person{}, core.Errorf(core.CodeDenied,
			"the ID token is not signed by a key of the issuer, or not readable")
	}
	all, err := members.Read(payload)
	if err != nil {
		return person{}, core.Errorf(core.CodeBadConfig, "the ID token has no claims")
	}
	token, err := readClaims(all, signed.Signatures[0].Header.Algorithm)
	if err != nil {
		return person{}, err
	}
	if err := want.check(token); err != nil {
		return person{}, err
	}
	who := person{subject: token.subject, attributes: map[string]string{}}
	for _, name := range attributeClaims {
		if text := all.Text(name); text != "" && isPlainText(text) {
			who.attributes[name] = text
		}
	}
	return who, nil
}

// check compares the claims of a token with what it must contain. Its codes say what to do: an ID
// token of a wrong issuer, client or time does not improve by another sign-in (CodeBadConfig),
// one of another sign-in or person may be an attack (Denied).
func (want expectation) check(token claims) error {
	if err := want.checkParties(token); err != nil {
		return err
	}
	now := time.Now()
	switch {
	case time.Unix(int64(token.expiry), 0).Add(clockSkew).Before(now):
		return core.Errorf(core.CodeBadConfig,
			"the ID token ended at %s, and it is %s here: is this machine's clock right?",
			formatTime(time.Unix(int64(token.expiry), 0)), formatTime(now))
	case token.notBefore > float64(now.Add(clockSkew).Unix()):
		return core.Errorf(core.CodeBadConfig,
			"the ID token begins after %s, the time here: is this machine's clock right?", formatTime(now))
	case want.nonce != "" && subtle.ConstantTimeCompare([]byte(token.nonce), []byte(want.nonce)) != 1:
		return core.Errorf(core.CodeDenied, "the ID token belongs to another sign-in: its nonce is not ours")
	case token.accessTokenHash != "" && !token.isFor(want.access):
		return core.Errorf(core.CodeDenied, "the ID token belongs to another access token")
	case token.subject == "" || len(token.subject) > maxSubject || !isPlainText(token.subject):
		return core.Errorf(core.CodeBadConfig, "the ID token names no subject")
	case want.subject != "" && token.subject != want.subject:
		return core.Errorf(core.CodeDenied, "the renewed ID token is for another person")
	}
	return nil
}

// checkParties compares the issuer and the client of a token. A token with several audiences
// needs no azp (OpenID Connect Core 1.0 with errata set 2, §3.1.3.7).
func (want expectation) checkParties(token claims) error {
	switch {
	case token.issuer != want.issuer:
		return core.Errorf(core.CodeBadConfig, "the ID token is of issuer %q, not of %.200q",
			core.Printable(token.issuer, 200, want.secrets...), want.issuer)
	case !slices.Contains(token.audience, want.clientID):
		return core.Errorf(core.CodeBadConfig, "the ID token is for another client than client_id")
	case token.authorizedParty != "" && token.authorizedParty != want.clientID:
		return core.Errorf(core.CodeBadConfig, "the ID token was not issued to client_id")
	}
	return nil
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339) }
