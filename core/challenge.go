// Read on in proxyanswer.go.

package core

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// This file reads WWW-Authenticate and decides what an answer of the API means
// for the credential that its request carried.

// The error codes that decide. RFC 6750 §3.1 and RFC 9470 §3 define those of
// bearer tokens, RFC 9449 §7.1 and §9 those of proofs of possession.
const (
	errorInvalidToken = "invalid_token"
	errorUseNonce     = "use_dpop_nonce"
	errorInvalidProof = "invalid_dpop_proof"
)

// insufficientErrors lists the errors of a credential that is valid and does not
// allow this one request.
var insufficientErrors = []string{
	"insufficient_scope", "insufficient_user_authentication", "insufficient_claims",
}

// apiAnswer is what an answer of the API means for the credential of its request.
type apiAnswer struct {
	refused   bool   // the API refused the credential
	invalid   bool   // the challenge says that the credential is not valid
	challenge string // its WWW-Authenticate
	again     bool   // it has values for the Authorizer, which authorizes the request again
}

// readAnswer returns the meaning of an answer. scheme is the authentication scheme of the
// credential that the request carried; empty: none. statuses are Options.RefusedStatus.
func readAnswer(status int, header http.Header, scheme string, statuses []int) apiAnswer {
	configured := slices.Contains(statuses, status)
	if !configured && (status < 400 || status > 499) {
		return apiAnswer{}
	}
	// Several header lines are one list (RFC 9110 §5.3).
	a := apiAnswer{challenge: strings.Join(header["Www-Authenticate"], ", ")}
	a.refused, a.invalid = readChallenge(scheme, a.challenge)
	if status != http.StatusUnauthorized && !configured {
		a.refused = a.invalid
	}
	return a
}

// readChallenge reports whether the challenge of a 401 refuses a credential of the
// given scheme, and whether it says that the credential is not valid. A challenge that
// only asks for more rights, for a nonce or for another proof does not refuse it, unless it
// says where to get a token with them.
func readChallenge(scheme, challenge string) (refused, invalid bool) {
	refused = true
	for _, c := range parseChallenges(challenge) {
		code := c.param("error")
		sameScheme := scheme != "" && strings.EqualFold(c.scheme, scheme)
		switch {
		case code == "":
		case code == errorInvalidToken && (sameScheme || strings.EqualFold(c.scheme, "Bearer")):
			return true, true
		case code == errorUseNonce || code == errorInvalidProof:
			refused = false
		case sameScheme && slices.Contains(insufficientErrors, code) && !c.asksForToken():
			refused = false
		}
	}
	return refused, false
}

// schemeOf returns the first word of an Authorization header, or "".
func schemeOf(header http.Header) string {
	values := header["Authorization"]
	if len(values) == 0 {
		return ""
	}
	scheme, _, _ := strings.Cut(values[0], " ")
	return scheme
}

// scheme returns the authentication scheme of the credential, or "".
func (l *credential) scheme() string {
	for _, f := range l.header() {
		if f.name == "Authorization" {
			return schemeOf(http.Header{f.name: f.values})
		}
	}
	return ""
}

// challenge is one challenge of WWW-Authenticate (RFC 9110 §11.6.1).
type challenge struct {
	scheme string
	token  string // token68; empty: none
	params []challengeParam
}

type challengeParam struct{ name, value string }

// param returns the value of the first parameter of a name, whose case does
// not matter.
func (c *challenge) param(name string) string {
	for _, p := range c.params {
		if strings.EqualFold(p.name, name) {
			return p.value
		}
	}
	return ""
}

// asksForToken reports whether a challenge is that of a container registry, whose paths each
// ask for a token of their own: it names the token server (realm), the service and the scope
// (Docker Registry v2 authentication). Its insufficient_scope means that the token is for
// another path.
func (c *challenge) asksForToken() bool {
	return c.param("realm") != "" && c.param("service") != "" && c.param("scope") != ""
}

// parseChallenges reads a list of challenges. What does not follow the grammar
// is skipped up to the next comma, and commas between parameters may be
// missing. The time it takes is linear in the length of s.
func parseChallenges(s string) []challenge {
	var list []challenge
	r := challengeReader{s}
	for r.skip(" \t,"); r.rest != ""; r.skip(" \t,") {
		word := r.word()
		if word == "" {
			r.skipToComma()
			continue
		}
		spaces := r.skip(" \t")
		if strings.HasPrefix(r.rest, "=") {
			r.rest = r.rest[1:]
			r.skip(" \t")
			if value, ok := r.value(); ok && len(list) > 0 {
				c := &list[len(list)-1]
				c.params = append(c.params, challengeParam{word, value})
			}
			continue
		}
		c := challenge{scheme: word}
		if spaces > 0 {
			c.token = r.token68()
		}
		list = append(list, c)
	}
	return list
}

// askingParams are the parameters by which a challenge says what it asks for:
// RFC 9110 §11.5, RFC 6750 §3, RFC 9470 §3, RFC 9728 §5.1, and service, which
// container registries use. Others, such as a nonce or the text of an error, may
// differ in each answer.
var askingParams = []string{
	"realm", "scope", "service", "resource", "audience", "acr_values", "max_age",
	"resource_metadata",
}

// maxChallengeKey bounds what challengeKey returns, in bytes.
const maxChallengeKey = 4 << 10

// challengeKey returns what a WWW-Authenticate header asks for, as text that is the
// same for the same. Empty: it does not say.
func challengeKey(header string) string {
	var b strings.Builder
	for _, c := range parseChallenges(header) {
		for _, name := range askingParams {
			if v := c.param(name); v != "" {
				b.WriteString(strings.ToLower(c.scheme) + " " + name + "=" + strconv.Quote(v) + ",")
			}
		}
		if b.Len() > maxChallengeKey {
			return b.String()[:maxChallengeKey]
		}
	}
	return b.String()
}

// challengeReader takes one part after the other from the front of rest.
type challengeReader struct{ rest string }

// skip drops leading bytes of a set and returns how many.
func (r *challengeReader) skip(set string) int {
	before := len(r.rest)
	r.rest = strings.TrimLeft(r.rest, set)
	return before - len(r.rest)
}

func (r *challengeReader) skipToComma() {
	if i := strings.IndexByte(r.rest, ','); i >= 0 {
		r.rest = r.rest[i:]
		return
	}
	r.rest = ""
}

// take returns the leading bytes that belong to a class.
func (r *challengeReader) take(class func(c byte) bool) string {
	n := 0
	for n < len(r.rest) && class(r.rest[n]) {
		n++
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *challengeReader) word() string { return r.take(isTokenByte) }

// value returns a token or the content of a quoted-string. A quoted-string
// without an end goes to the end of the text.
func (r *challengeReader) value() (string, bool) {
	if !strings.HasPrefix(r.rest, `"`) {
		v := r.word()
		return v, v != ""
	}
	var b strings.Builder
	for i := 1; i < len(r.rest); i++ {
		switch c := r.rest[i]; {
		case c == '"':
			r.rest = r.rest[i+1:]
			return b.String(), true
		case c == '\\' && i+1 < len(r.rest):
			i++
			b.WriteByte(r.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	r.rest = ""
	return b.String(), true
}

// token68 returns the token68 at the front, if a comma or the end follows it.
func (r *challengeReader) token68() string {
	ahead := challengeReader{r.rest}
	token := ahead.take(isToken68Byte)
	if token == "" {
		return ""
	}
	token = r.rest[:len(token)+ahead.skip("=")]
	ahead.skip(" \t")
	if ahead.rest != "" && ahead.rest[0] != ',' {
		return ""
	}
	r.rest = ahead.rest
	return token
}

func isToken68Byte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		strings.IndexByte("-._~+/", c) >= 0
}
