// What a redirect means for a call.
//
// Read on in session.go.

package gs

import (
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
)

// maxRedirects is how many redirects a call follows.
const maxRedirects = 10

// sameOriginOnly is the CheckRedirect of calls. A redirect is followed within the origin of
// the call, where the session's credential goes anyway. Another origin is not the API: a
// gateway in front of it asks for a sign-in, and must get neither method nor body.
func sameOriginOnly(next *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects || !sameOrigin(next.URL, via[0].URL) {
		return http.ErrUseLastResponse
	}
	return nil
}

// redirectedError returns the error of a success to which redirects led and that is not the
// API's answer to the call, or nil: a page, which is there to sign in, unless the call
// accepts HTML; or the answer to a GET that took the place of another method, whose request
// was then not carried out (RFC 9110 §15.4.2, §15.4.3). After 303 it was (§15.4.4).
func redirectedError(method string, u *url.URL, accept string, resp *http.Response, body []byte,
	secrets func() []core.Secret) *APIError {
	first := firstRedirect(resp)
	if first == nil {
		return nil
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	page := isHTML(media, body) && !strings.Contains(accept, "html")
	dropped := resp.Request.Method != method && first.StatusCode != http.StatusSeeOther
	if !page && !dropped {
		return nil
	}
	known := secrets()
	return &APIError{
		Status: first.StatusCode, Method: method, URL: withoutQuery(u), signIn: page,
		RequestID: printable(resp.Header.Get(requestID), maxID, known),
		Location:  printable(withoutQuery(resp.Request.URL), maxMessage, known),
	}
}

// firstRedirect returns the first of the redirects that led to resp, or nil.
func firstRedirect(resp *http.Response) (first *http.Response) {
	for r := resp.Request; r != nil && r.Response != nil; r = r.Response.Request {
		first = r.Response
	}
	return first
}
