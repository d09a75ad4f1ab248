// Read on in clientcert.go.

package core

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// authorization says what an Authorizer was given for a request, and which headers of
// the answer to remember for it.
type authorization struct {
	remember []string     // Attachment.RememberHeaders
	given    headerValues // Outgoing.Remembered
}

// copyHeader copies the header of a caller's request into that of a new one. isFree
// reports whether the caller has set none of the credential's own fields.
func (l *credential) copyHeader(to, from http.Header) (isFree bool) {
	isFree = true
	fields := l.header()
	for key, values := range from {
		to[key] = values
		for i := range fields {
			isFree = isFree && !sameHeader(key, fields[i].name)
		}
	}
	return isFree
}

// attach puts the credential on a request that the sender may write to. carried reports
// whether it added anything. used is nil without an Authorizer. With isCopy, r is a copy
// whose URL is still the caller's, which is copied before it is changed. isFree says that
// r has none of the credential's own header fields; false: attach looks for them.
func (s sender) attach(
	ctx context.Context, l *credential, r *http.Request, isCopy, isFree bool,
) (carried bool, used *authorization, err error) {
	a, fields := &l.cred.Attach, l.header()
	if p := l.authorizer(); p != nil {
		given := s.remembered.forURL(r.URL)
		made, err := s.authorize(ctx, p, l, r, given)
		if err != nil {
			return false, nil, l.setup.annotate(err, "authorize")
		}
		used = &authorization{given: given}
		if made != nil {
			used.remember = made.RememberHeaders
			a, fields, isFree = made, prepareHeader(made.Header), false
		}
	}
	for i := range fields {
		if isFree || !hasHeader(r.Header, fields[i].name) {
			r.Header[fields[i].name] = fields[i].values
			carried = true
		}
	}
	if len(a.Cookie) > 0 && attachCookies(r, a.Cookie) {
		carried = true
	}
	if len(a.Query) > 0 && attachQuery(r, a.Query, isCopy) {
		carried = true
	}
	return carried, used, nil
}

// authorize returns the provider's attachment for r, or nil if the credential's own is
// for every request.
func (s sender) authorize(
	ctx context.Context, p Authorizer, l *credential, r *http.Request, given headerValues,
) (*Attachment, error) {
	out, err := outgoing(r, l.cred.Body, given)
	if err != nil {
		return nil, err
	}
	made, err := p.Authorize(ctx, l.cred, out)
	switch {
	case errors.Is(err, errors.ErrUnsupported):
		return nil, l.rememberNotAuthorizer()
	case err != nil:
	case made.addsNothing() && l.cert == nil && len(made.RememberHeaders) == 0:
		err = Errorf(CodeUnavailable, "the provider returned an empty attachment")
	default:
		err = made.check()
	}
	if CodeOf(err) == CodeDenied {
		s.owner.refuse(ctx, l, true, "") // the next request gets another
	}
	if err != nil {
		return nil, err
	}
	return &made, nil
}

// hasHeader reports whether h has a header of a canonical name, in any
// spelling of the caller's.
func hasHeader(h http.Header, name string) bool {
	for key := range h {
		if sameHeader(key, name) {
			return true
		}
	}
	return false
}

func sameHeader(a, b string) bool { return len(a) == len(b) && strings.EqualFold(a, b) }

// attachCookies adds cookies that r does not have, and reports whether there were any.
func attachCookies(r *http.Request, cookies map[string]Secret) bool {
	var callers []string
	for key, values := range r.Header {
		if sameHeader(key, "Cookie") {
			callers = append(callers, values...)
		}
	}
	has := http.Request{Header: http.Header{"Cookie": callers}}
	line, carried := strings.Join(callers, "; "), false
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		if _, err := has.Cookie(name); err == nil {
			continue
		}
		if line != "" {
			line += "; "
		}
		line += name + "=" + cookies[name].Reveal()
		carried = true
	}
	if carried {
		maps.DeleteFunc(r.Header, func(key string, _ []string) bool {
			return sameHeader(key, "Cookie")
		})
		r.Header["Cookie"] = []string{line}
	}
	return carried
}

// attachQuery adds query parameters that r does not have, and reports whether there were
// any.
func attachQuery(r *http.Request, query map[string]Secret, cloneURL bool) bool {
	has := r.URL.Query()
	add := make(url.Values, len(query))
	for name, value := range query {
		if !has.Has(name) {
			add.Set(name, value.Reveal())
		}
	}
	if len(add) == 0 {
		return false
	}
	if cloneURL {
		u := *r.URL
		r.URL = &u
	}
	if r.URL.RawQuery != "" {
		r.URL.RawQuery += "&"
	}
	r.URL.RawQuery += add.Encode()
	return true
}
