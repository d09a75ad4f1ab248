package core

import (
	"net/http"
	"net/url"
)

// permit decides whether the credential goes on r: yes; no, but the request
// may go on without it; or an error.
func (s sender) permit(l *live, r *http.Request) (bool, error) {
	if r.URL == nil {
		return false, nil // the base says what is wrong
	}
	ok := r.URL.Scheme == "https" || mayCarry(r.URL, l.setup.opts.AllowHTTP)
	if r.Response == nil {
		if !l.covers(r.URL) {
			return false, s.refuseOrigin(l, "%s is none of the session's origins", where(r.URL))
		}
		if !ok {
			return false, s.refuseOrigin(l, "%s is not https", where(r.URL))
		}
		return true, nil
	}
	return ok && l.stayed(r), nil
}

func (s sender) refuseOrigin(l *live, format string, args ...any) error {
	return s.annotate(l, Errorf(OriginRefused, format, args...), "")
}

// stayed reports whether every redirect that led to r stayed within the
// origins, or at the caller's host if there are none. A place elsewhere must
// not choose a request that the credential then goes on.
func (l *live) stayed(r *http.Request) bool {
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

// covers reports whether u is one of the credential's origins, or whether
// there are none to choose from.
func (l *live) covers(u *url.URL) bool {
	origins := l.origins()
	for i := range origins {
		if origins[i].matches(u) {
			return true
		}
	}
	return len(origins) == 0
}
