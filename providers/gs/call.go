// The calls of the REST client.
//
// Read on in rest.go.

package gs

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Call has the options of one call. Nil and the zero Call are the defaults. The methods copy the
// Call and change only *RequestID.
type Call struct {
	// Payload of Get and Delete, which is sent in the query: url.Values, or a struct or map of
	// strings, numbers, booleans and lists of them. A list repeats its key. Nil: none.
	Payload any
	// InBody sends the payload of Get and Delete in the body.
	InBody bool
	// MsgPack sends the payload as MessagePack and requests the answer in it. The json tags of structs
	// apply; a time.Time becomes a MessagePack timestamp.
	MsgPack bool
	// Header has further headers. They replace those of the session.
	Header http.Header
	// Domain is the domain of the call: one of the session's domains, or the URL of an API on one of
	// its hosts. Empty: the session's domain.
	Domain Domain
	// APIVersion is the first part of the path, such as "v2". Empty: that of the session.
	APIVersion string
	// NoVersion omits the version from the path.
	NoVersion bool
	// Timeout is the time limit of each attempt, which includes reading the answer. Zero or less: 65
	// seconds.
	Timeout time.Duration
	// NoRetry returns the first failure, without a second attempt.
	NoRetry bool
	// MaxBody is the size of the largest answer in bytes. Zero or less: 256 MiB.
	MaxBody int64
	// RequestID, if not nil, is set to the answer's x-dash-requestid, also if the call fails.
	RequestID *string
}

const (
	defaultCallTimeout       = 65 * time.Second
	defaultMaxBody     int64 = 256 << 20
)

// Get requests path and decodes the answer into out. For all methods:
//
//   - A JSON or MessagePack answer is decoded into the value that out points to. An answer of
//     another type is stored in a *[]byte or *string, and in *any as []byte. A *[]byte receives any
//     answer undecoded. If out is nil, the answer is ignored; an answer without a body does not
//     change *out.
//   - A redirect is followed within the origin of the call. One to another origin is not, and
//     nothing is sent there: the error is an [*APIError] of the kind [NotAuthenticated] with
//     the place in Location, and so it is where redirects lead to a page (HTML) and
//     Call.Header does not accept one. A redirect other than 303 after which a GET would take
//     the place of Post, Put or Delete is [RequestFailed], as nothing was carried out.
//   - The path is appended to the domain and the API's version. It may have a query.
//   - The error is [*APIError] for an answer that is not a success, and [core.Error] if there was
//     none: [core.CodeOriginRefused] for a domain that is not the session's, before anything is sent,
//     and [core.CodeClosed] after Close.
//
// Get, Put and Delete are repeated after 429, 500, 502, 503 and 504 and after connection errors: at
// most four attempts, with increasing pauses or the Retry-After of the answer, the last one at most
// two minutes after the first.
func (s *Session) Get(ctx context.Context, path string, out any, call *Call) error {
	return s.do(ctx, http.MethodGet, path, nil, out, call)
}

// Post sends payload to path and decodes the answer into out, as [Session.Get] says. It sends the
// payload as JSON, or as MessagePack with Call.MsgPack; a []byte unchanged, with the Content-Type
// of Call.Header or application/octet-stream; and nil as no body. It is repeated only after a 401,
// with a new token.
func (s *Session) Post(ctx context.Context, path string, payload, out any, call *Call) error {
	return s.do(ctx, http.MethodPost, path, payload, out, call)
}

// Put is like [Session.Post], and is repeated like [Session.Get].
func (s *Session) Put(ctx context.Context, path string, payload, out any, call *Call) error {
	return s.do(ctx, http.MethodPut, path, payload, out, call)
}

// Delete deletes path, as [Session.Get] says.
func (s *Session) Delete(ctx context.Context, path string, out any, call *Call) error {
	return s.do(ctx, http.MethodDelete, path, nil, out, call)
}

// callURL returns the URL of a call. attrs are the attributes of the credential.
func (s *Session) callURL(attrs map[string]string, path string, c *Call) (*url.URL, error) {
	base, err := s.domainURL(attrs, c.Domain)
	if err != nil {
		return nil, err
	}
	version := c.APIVersion
	if version == "" {
		version = attrs[attrAPIVersion]
	}
	if !isVersion(version) {
		return nil, core.Errorf(core.CodeBadConfig,
			"the API version %q is not a name, such as \"v1\"", version)
	}
	if version != "" && !c.NoVersion {
		base += "/" + version
	}
	u, err := url.Parse(base + "/" + strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the path cannot be part of a URL")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// domainURL returns the URL of a domain, without a slash at its end.
func (s *Session) domainURL(attrs map[string]string, d Domain) (string, error) {
	base := attrs[attrBaseURL]
	switch {
	case base == "":
		return "", core.Errorf(core.CodeBadConfig,
			"session %q names no base_url: is it of the provider gs?",
			s.Core().Name())
	case d == "":
		return base, nil
	case attrs[attrDomain+string(d)] != "":
		return attrs[attrDomain+string(d)], nil
	case !strings.Contains(string(d), "://"):
		return "", core.Errorf(core.CodeBadConfig, "session %q has no domain %q", s.Core().Name(), d)
	}
	custom := strings.TrimRight(string(d), "/")
	if err := checkURL(custom); err != nil {
		return "", core.Errorf(core.CodeOriginRefused, "the domain of the call: %w", err)
	}
	if len(s.Core().Status().Origins) > 0 {
		return custom, nil // the session itself refuses other origins
	}
	if a, b := originOf(custom), originOf(base); a != b {
		return "", core.Errorf(core.CodeOriginRefused,
			"%s is not the host of session %q", a, s.Core().Name())
	}
	return custom, nil
}

// originOf returns the scheme and host of a URL that checkURL accepts.
func originOf(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
