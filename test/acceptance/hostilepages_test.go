//go:build acceptance

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/authsession/authsession/test/servers"
)

// hostilePages are what a page does with the redirect of a sign-in, its state included, without
// opening it in a window. TARGET is the redirect with code and state, and HOST its host.
var hostilePages = map[string]string{
	"iframe":      `<iframe src="TARGET"></iframe>`,
	"object":      `<object data="TARGET" type="text/html"></object>`,
	"embed":       `<embed src="TARGET" type="text/html">`,
	"image":       `<img src="TARGET">`,
	"script":      `<script src="TARGET"></script>`,
	"style":       `<link rel="stylesheet" href="TARGET">`,
	"prefetch":    `<link rel="prefetch" href="TARGET">`,
	"no-cors":     `<script>fetch("TARGET", {mode: "no-cors"})</script>`,
	"cors":        `<script>fetch("TARGET").catch(() => {})</script>`,
	"beacon":      `<script>navigator.sendBeacon("TARGET")</script>`,
	"WebSocket":   `<script>new WebSocket("TARGET".replace("http:", "ws:"))</script>`,
	"EventSource": `<script>new EventSource("TARGET")</script>`,
	"worker":      `<script>try { new Worker("TARGET") } catch {}</script>`,
	"form in a frame": `<iframe name="f"></iframe><form id="x" method="post" target="f" ` +
		`action="http://HOST/"><input name="state" value="STATE"><input name="code" value="c"></form>` +
		`<script>x.submit()</script>`,
	"speculation rules": `<script type="speculationrules">` +
		`{"prefetch": [{"urls": ["TARGET"], "eagerness": "immediate"}], ` +
		`"prerender": [{"urls": ["TARGET"], "eagerness": "immediate"}]}</script>`,
}

// modesServer is an authorization server that answers in a way of the test's.
func modesServer(t *testing.T, authorize http.HandlerFunc) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/authorize", authorize)
	mux.HandleFunc("/token", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"access_token":"a","token_type":"Bearer","expires_in":3600}`)
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

// startSignIn begins a sign-in and returns the link and how it ends.
func startSignIn(t *testing.T, server string) (link *url.URL, done chan error) {
	t.Helper()
	p, err := oauth2.New(oauth2.Config{
		Grant: oauth2.AuthorizationCode, ClientID: "app", TokenURL: server + "/token",
		AuthorizationURL: server + "/authorize",
	})
	require.NoError(t, err)
	links := make(chan string, 1)
	s := core.New("person", p, &core.Options{UI: &core.UI{
		Open: func(_ context.Context, link string) error { links <- link; return nil },
	}})
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	done = make(chan error, 1)
	go func() { done <- s.Init(context.Background()) }()
	link, err = url.Parse(<-links)
	require.NoError(t, err)
	return link, done
}

// TestHostilePages opens pages that have the state of a sign-in. None of them ends it; the
// person's own window does.
func TestHostilePages(t *testing.T) {
	server := modesServer(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		http.Redirect(w, r, q.Get("redirect_uri")+"?code=c&state="+q.Get("state"), http.StatusFound)
	})
	link, done := startSignIn(t, server.URL)
	q := link.Query()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	require.NoError(t, err)
	target := redirect.String() + "?code=c&state=" + q.Get("state")
	hostile := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<!doctype html><title>hostile</title>"+
			strings.NewReplacer("TARGET", target, "HOST", redirect.Host, "STATE", q.Get("state")).
				Replace(hostilePages[strings.TrimPrefix(r.URL.Path, "/")]))
	}))
	t.Cleanup(hostile.Close)
	tab := servers.StartChromium(t)
	for name := range hostilePages {
		requests := hosts(t, tab)
		run(t, tab, chromedp.Navigate(hostile.URL+"/"+url.PathEscape(name)))
		// The page has sent its request, or Chromium has refused to.
		deadline := time.Now().Add(time.Second)
		for time.Now().Before(deadline) {
			time.Sleep(50 * time.Millisecond)
		}
		t.Logf("%s: %d requests", name, len(requests()))
		select {
		case err := <-done:
			t.Fatalf("%s ended the sign-in: %v", name, err)
		default:
		}
	}
	run(t, tab, chromedp.Navigate(link.String()))
	require.Equal(t, "You are signed in", value(t, tab, chromedp.Text(chromedp.CSS("main h1"))))
	require.NoError(t, <-done)
}

// TestAnswersThatCannotBeRead: a server that answers as a form or in the fragment. The person's
// page says what to set, and the program gets an error that names it.
func TestAnswersThatCannotBeRead(t *testing.T) {
	for mode, authorize := range map[string]http.HandlerFunc{
		"form_post": func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, `<!doctype html><form id="f" method="post" action="%s">`+
				`<input name="code" value="c"><input name="state" value="%s"></form>`+
				`<script>f.submit()</script>`, q.Get("redirect_uri"), q.Get("state"))
		},
		"fragment": func(w http.ResponseWriter, r *http.Request) {
			q := r.URL.Query()
			http.Redirect(w, r, q.Get("redirect_uri")+"#code=c&state="+q.Get("state"), http.StatusFound)
		},
	} {
		t.Run(mode, func(t *testing.T) {
			link, done := startSignIn(t, modesServer(t, authorize).URL)
			tab := servers.StartChromium(t)
			run(t, tab, chromedp.Navigate(link.String()))
			var err error
			select {
			case err = <-done:
			case <-time.After(30 * time.Second):
				err = errors.New("the program waits")
			}
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "response_mode "+mode)
			soon(t, func() bool {
				text, err := chromedp.Run(tab, chromedp.Text(chromedp.CSS("main")))
				return err == nil && strings.Contains(text, "Set response_mode to query")
			})
		})
	}
}
