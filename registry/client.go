// The last file of the package.

package registry

import (
	"net/http"
	"net/url"

	"github.com/authsession/authsession/core"
)

// Client returns an HTTP client that chooses, for each request, the session whose
// origins cover the URL: it is what a program uses that calls several APIs. A
// reload that adds or removes sessions is seen by the next request. A redirect
// stays with the session of the first request. The client initialises nothing: a
// session that is not lazy answers [core.CodeNotInitialized] before Init.
//
// A session is found by the origins in its options. If these name none, it is
// found by those that its provider names, after Init. A session without origins
// is never used. If no session covers the URL, the error is
// [core.CodeOriginRefused]; if several do, it is [core.CodeBadConfig] and lists their
// names, as a choice between two accounts is the program's: it takes the client
// of one of them, by [Registry.Session].
//
// The sessions of the request's context count for [core.Client], not here.
func (r *Registry) Client() *http.Client { return &http.Client{Transport: byOrigin{r}} }

// For returns the session that [Registry.Client] uses for an absolute URL, such
// as "https://api.example.com/v1". It sends nothing. The errors are those of
// Client, and [core.CodeBadConfig] for a text that is not an absolute URL.
func (r *Registry) For(rawURL string) (*core.Session, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Scheme == "" || u.Host == "" {
		// The text is not in the error: it may hold a secret.
		return nil, core.Errorf(core.CodeBadConfig,
			"the text is not an absolute URL, such as \"https://api.example.com/v1\"")
	}
	return r.index.Load().Find(u)
}

type byOrigin struct{ registry *Registry }

// RoundTrip implements [http.RoundTripper].
func (t byOrigin) RoundTrip(r *http.Request) (*http.Response, error) {
	first := r
	for first.Response != nil && first.Response.Request != nil {
		first = first.Response.Request
	}
	s, err := t.registry.index.Load().Find(first.URL)
	if err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	return s.Transport(nil).RoundTrip(r)
}
