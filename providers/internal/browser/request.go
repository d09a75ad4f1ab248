// What the listener answers to a request.
//
// Read on in paste.go.

package browser

import (
	"crypto/subtle"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/authsession/authsession/core"
)

// The values of response_mode (OAuth 2.0 Multiple Response Type Encoding Practices §2.1, OAuth 2.0
// Form Post Response Mode) that the listener recognises and cannot read.
const (
	formPost = "form_post"
	fragment = "fragment"
)

// modeParameter is the parameter by which the script of the page [NoAnswer] reports an answer in
// the fragment. It sends the state with it, and nothing else of the answer.
const modeParameter = "response_mode"

// modeError is the error for an answer that the listener cannot read.
func modeError(mode string) error {
	return core.Errorf(core.CodeBadConfig,
		"the server answered with response_mode %s, and the program reads response_mode query: set that "+
			"for this client at the server, or as authorization_params: {response_mode: query}", mode)
}

// hint returns what to look at if nobody finished the sign-in.
func (l *Listener) hint() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.noAnswer {
		return ""
	}
	return " (it came back without an answer in the address: if the server uses another " +
		"response_mode than query, set that)"
}

// ServeHTTP answers the browser. It accepts only a GET of the redirect URI, under the URI's own
// host, for a window: with another name that resolves to this address, the page of another site
// could send the request (DNS rebinding), and what is not shown in a window has no person.
func (l *Listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isHost := func(host string) bool { return strings.EqualFold(host, r.Host) }
	switch {
	case !slices.ContainsFunc(l.hosts, isHost):
		http.Error(w, "This address is not served here.", http.StatusMisdirectedRequest)
	case r.URL.Path != l.cfg.Path:
		http.NotFound(w, r)
	case r.Method != http.MethodGet && r.Method != http.MethodPost:
		refuseMethod(w)
	// A browser drops a prefetch with an error, and sends the request again for the window.
	case isPrefetch(r.Header), !isNavigation(r.Header):
		l.sendPage(w, NotAWindow)
	case r.Method == http.MethodPost:
		l.servePost(w, r)
	default:
		l.serveAnswer(w, r)
	}
}

func refuseMethod(w http.ResponseWriter) {
	w.Header().Set("Allow", http.MethodGet)
	http.Error(w, "Only GET is answered here.", http.StatusMethodNotAllowed)
}

// isPrefetch reports whether a browser asks for a page that nobody has opened yet (Fetch, header
// Sec-Purpose; the other headers are those of earlier browsers).
func isPrefetch(h http.Header) bool {
	for _, name := range []string{"Sec-Purpose", "Purpose", "X-Purpose", "X-Moz"} {
		for _, value := range h.Values(name) {
			value = strings.ToLower(value)
			if strings.Contains(value, "prefetch") || strings.Contains(value, "prerender") ||
				strings.Contains(value, "preview") {
				return true
			}
		}
	}
	return false
}

// isNavigation reports whether a request is for a document of a window, and not for a frame, an
// image, a script or a WebSocket (Fetch Metadata Request Headers). A browser that does not send
// these headers is trusted.
func isNavigation(h http.Header) bool {
	is := func(name, want string) bool {
		values := h.Values(name)
		return len(values) == 0 || len(values) == 1 && strings.EqualFold(values[0], want)
	}
	return is("Sec-Fetch-Dest", "document") && is("Sec-Fetch-Mode", "navigate") &&
		h.Get("Upgrade") == "" && h.Get("Sec-WebSocket-Key") == "" && h.Get("Service-Worker") == ""
}

// servePost answers a form. The form of a server that answers with response_mode form_post ends the
// sign-in with an error, if it has the state.
func (l *Listener) servePost(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	r.Body = http.MaxBytesReader(w, r.Body, maxHeader)
	if err := r.ParseForm(); err != nil || !r.PostForm.Has("state") {
		refuseMethod(w)
		return
	}
	l.finish(w, r, r.PostForm, formPost)
}

// serveAnswer answers a GET with a query.
func (l *Listener) serveAnswer(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	switch {
	case r.URL.RawQuery == "":
		l.noteNoAnswer()
		l.sendPage(w, NoAnswer)
	case err != nil:
		l.sendPage(w, OtherSignIn)
	case query.Get(modeParameter) == fragment && !query.Has("code") && !query.Has("error"):
		l.finish(w, r, query, fragment)
	default:
		l.finish(w, r, query, "")
	}
}

// finish takes an answer, waits for the outcome and sends its page.
func (l *Listener) finish(w http.ResponseWriter, r *http.Request, answer url.Values, mode string) {
	accepted, kind := l.accept(answer, mode)
	if accepted != nil {
		l.keepConnection(r.Context())
		defer close(accepted.sent)
		select {
		case <-accepted.decided:
			kind = accepted.page
		case <-l.closing:
			kind = Failed
		}
	}
	l.sendPage(w, kind)
}

// accept returns the redirect if the answer has the state and is the first one that has it, and
// otherwise the page to show.
func (l *Listener) accept(answer url.Values, mode string) (*redirect, Kind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed, !hasState(answer, l.cfg.State):
		return nil, OtherSignIn
	case l.redirect != nil:
		return nil, AlreadyAnswered
	}
	l.redirect = &redirect{
		answer: answer, mode: mode, decided: make(chan struct{}), sent: make(chan struct{}),
	}
	l.redirects <- l.redirect
	return l.redirect, 0
}

// hasState reports whether an answer has one state, and the right one.
func hasState(answer url.Values, state string) bool {
	states := answer["state"]
	return len(states) == 1 && subtle.ConstantTimeCompare([]byte(states[0]), []byte(state)) == 1
}

// noteNoAnswer tells the program, once, that the browser came back without an answer.
func (l *Listener) noteNoAnswer() {
	l.mu.Lock()
	first := !l.noAnswer && !l.closed && l.redirect == nil
	l.noAnswer = true
	l.mu.Unlock()
	if first && l.cfg.NoAnswer != nil {
		l.cfg.NoAnswer()
	}
}

// sendPage sends a page. It flushes, as Wait may end the process after the page was sent.
func (l *Listener) sendPage(w http.ResponseWriter, kind Kind) {
	page := Page(kind, l.cfg.Server)
	h := w.Header()
	for name, value := range pageHeader {
		h.Set(name, value)
	}
	h.Set("Content-Security-Policy", kind.policy())
	h.Set("Content-Length", strconv.Itoa(len(page)))
	w.WriteHeader(kind.status())
	_, _ = w.Write(page)
	_ = http.NewResponseController(w).Flush()
}
