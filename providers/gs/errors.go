// The errors of calls.
//
// Read on in redirect.go.

package gs

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// Kind is the kind of an [APIError]. It is itself an error, so that errors.Is(err, gs.RateLimited)
// tests for it.
type Kind uint8

// The kinds.
const (
	_                Kind = iota
	RequestFailed         // any answer that is not a success
	NotAuthenticated      // 401, after the token was renewed; a redirect to another origin or to a page
	NotAuthorized         // 403: the application lacks a scope or an entitlement
	RateLimited           // 429
	ServerFailed          // 500
	TimedOut              // 504
)

// Error returns the kind in words.
func (k Kind) Error() string {
	names := [...]string{"unknown", "request failed", "not authenticated", "not authorized",
		"rate limited", "server failed", "timed out"}
	if int(k) < len(names) {
		return names[k]
	}
	return names[0]
}

// APIError is an answer of the API that is not a success. The methods of [Session] return it; if
// there was no answer, they return a [core.Error].
type APIError struct {
	Status    int
	Method    string
	URL       string // without the query
	RequestID string // the answer's x-dash-requestid; empty: none
	// Message is the text of the answer: at most 2048 printable characters, without the session's
	// secrets. It is empty for HTML, for binary data, and if the text contains an encoded secret.
	Message    string
	RetryAfter time.Duration // the answer's Retry-After; zero: none
	// Location is where a redirect pointed that was not followed, or that led to an answer which is
	// not the API's: a URL without its query. Nothing was sent to another origin than that of URL.
	// Empty: there was no redirect.
	Location string

	signIn bool // the redirect asks a person to sign in
}

// Error returns one line with the request, the status, the request's id and the message.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gs: %s %s: %d", e.Method, e.URL, e.Status)
	if text := http.StatusText(e.Status); text != "" {
		b.WriteString(" " + text)
	}
	if e.Location != "" {
		b.WriteString(", redirected to " + e.Location)
	}
	if e.signIn {
		b.WriteString(", which is no answer of the API; is a sign-in needed?")
	}
	if e.RequestID != "" {
		b.WriteString(", request " + e.RequestID)
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	return b.String()
}

// Kind returns the kind of e's status. A redirect that leaves the API, to another origin or to a
// page, is [NotAuthenticated].
func (e *APIError) Kind() Kind {
	if e.signIn {
		return NotAuthenticated
	}
	switch e.Status {
	case http.StatusUnauthorized:
		return NotAuthenticated
	case http.StatusForbidden:
		return NotAuthorized
	case http.StatusTooManyRequests:
		return RateLimited
	case http.StatusInternalServerError:
		return ServerFailed
	case http.StatusGatewayTimeout:
		return TimedOut
	}
	return RequestFailed
}

// Is reports whether target is the kind of e, or [RequestFailed], the kind of all.
func (e *APIError) Is(target error) bool {
	k, ok := target.(Kind)
	return ok && (k == RequestFailed || k == e.Kind())
}

// requestID is the header with the id of a request.
const requestID = "X-Dash-Requestid"

const (
	maxMessage = 2 << 10  // characters of a message that are kept
	maxRefusal = 64 << 10 // bytes of an error answer that are read
	maxID      = 200      // characters of a request id
)

// answerError returns the error of an answer. It reads the body and does not close it. secrets are
// those of the session.
func answerError(method string, u *url.URL, resp *http.Response, secrets []core.Secret) *APIError {
	e := &APIError{
		Status: resp.StatusCode, Method: method, URL: withoutQuery(u),
		RetryAfter: providerhttp.RetryAfter(resp.Header),
		RequestID:  printable(resp.Header.Get(requestID), maxID, secrets),
	}
	e.setLocation(u, resp, secrets)
	// an incomplete body is used as far as it goes
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media == msgpackType {
		body = msgpackText(body)
	}
	if isHTML(media, body) || isBinary(media) {
		return e
	}
	e.Message = printable(string(body), maxMessage, secrets)
	return e
}

// setLocation records where an answer that is a redirect points. Another origin than that
// of the call asks for a sign-in.
func (e *APIError) setLocation(u *url.URL, resp *http.Response, secrets []core.Secret) {
	to, err := resp.Location()
	if resp.StatusCode < 300 || resp.StatusCode > 399 || err != nil {
		return
	}
	e.Location = printable(withoutQuery(to), maxMessage, secrets)
	e.signIn = !sameOrigin(to, u)
}

func isHTML(media string, body []byte) bool {
	if media == "text/html" || media == "application/xhtml+xml" {
		return true
	}
	start := strings.ToLower(strings.TrimSpace(string(body[:min(len(body), 64)])))
	return strings.HasPrefix(start, "<!doctype html") || strings.HasPrefix(start, "<html")
}

func isBinary(media string) bool {
	switch {
	case media == "", media == msgpackType, strings.HasPrefix(media, "text/"),
		strings.Contains(media, "json"), strings.Contains(media, "xml"):
		return false
	}
	return true
}

// printable returns text of an answer, for an error. It replaces a secret by REDACTED, and returns
// nothing if the text contains an encoded secret.
func printable(s string, limit int, secrets []core.Secret) string {
	s = strings.TrimSpace(core.Printable(s, maxRefusal))
	for _, secret := range secrets {
		s = strings.ReplaceAll(s, secret.Reveal(), "REDACTED")
	}
	return core.Printable(s, limit, secrets...)
}

// secretsOf returns the texts of a credential that no error may contain: all except the headers
// that name the program.
func secretsOf(c core.Credential) []core.Secret {
	var list []core.Secret
	add := func(s core.Secret) {
		if text := strings.TrimPrefix(s.Reveal(), "Bearer "); text != "" {
			list = append(list, core.NewSecret(text))
		}
	}
	for name, value := range c.Attach.Header {
		if name != "X-Application" && name != "X-Version" {
			add(value)
		}
	}
	for _, value := range c.Attach.Cookie {
		add(value)
	}
	for _, value := range c.Attach.Query {
		add(value)
	}
	return list
}

func withoutQuery(u *url.URL) string {
	short := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return short.String()
}
