// Read on in credentialbounds.go.

package core

import (
	"cmp"
	"crypto"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// Credential is what a provider obtained: a snapshot of plain data, the same in the
// program and in a plugin. All copies of it share its maps and slices: do not write to
// them. The zero Credential is none.
type Credential struct {
	// Attach is what the session adds to every request.
	Attach Attachment
	// RefreshState is for the provider alone, such as a refresh token (RFC 6749
	// §1.5). The session keeps it and passes it to the provider in
	// Request.Previous. Empty: there is none.
	RefreshState Secret
	// Expiry is when the credential ends. Zero: it does not expire.
	Expiry time.Time
	// RenewAfter is when the session should ask again although the credential
	// is still valid, as for a file that may have changed. Until then, and while
	// it asks, the credential stays in use. Zero: the session decides by Expiry and Options.Early.
	RenewAfter time.Time
	// Origins are where the credential may be sent, as "https://api.gs.com".
	// Empty: Options.Origins decide, or else the hosts that callers name.
	Origins []string
	// Body is what Authorize needs of requests' bodies. Nil: nothing, and no body
	// is read for it. It has no effect on a provider that is not an Authorizer.
	Body *BodyNeeds
	// Subject is the user or client that the credential represents, for logs. It
	// is never a secret. Empty: unknown.
	Subject string
	// Attributes are what callers of the API need to know, such as "base_url".
	// They are never secrets. Nil: none.
	Attributes map[string]string

	id uint64 // set by the session; Reject compares it
}

// Same reports whether c and other are the same credential of a session, which is how
// [Session.Reject] compares them. It does not compare their values. It returns false for a
// credential that is not from a session.
func (c Credential) Same(other Credential) bool { return c.id != 0 && c.id == other.id }

// BodyNeeds says what an Authorizer needs of the bodies of requests. A body is
// read once for all of it, from [http.Request.GetBody], before it is sent. A
// session refuses as [CodeBadConfig] a credential that asks for a hash which its
// program does not have ([crypto.Hash.Available]), for more than eight hashes, or
// for more than 1 MiB.
type BodyNeeds struct {
	// Digests are the hashes that Outgoing.Digests holds. Empty: none.
	Digests []crypto.Hash
	// Raw is how long a body may be, in bytes, to be in Outgoing.Body. Zero: no
	// body is.
	Raw int64
}

// Bounds of BodyNeeds. A raw body and the credential beside it fit into one
// message of the plugin protocol.
const (
	maxDigests = 8
	maxRawBody = 1 << 20 // bytes
)

// asksNothing reports whether no body is read for n, which may be nil.
func (n *BodyNeeds) asksNothing() bool {
	return n == nil || len(n.Digests) == 0 && n.Raw <= 0
}

// check reports the first thing in n that a session cannot do.
func (n *BodyNeeds) check() error {
	if n == nil {
		return nil
	}
	if n.Raw < 0 || n.Raw > maxRawBody {
		return Errorf(CodeBadConfig,
			"the credential asks for bodies of up to %d bytes, and %d is the limit", n.Raw, maxRawBody)
	}
	if len(n.Digests) > maxDigests {
		return Errorf(CodeBadConfig, "the credential asks for %d digests of bodies, and %d is the limit",
			len(n.Digests), maxDigests)
	}
	for _, h := range n.Digests {
		if !h.Available() {
			return Errorf(CodeBadConfig, "the credential asks for a digest of bodies, hash number %d, "+
				"which this program does not have", uint(h))
		}
	}
	return nil
}

// Attachment is what a session adds to a request to authorize it. Header names are
// canonicalised, values are sent unchanged. A header, query parameter or cookie that
// the caller has set is not replaced. The zero Attachment adds nothing.
type Attachment struct {
	Header map[string]Secret // by name
	Query  map[string]Secret // parameters of the URL, not escaped
	Cookie map[string]Secret // pairs of the Cookie header (RFC 6265 §4.2.1)
	// Cert is the client certificate for TLS: PEM, the chain first, leaf
	// before issuers, then the private key unless the provider is a [TLSSigner].
	Cert Secret
	// Roots are the PEM certificates that the API's server is verified
	// against. Empty: the system's.
	Roots string
	// RememberHeaders names headers of the API's answers that the next Authorize wants
	// to see in Outgoing.Remembered, such as DPoP-Nonce (RFC 9449 §8.2). After a
	// 401 with a new value and without invalid_token, the session authorizes the
	// request again, and the credential is not refused. A request has at most
	// three such rounds; the caller gets the answer to the third. Only the
	// attachment that Authorize returns has an effect. Nil: none.
	//
	// An attachment with RememberHeaders alone sends the request without a
	// credential, to its origins like any other: the first round of HTTP Digest
	// (RFC 7616) and of SPNEGO (RFC 4559). Its answer never refuses the
	// credential.
	RememberHeaders []string
}

// isEmpty reports whether a neither adds to requests nor has a certificate.
func (a Attachment) isEmpty() bool { return a.addsNothing() && a.Cert.IsZero() }

// addsNothing reports whether a adds nothing to requests.
func (a Attachment) addsNothing() bool {
	return len(a.Header) == 0 && len(a.Query) == 0 && len(a.Cookie) == 0
}

// maxAttachment bounds the bytes of all names and values of an attachment,
// certificates apart. Servers refuse far less.
const maxAttachment = 128 << 10

// check reports the first thing in a that must not reach a request. The text
// names the place and never the value.
func (a Attachment) check() error {
	size := 0
	for _, part := range []struct {
		what   string
		values map[string]Secret
		valid  func(name, value string) bool
	}{
		{"header", a.Header, func(n, v string) bool { return isToken(n) && isFieldValue(v) }},
		{"query parameter", a.Query, func(n, _ string) bool { return n != "" && isFieldValue(n) }},
		{"cookie", a.Cookie, func(n, v string) bool { return isToken(n) && isCookieValue(v) }},
	} {
		for name, value := range part.values {
			v := value.Reveal()
			size += len(name) + len(v)
			switch {
			case v == "":
				return Errorf(CodeUnavailable, "the credential's %s %q is empty", part.what, printable(name))
			case len(name) > maxName || !part.valid(name, v):
				return Errorf(CodeBadConfig, "the credential's %s %q has characters that may not be sent, "+
					"or its name is too long", part.what, printable(name))
			}
		}
	}
	if size > maxAttachment {
		return Errorf(CodeBadConfig, "the credential is larger than %d KiB", maxAttachment>>10)
	}
	return cmp.Or(a.checkHeaderNames(), a.checkRemembered())
}

// checkHeaderNames reports a header that a credential may not set, and one that has two
// values, of which one would be sent by chance: names are compared without case (RFC 9110
// §5.1).
func (a Attachment) checkHeaderNames() error {
	seen := map[string]bool{}
	for name := range a.Header {
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case reservedHeader[canonical]:
			return Errorf(CodeBadConfig, "a credential may not set the header %q", name)
		case seen[canonical]:
			return Errorf(CodeBadConfig,
				"the credential has the header %q twice, in other letters: leave one out", canonical)
		}
		seen[canonical] = true
	}
	return nil
}

// checkRemembered reports what is wrong with RememberHeaders.
func (a Attachment) checkRemembered() error {
	if len(a.RememberHeaders) > maxRemembered {
		return Errorf(CodeBadConfig, "the provider wants more than %d headers of answers",
			maxRemembered)
	}
	for _, name := range a.RememberHeaders {
		if len(name) > maxName || !isToken(name) {
			return Errorf(CodeBadConfig, "%q is not the name of a header", printable(name))
		}
	}
	return nil
}

// reservedHeader lists the headers that frame or route a message (RFC 9110 §7.6.1,
// RFC 9112 §6). A credential may not set them.
var reservedHeader = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true,
	"Upgrade": true, "Te": true, "Trailer": true, "Content-Type": true, "Cookie": true,
	"Set-Cookie": true,
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) < 0
}

// isCookieValue reports whether s may be sent as the value of a cookie (RFC 6265
// §4.1.1).
func isCookieValue(s string) bool {
	return isFieldValue(s) && !strings.ContainsAny(s, `;,"\ `)
}

// isFieldValue reports whether s has no control characters and no space
// around it (RFC 9110 §5.5).
func isFieldValue(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return s == strings.TrimSpace(s)
}

// printable returns foreign text for an error: [Printable] with maxPrintable.
func printable(s string) string { return Printable(s, maxPrintable) }

const maxPrintable = 200 // runes

// headerField is one prepared header: a canonical name and the value slice that
// every request shares.
type headerField struct {
	name   string
	values []string
}

func prepareHeader(h map[string]Secret) []headerField {
	if len(h) == 0 {
		return nil
	}
	fields := make([]headerField, 0, len(h))
	for name, value := range h {
		fields = append(fields, headerField{http.CanonicalHeaderKey(name), []string{value.Reveal()}})
	}
	return fields
}
