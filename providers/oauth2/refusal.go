// What a refusal calls for, and answers that are no refusal.
//
// Read on in provider.go.

package oauth2

import (
	"crypto/sha256"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// adviser returns the Advice of conn.client: which settings to look at after a refusal.
func adviser(g *grantType, conn *connection) func(grant.Refusal) string {
	return func(r grant.Refusal) string {
		if advice, ok := codeAdvice[r.Code]; ok {
			return advice
		}
		switch {
		case r.Code == "unauthorized_client" && r.Status == http.StatusUnauthorized:
			return conn.clientAdvice() + "; " + grantAdvice // Keycloak says so to a wrong secret
		case r.Code == "unauthorized_client":
			return grantAdvice + "; " + conn.clientAdvice()
		case r.Code == "access_denied" && r.Grant == deviceCodeParameter:
			return "" // the person refused
		case r.Code == "access_denied" && r.Status == http.StatusUnauthorized:
			return conn.clientAdvice() + "; " + accessAdvice
		case r.Code == "access_denied":
			return accessAdvice
		case grant.RefusesClient(r.Code, r.Status),
			r.Code == "" && r.Status == http.StatusUnauthorized:
			return conn.clientAdvice()
		case r.Code == "" && (r.Status == http.StatusNotFound || r.Status == http.StatusMethodNotAllowed):
			return "check the address of the endpoint: issuer or its _url setting"
		case r.Code == "" && r.Status != http.StatusBadRequest:
			return ""
		case r.Grant == g.parameter && g.advice != nil:
			return g.advice(conn)
		}
		return ""
	}
}

const (
	grantAdvice  = "check that the client may use this grant"
	accessAdvice = "check that the client may have the audience and the scopes"
)

// codeAdvice is what an error code calls for, whatever the grant is.
var codeAdvice = map[string]string{
	"invalid_scope":          "check scopes",
	"invalid_target":         "check audience and resource",
	"unsupported_grant_type": "check grant",
	"redirect_uri_mismatch":  "check redirect and the addresses that the server knows of the client",
	"invalid_dpop_proof":     "check dpop and dpop_algorithm",
	"invalid_request":        "check params, client_auth and what the server requires for this grant",
}

// clientAdvice returns which settings authenticate the client.
func (conn *connection) clientAdvice() string {
	switch method := conn.cfg.authMethod(); method {
	case SecretBasic, SecretPost:
		advice := "check client_id, client_secret and client_auth"
		if method == SecretBasic && conn.cfg.isEncodedInBasic() {
			advice += "; if the server does not form-decode HTTP Basic (RFC 6749 §2.3.1), set client_auth: " +
				SecretPost
		}
		return advice
	case PrivateKeyJWT, SecretJWT:
		setting := "client_key"
		if conn.cfg.ClientAssertion.isGiven() {
			return "check client_id and the JWT of client_assertion: its audience, its times and its issuer"
		}
		if method == SecretJWT {
			setting = "client_secret"
		}
		return "check client_id and " + setting + ", and whether the server wants another audience than " +
			conn.cfg.quoted(conn.cfg.clientAudience(conn.meta)) + ": set client_assertion.audience"
	case TLSClient, SelfSignedTLS:
		return "check client_id and the certificate in tls"
	}
	return "check client_id; a client with a secret needs client_secret"
}

// isEncodedInBasic reports whether HTTP Basic sends the id or the secret in another spelling than
// the form does before it is encoded: not all servers decode it.
func (c *Config) isEncodedInBasic() bool {
	return url.QueryEscape(c.ClientID) != c.ClientID ||
		url.QueryEscape(c.ClientSecret.Reveal()) != c.ClientSecret.Reveal()
}

const (
	maxUnclear     = 3           // how many unclear answers in a row count as a refusal
	minUnclearTime = time.Minute // how long at least they must last
)

// unclearAnswers counts answers in a row that do not say that the server refuses what was
// presented (see grant.Unclear). A gateway answers so for a while; a server that always does
// refuses. It is in memory, is lost with the process, and holds no credential. The zero value is
// ready for use. It is safe for concurrent use.
type unclearAnswers struct {
	mu    sync.Mutex // guards count and since
	count int
	since time.Time // the first of them
}

// judge counts the error of one call; nil is a success. After the third unclear answer over at
// least a minute a person must sign in again if the grant g has one, and otherwise the server
// refuses.
func (u *unclearAnswers) judge(err error, g *grantType) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !grant.Unclear(err) {
		u.count = 0
		return err
	}
	if u.count == 0 {
		u.since = time.Now()
	}
	u.count++
	if u.count < maxUnclear || time.Since(u.since) < minUnclearTime {
		return err
	}
	final := core.CodeDenied
	if g.signIn != nil {
		final = core.CodeInteractive
	}
	return core.Errorf(final, "%w; this is answer %d of this kind in a row, since %s", core.Cause(err),
		u.count, formatTime(u.since))
}

// spentToken remembers the last refresh token that the server has replaced in an answer that was
// then refused. A server that sees it again takes it for stolen and revokes what was issued since
// (RFC 9700 §4.14.2). Only a hash is kept, in memory. The zero value is ready for use. It is safe
// for concurrent use.
type spentToken struct {
	hash atomic.Pointer[[sha256.Size]byte]
}

func (s *spentToken) add(refresh core.Secret) {
	hash := sha256.Sum256([]byte(refresh.Reveal()))
	s.hash.Store(&hash)
}

func (s *spentToken) has(refresh core.Secret) bool {
	hash := s.hash.Load()
	return hash != nil && *hash == sha256.Sum256([]byte(refresh.Reveal()))
}
