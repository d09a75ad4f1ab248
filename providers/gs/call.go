package gs

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// Call holds what one call wants otherwise. Nil and the zero Call are the
// defaults. The methods copy it and write to nothing but *RequestID.
type Call struct {
	// Payload of Get and Delete: url.Values, or a struct or map of strings,
	// numbers, booleans and lists of them, which goes into the query; a list
	// repeats its key. Nil: none.
	Payload any
	// InBody puts the payload of Get and Delete into the body instead.
	InBody bool
	// MsgPack sends the payload as MessagePack and asks for the same. It is
	// encoded like JSON, by the json tags; a time.Time becomes a MessagePack
	// timestamp.
	MsgPack bool
	// Header holds further headers. They win over the session's.
	Header http.Header
	// Domain is where the call goes: one of the session's domains, or the URL
	// of an API on one of its hosts. Empty: the session's domain.
	Domain Domain
	// APIVersion is the first part of the path, such as "v2". Empty: the
	// session's.
	APIVersion string
	// NoVersion leaves the version out of the path.
	NoVersion bool
	// Timeout bounds each attempt, the answer's body included. Zero or less:
	// 65 seconds.
	Timeout time.Duration
	// NoRetry hands the first failure to the caller.
	NoRetry bool
	// MaxBody bounds the answer in bytes. Zero or less: 256 MiB.
	MaxBody int64
	// RequestID, if not nil, is set to the answer's x-dash-requestid, also
	// when the call fails.
	RequestID *string
}

const (
	defaultCallTimeout       = 65 * time.Second
	defaultMaxBody     int64 = 256 << 20
	requestID                = "X-Dash-Requestid"
)

// Get reads path into out, as the other methods do:
//
//   - A JSON or MessagePack answer is decoded into the value that out points
//     to. An answer of another type goes into a *[]byte or *string, and into
//     *any as []byte. A *[]byte takes every answer as it came. Nil out drops
//     it, and an answer without a body leaves out as it is.
//   - The path is joined to the domain and the API's version. It may have a
//     query.
//   - Errors are [*APIError] for an answer that is not a success, and
//     [core.Error] where there was none: [core.OriginRefused] for a domain that
//     is not the session's, before anything is sent, [core.Closed] after Close.
//
// Get, Put and Delete are repeated after 429, 500, 502, 503 and 504 and after
// connection errors: four attempts at most, with growing pauses or the
// Retry-After of the answer, none later than two minutes after the first.
func (s *Session) Get(ctx context.Context, path string, out any, call *Call) error {
	return s.do(ctx, http.MethodGet, path, nil, out, call)
}

// Post sends payload to path and reads the answer into out, as [Session.Get]
// says. The payload is sent as JSON, or as MessagePack with Call.MsgPack; a
// []byte as it is, under the Content-Type of Call.Header or, without one,
// application/octet-stream; nil as no body. It is repeated only after a 401,
// with a new token.
func (s *Session) Post(ctx context.Context, path string, payload, out any, call *Call) error {
	return s.do(ctx, http.MethodPost, path, payload, out, call)
}

// Put is like [Session.Post], and repeated like [Session.Get].
func (s *Session) Put(ctx context.Context, path string, payload, out any, call *Call) error {
	return s.do(ctx, http.MethodPut, path, payload, out, call)
}

// Delete deletes path, as [Session.Get] says.
func (s *Session) Delete(ctx context.Context, path string, out any, call *Call) error {
	return s.do(ctx, http.MethodDelete, path, nil, out, call)
}

// target returns the URL of a call.
func (s *Session) target(attrs map[string]string, path string, c *Call) (*url.URL, error) {
	base, err := s.base(attrs, c.Domain)
	if err != nil {
		return nil, err
	}
	version := c.APIVersion
	if version == "" {
		version = attrs[attrAPIVersion]
	}
	if !isVersion(version) {
		return nil, core.Errorf(core.BadConfig, "the API version %q is no name, such as \"v1\"", version)
	}
	if version != "" && !c.NoVersion {
		base += "/" + version
	}
	u, err := url.Parse(base + "/" + strings.TrimPrefix(path, "/"))
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "the path cannot be part of a URL")
	}
	u.Fragment, u.RawFragment = "", ""
	return u, nil
}

// base returns the URL of a domain, without a slash at its end.
func (s *Session) base(attrs map[string]string, d Domain) (string, error) {
	base := attrs[attrBaseURL]
	switch {
	case base == "":
		return "", core.Errorf(core.BadConfig, "session %q names no base_url: is it of the provider gs?", s.core.Name())
	case d == "":
		return base, nil
	case attrs[attrDomain+string(d)] != "":
		return attrs[attrDomain+string(d)], nil
	case !strings.Contains(string(d), "://"):
		return "", core.Errorf(core.BadConfig, "session %q has no domain %q", s.core.Name(), d)
	}
	own := strings.TrimRight(string(d), "/")
	if err := checkURL(own); err != nil {
		return "", core.Errorf(core.OriginRefused, "the domain of the call: %w", err)
	}
	if len(s.core.Status().Origins) > 0 {
		return own, nil // the session itself refuses what is not among them
	}
	if a, b := mustHost(own), mustHost(base); a != b {
		return "", core.Errorf(core.OriginRefused, "%s is not the host of session %q", a, s.core.Name())
	}
	return own, nil
}

// mustHost returns the scheme and host of a URL that has been checked.
func mustHost(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
