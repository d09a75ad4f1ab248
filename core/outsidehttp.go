// Read on in store.go.

package core

import (
	"encoding/base64"
	"strings"
	"unicode"
)

// Token returns the bearer token of c: what follows the scheme Bearer in its
// Authorization header (RFC 6750 §2.1). Servers that do not speak HTTP, such as
// NATS or an MQTT broker, take it alone. ok is false if c has no such header, has
// another scheme, or if the token is empty or contains a space or a control
// character. The token of a provider that is an [Authorizer] is of no use alone, as
// it belongs to a proof for each request.
//
// Do not keep the token: ask [Session.Credential] for each connection, so that it
// is the current one. If the server refuses it, call [Session.Reject].
func (c Credential) Token() (token Secret, ok bool) {
	value, ok := c.authorization("Bearer")
	if !ok || strings.ContainsFunc(value, isSpaceOrControl) {
		return Secret{}, false
	}
	return NewSecret(value), true
}

// UserPassword returns the user name and the password of c: what its
// Authorization header holds in the scheme Basic (RFC 7617 §2). Servers that do
// not speak HTTP, such as Redis, PostgreSQL or an SMTP server, take them apart. One
// of them may be empty. ok is false if c has no such header, has another scheme, or
// if the header cannot be decoded or contains control characters, which RFC 7617
// does not allow.
//
// As for [Credential.Token], ask for each connection.
func (c Credential) UserPassword() (user, password Secret, ok bool) {
	value, ok := c.authorization("Basic")
	if !ok {
		return Secret{}, Secret{}, false
	}
	name, secret, ok := parseUserPassword(value)
	if !ok {
		return Secret{}, Secret{}, false
	}
	return NewSecret(name), NewSecret(secret), true
}

// authorization returns what follows a scheme in the Authorization header of c.
// The case of both names does not matter.
func (c Credential) authorization(scheme string) (string, bool) {
	for name, value := range c.Attach.Header {
		if !strings.EqualFold(name, "Authorization") {
			continue
		}
		first, rest, _ := strings.Cut(value.Reveal(), " ")
		rest = strings.Trim(rest, " ")
		return rest, rest != "" && strings.EqualFold(first, scheme)
	}
	return "", false
}

// parseUserPassword reads the base64 text of RFC 7617 §2. The first colon separates
// the user name from the password.
func parseUserPassword(text string) (user, password string, ok bool) {
	plain, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") { // the decoder skips these
		return "", "", false
	}
	user, password, ok = strings.Cut(string(plain), ":")
	if !ok || strings.ContainsFunc(string(plain), unicode.IsControl) {
		return "", "", false
	}
	return user, password, true
}

func isSpaceOrControl(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }
