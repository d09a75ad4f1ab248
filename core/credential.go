// Read on in outsidehttp.go.

package core

import (
	"crypto"
	"net/http"
	"net/textproto"
	"strings"
	"time"
)

// Credential is what a provider obtained: a snapshot of plain data that
// crosses the process boundary unchanged. Its maps and slices are shared by
// all who hold the credential; do not write to them.
type Credential struct {
	// Attach goes on every request.
	Attach Attachment
	// RefreshState is for the provider alone, such as a refresh token. The session
	// keeps it and hands it back in Request.Previous.
	RefreshState Secret
	// Expiry is when the credential ends. Zero: it does not expire.
	Expiry time.Time
	// RenewAfter is when the session should ask again although the credential
	// is still good, as for a file that may have changed. It is served
	// meanwhile. Zero: the session decides by Expiry and Options.Early.
	RenewAfter time.Time
	// Origins are where the credential may be sent, as "https://api.gs.com".
	// Empty: Options.Origins decide, or else the hosts that callers name.
	Origins []string
	// Body is what Authorize needs of requests' bodies. Nil: nothing, and no body
	// is read for it. It has no effect on a provider that is not an Authorizer.
	Body *BodyNeeds
	// Subject is who the credential speaks for. For logs; never a secret.
	Subject string
	// Attributes are what the API's caller needs to know, such as "base_url".
	// Never a secret.
	Attributes map[string]string

	id uint64 // set by the session; Reject compares it
}

// Same reports whether c and other are one credential of a session, as
// [Session.Reject] compares them: not whether their values are equal. A
// credential that does not come from a session is the same as none.
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

func (n *BodyNeeds) none() bool {
	return n == nil || len(n.Digests) == 0 && n.Raw <= 0
}

// check reports the first thing in n that a session cannot do.
func (n *BodyNeeds) check() error {
	if n == nil {
		return nil
	}
	if n.Raw < 0 || n.Raw > maxRawBody {
		return Errorf(CodeBadConfig, "the credential asks for bodies of up to %d bytes, and %d is the limit",
			n.Raw, maxRawBody)
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

// Attachment is what authorises a request. Header names are canonicalised,
// values go out as they are. A name that the caller has set already stays the
// caller's.
type Attachment struct {
	Header map[string]Secret
	Query  map[string]Secret
	Cookie map[string]Secret
	// Cert is the client certificate for TLS: PEM, the chain first, leaf
	// before issuers, then the private key unless the provider is a Signer.
	Cert Secret
	// Roots are the PEM certificates that the API's server is verified
	// against. Empty: the system's.
	Roots string
	// RememberHeaders names headers of the API's answers that the next Authorize wants
	// to see in Outgoing.Remembered, such as DPoP-Nonce (RFC 9449 §8.2). A 401
	// that brings a new value, and does not say invalid_token, is answered by
	// authorizing the request again, without a refusal of the credential. A
	// request has three such rounds at most; the answer to the third is the
	// caller's. Only what Authorize returns counts.
	//
	// An attachment that has nothing but Learn sends the request without a
	// credential, to its origins like any other: the first round of HTTP Digest
	// (RFC 7616) and of SPNEGO (RFC 4559). Its answer never refuses the
	// credential.
	RememberHeaders []string
}

func (a Attachment) empty() bool { return a.bare() && a.Cert.IsZero() }

// bare reports that a puts nothing on a request.
func (a Attachment) bare() bool { return len(a.Header) == 0 && len(a.Query) == 0 && len(a.Cookie) == 0 }

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
		{"cookie", a.Cookie, func(n, v string) bool { return isToken(n) && isFieldValue(v) && !strings.ContainsAny(v, `;,"\ `) }},
	} {
		for name, value := range part.values {
			v := value.Reveal()
			size += len(name) + len(v)
			switch {
			case v == "":
				return Errorf(CodeUnavailable, "the credential's %s %q is empty", part.what, clip(name))
			case !part.valid(name, v):
				return Errorf(CodeUnavailable, "the credential's %s %q has characters that may not be sent", part.what, clip(name))
			}
			if part.what == "header" && reservedHeader[textproto.CanonicalMIMEHeaderKey(name)] {
				return Errorf(CodeBadConfig, "a credential may not set the header %q", name)
			}
		}
	}
	if size > maxAttachment {
		return Errorf(CodeUnavailable, "the credential is larger than %d KiB", maxAttachment>>10)
	}
	return nil
}

// reservedHeader lists what frames or routes a message (RFC 9110 §7.6.1,
// RFC 9112 §6) and is never a credential.
var reservedHeader = map[string]bool{
	"Host": true, "Content-Length": true, "Transfer-Encoding": true, "Connection": true,
	"Upgrade": true, "Te": true, "Trailer": true, "Content-Type": true, "Cookie": true, "Set-Cookie": true,
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

// clip makes foreign text fit for an error: short and printable.
func clip(s string) string { return Printable(s, maxClip) }

const maxClip = 200 // runes

// field is one prepared header: a canonical name and the value slice that
// every request shares.
type field struct {
	name   string
	values []string
}

func prepareHeader(h map[string]Secret) []field {
	if len(h) == 0 {
		return nil
	}
	fields := make([]field, 0, len(h))
	for name, value := range h {
		fields = append(fields, field{http.CanonicalHeaderKey(name), []string{value.Reveal()}})
	}
	return fields
}
