package core

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// asked is what an Authorizer was told, and wants to learn.
type asked struct {
	learn []string // Attachment.Learn
	known lesson   // Outgoing.Learned
}

// attach puts the credential on a request that is the session's to write to.
// ours: something on it is now the session's; what is nil without an
// Authorizer. With cloneURL, the URL is still the caller's and is copied before
// a change.
func (s *Session) attach(ctx context.Context, l *credential, r *http.Request, cloneURL bool) (ours bool, what *asked, err error) {
	a, fields := &l.cred.Attach, l.header()
	if p := l.authorizer(); p != nil {
		what = &asked{known: s.lessons.of(r.URL)}
		made, err := s.authorize(ctx, p, l, r, what.known)
		if err == nil {
			what.learn = made.Learn
			if made.bare() && l.cert == nil {
				err = Errorf(Unavailable, "the provider returned an empty attachment")
			} else if err = made.check(); err == nil {
				a, fields = &made, prepareHeader(made.Header)
			}
		}
		if errors.Is(err, errors.ErrUnsupported) {
			err = l.asAbsent()
		}
		if err != nil {
			if CodeOf(err) == Denied {
				s.refuse(l, true, "") // the next request gets another
			}
			return false, nil, s.config().annotate(err, "authorize")
		}
	}
	for i := range fields {
		if _, set := r.Header[fields[i].name]; !set {
			r.Header[fields[i].name] = fields[i].values
			ours = true
		}
	}
	if len(a.Cookie) > 0 && attachCookies(r, a.Cookie) {
		ours = true
	}
	if len(a.Query) > 0 && attachQuery(r, a.Query, cloneURL) {
		ours = true
	}
	return ours, what, nil
}

// hideEcho takes the query parameters that the session added out of a redirect
// that repeats them, as one to the same path with a slash does. The next
// request gets its own if it may; the URL, errors and Referer do not hold it.
func hideEcho(resp *http.Response, sent, callers *url.URL) {
	to, err := url.Parse(resp.Header.Get("Location"))
	if err != nil {
		return
	}
	echo, had, found := to.Query(), callers.Query(), false
	for name, values := range sent.Query() {
		if !had.Has(name) && echo.Get(name) == values[0] {
			echo.Del(name)
			found = true
		}
	}
	if found {
		to.RawQuery = echo.Encode()
		resp.Header.Set("Location", to.String())
	}
}

func attachCookies(r *http.Request, cookies map[string]Secret) bool {
	line := strings.Join(r.Header["Cookie"], "; ")
	ours := false
	for _, name := range slices.Sorted(maps.Keys(cookies)) {
		if _, err := r.Cookie(name); err == nil {
			continue
		}
		if line != "" {
			line += "; "
		}
		line += name + "=" + cookies[name].Reveal()
		ours = true
	}
	if ours {
		r.Header["Cookie"] = []string{line}
	}
	return ours
}

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

func (s *Session) authorize(ctx context.Context, p Authorizer, l *credential, r *http.Request, learned lesson) (Attachment, error) {
	out := Outgoing{Method: r.Method, URL: r.URL.String(), Header: r.Header.Clone(), Learned: maps.Clone(learned)}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	if rewindable(r) {
		body, err := rewind(r)
		if err != nil {
			return Attachment{}, Errorf(Unavailable, "the request's body: %w", err)
		}
		hash := sha256.New()
		if body != nil {
			_, err = io.Copy(hash, body)
			_ = body.Close()
		}
		if err != nil {
			return Attachment{}, Errorf(Unavailable, "the request's body: %w", err)
		}
		out.BodySHA256 = hash.Sum(nil)
	}
	return p.Authorize(ctx, l.cred, out)
}
