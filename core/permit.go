// Read on in body.go.

package core

import (
	"net/http"
	"net/url"
	"slices"
)

// permit decides whether the credential goes on r: yes; no, but the request
// may go on without it; or an error.
func (s sender) permit(l *credential, r *http.Request) (bool, error) {
	if r.URL == nil {
		return false, nil // the base says what is wrong
	}
	secure := r.URL.Scheme == "https" || mayCarry(r.URL, l.setup.opts.AllowHTTP)
	if r.Response != nil {
		return secure && isPath(r.URL.Opaque) && l.coversHost(r) && l.stayed(r), nil
	}
	switch {
	case !l.covers(r.URL):
		return false, s.refuseOrigin(l, "%s is none of the session's origins", where(r.URL))
	case !secure:
		return false, s.refuseOrigin(l, "%s is not https", where(r.URL))
	case !isPath(r.URL.Opaque):
		return false, s.refuseOrigin(l, "the URL's Opaque must be a path without an authority")
	case !l.coversHost(r):
		return false, s.refuseOrigin(
			l, "the request's Host %q is none of the session's origins", clip(r.Host))
	}
	return true, nil
}

// isPath reports whether a URL's Opaque leaves the URL's host as it is. net/http
// sends it as the target of the request: one that names an authority chooses
// another server, at a forward proxy or among those behind one address.
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
		return other.full == o.full
	})
}

func (s sender) refuseOrigin(l *credential, format string, args ...any) error {
	return l.setup.annotate(Errorf(CodeOriginRefused, format, args...), "")
}

// stayed reports whether every redirect that led to r stayed within the
// origins, or at the caller's host if there are none. A place elsewhere must
// not choose a request that the credential then goes on.
func (l *credential) stayed(r *http.Request) bool {
	first := firstHop(r)
	if first == nil || first.URL == nil {
		return false
	}
	named := len(l.origins()) > 0
	for ; r != first; r = r.Response.Request {
		if r.URL == nil || named && !l.covers(r.URL) || !named && !sameOrigin(first.URL, r.URL) {
			return false
		}
	}
	return l.covers(first.URL)
}

// firstHop follows the redirects that led to r back to the caller's request.
func firstHop(r *http.Request) *http.Request {
	for r != nil && r.Response != nil {
		r = r.Response.Request
	}
	return r
}
