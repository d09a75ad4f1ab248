// Read on in body.go.

package core

import (
	"net/http"
	"net/url"
	"slices"
)

// permit reports whether the credential may be put on r. False without an error: r is
// the request of a redirect, and is sent without the credential.
func (s sender) permit(l *credential, r *http.Request) (bool, error) {
	if r.URL == nil {
		return false, nil // the transport reports the error
	}
	secure := r.URL.Scheme == "https" || MayCarry(r.URL, l.setup.opts.AllowHTTP)
	if r.Response != nil {
		return secure && isPath(r.URL.Opaque) && l.coversHost(r) && l.redirectsStayed(r), nil
	}
	switch {
	case !l.covers(r.URL):
		return false, s.originRefused(l, "%s is none of the session's origins", OriginText(r.URL))
	case !secure:
		return false, s.originRefused(l, "%s is not https", OriginText(r.URL))
	case !isPath(r.URL.Opaque):
		return false, s.originRefused(l, "the URL's Opaque must be a path without an authority")
	case !l.coversHost(r):
		return false, s.originRefused(
			l, "the request's Host %q is none of the session's origins", printable(r.Host))
	}
	return true, nil
}

// isPath reports whether a URL's Opaque does not change the host of the URL. net/http
// sends it as the target of the request: with an authority in it, a forward proxy or a
// server for several hosts would choose another server.
func isPath(opaque string) bool {
	if opaque == "" || opaque == "*" {
		return true
	}
	return opaque[0] == '/' && (len(opaque) == 1 || opaque[1] != '/')
}

// coversHost reports whether the Host of r, by which a server chooses among its
// tenants, is that of the URL or of one of the credential's origins.
func (l *credential) coversHost(r *http.Request) bool {
	if r.Host == "" || r.Host == r.URL.Host {
		return true
	}
	named := url.URL{Scheme: r.URL.Scheme, Host: r.Host}
	if sameOrigin(&named, r.URL) {
		return true
	}
	o, ok := originOf(&named)
	return ok && slices.ContainsFunc(l.origins(), func(other origin) bool {
		return other.hostPort == o.hostPort
	})
}

// originRefused returns an error with CodeOriginRefused.
func (s sender) originRefused(l *credential, format string, args ...any) error {
	return l.setup.annotate(Errorf(CodeOriginRefused, format, args...), "")
}

// redirectsStayed reports whether every redirect that led to r stayed within the
// origins, or at the caller's host if there are none. Another server must not choose a
// request that then carries the credential.
func (l *credential) redirectsStayed(r *http.Request) bool {
	first := originalRequest(r)
	if first == nil || first.URL == nil {
		return false
	}
	hasOrigins := len(l.origins()) > 0
	for ; r != first; r = r.Response.Request {
		if r.URL == nil || hasOrigins && !l.covers(r.URL) ||
			!hasOrigins && !sameOrigin(first.URL, r.URL) {
			return false
		}
	}
	return l.covers(first.URL)
}

// originalRequest returns the caller's request, from which redirects led to r.
func originalRequest(r *http.Request) *http.Request {
	for r != nil && r.Response != nil {
		r = r.Response.Request
	}
	return r
}
