package browser_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/browser"
)

const goodQuery = "?code=c&state=the+state"

// request sends one request with further headers, as "Name: value" in lines.
func request(t *testing.T, method, target, headers, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	for line := range strings.SplitSeq(headers, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			req.Header.Add(name, value)
		}
	}
	resp, err := tab.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(page)
}

// Only a document of a window ends a sign-in, even if another request has the state.
func TestOnlyAWindowEndsASignIn(t *testing.T) {
	l := listen(t, browser.Config{})
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
	for name, headers := range map[string]string{
		"prefetch":               "Sec-Purpose: prefetch\nSec-Fetch-Dest: document\nSec-Fetch-Mode: navigate",
		"prefetch of Chromium":   "Sec-Purpose: prefetch;anonymous-client-ip\nPurpose: prefetch",
		"prerender":              "Sec-Purpose: prefetch;prerender\nSec-Fetch-Dest: document",
		"earlier prefetch":       "Purpose: prefetch",
		"prefetch of Firefox":    "X-Moz: prefetch",
		"preview of Safari":      "X-Purpose: preview",
		"two purposes":           "Sec-Purpose: x\nSec-Purpose: prefetch",
		"link preload":           "Sec-Fetch-Dest: empty\nSec-Fetch-Mode: no-cors",
		"iframe":                 "Sec-Fetch-Dest: iframe\nSec-Fetch-Mode: navigate",
		"frame":                  "Sec-Fetch-Dest: frame\nSec-Fetch-Mode: navigate",
		"fenced frame":           "Sec-Fetch-Dest: fencedframe\nSec-Fetch-Mode: navigate",
		"embed":                  "Sec-Fetch-Dest: embed\nSec-Fetch-Mode: navigate",
		"object":                 "Sec-Fetch-Dest: object\nSec-Fetch-Mode: navigate",
		"image":                  "Sec-Fetch-Dest: image\nSec-Fetch-Mode: no-cors",
		"script":                 "Sec-Fetch-Dest: script\nSec-Fetch-Mode: no-cors",
		"style":                  "Sec-Fetch-Dest: style",
		"manifest":               "Sec-Fetch-Dest: manifest",
		"worker":                 "Sec-Fetch-Dest: worker\nSec-Fetch-Mode: same-origin",
		"service worker":         "Service-Worker: script",
		"no-cors fetch":          "Sec-Fetch-Dest: empty\nSec-Fetch-Mode: no-cors",
		"cors fetch":             "Sec-Fetch-Dest: empty\nSec-Fetch-Mode: cors",
		"mode alone":             "Sec-Fetch-Mode: no-cors",
		"two destinations":       "Sec-Fetch-Dest: document\nSec-Fetch-Dest: iframe",
		"WebSocket":              "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"WebSocket of Firefox":   "Sec-Fetch-Dest: websocket\nSec-Fetch-Mode: websocket",
		"WebSocket by its key":   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
		"empty destination text": "Sec-Fetch-Dest: ",
	} {
		t.Run(name, func(t *testing.T) {
			status, page := request(t, "GET", l.URL()+goodQuery, headers, "")
			require.Equal(t, 403, status)
			require.Contains(t, page, "in a window")
		})
	}
	require.Empty(t, done, "one of them ended the sign-in")
	status, page := request(t, "GET", l.URL()+goodQuery,
		"Sec-Fetch-Dest: document\nSec-Fetch-Mode: navigate\nSec-Fetch-Site: cross-site\nSec-Fetch-User: ?1", "")
	require.Equal(t, 200, status)
	require.Contains(t, page, "You are signed in")
	require.NoError(t, <-done)
}

// A form or a fragment cannot be read: the page says what to set, and so does the error.
func TestOtherResponseModes(t *testing.T) {
	for name, send := range map[string]func(t *testing.T, l *browser.Listener) (int, string){
		"form_post": func(t *testing.T, l *browser.Listener) (int, string) {
			return request(t, "POST", l.URL(),
				"Content-Type: application/x-www-form-urlencoded\nSec-Fetch-Dest: document\nSec-Fetch-Mode: navigate",
				"code=c&state=the+state")
		},
		"form_post of an error": func(t *testing.T, l *browser.Listener) (int, string) {
			return request(t, "POST", l.URL(), "Content-Type: application/x-www-form-urlencoded",
				"error=access_denied&state=the+state")
		},
		"fragment": func(t *testing.T, l *browser.Listener) (int, string) { // what the page's script sends
			return request(t, "GET", l.URL()+"?response_mode=fragment&state=the+state", "", "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, browser.Config{Server: "login.example.com"})
			done := waiting(t, t.Context(), l, func(context.Context, url.Values) error {
				t.Error("there is an answer")
				return nil
			})
			status, page := send(t, l)
			require.Equal(t, 200, status)
			require.Contains(t, page, "Set response_mode to query")
			err := <-done
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "response_mode "+name[:4])
		})
	}
}

func TestFormsThatDoNotCount(t *testing.T) {
	l := listen(t, browser.Config{})
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
	const form = "Content-Type: application/x-www-form-urlencoded\n"
	for name, tt := range map[string]struct {
		headers, body string
		status        int
	}{
		"another state":  {form, "code=c&state=other", 400},
		"two states":     {form, "code=c&state=the+state&state=other", 400},
		"no state":       {form, "code=c", 405},
		"not a form":     {"Content-Type: application/json\n", `{"state":"the state"}`, 405},
		"without a type": {"", "code=c&state=the+state", 405},
		"too large":      {form, "state=the+state&x=" + strings.Repeat("x", 40<<10), 405},
		"of a frame":     {form + "Sec-Fetch-Dest: iframe", "code=c&state=the+state", 403},
		"of a script":    {form + "Sec-Fetch-Mode: cors", "code=c&state=the+state", 403},
	} {
		status, _ := request(t, "POST", l.URL(), tt.headers, tt.body)
		require.Equal(t, tt.status, status, name)
	}
	require.Empty(t, done)
	get(t, l.URL()+goodQuery)
	require.NoError(t, <-done)
}

// An address without an answer has no state, so that it does not end the sign-in: anybody can open
// it. The program is told once, and the error at the end says what to look at.
func TestNoAnswerInTheAddress(t *testing.T) {
	told := make(chan struct{}, 3)
	l := listen(t, browser.Config{NoAnswer: func() { told <- struct{}{} }})
	ctx, cancel := context.WithCancel(t.Context())
	done := waiting(t, ctx, l, func(context.Context, url.Values) error { return nil })
	for range 3 {
		status, page, _ := get(t, l.URL())
		require.Equal(t, 400, status)
		require.Contains(t, page, "set response_mode to query")
	}
	require.Len(t, told, 1)
	require.Empty(t, done)
	cancel()
	require.ErrorContains(t, <-done, "response_mode")
}

// A proxy in front of the listener has a host of its own, and a container listens elsewhere.
func TestOwnRedirectURL(t *testing.T) {
	for name, tt := range map[string]struct {
		cfg        browser.Config
		url, path  string
		host       string
		wantStatus int
	}{
		"as registered": {browser.Config{RedirectURL: "https://dev.example.com/callback"},
			"https://dev.example.com/callback", "/callback", "dev.example.com", 200},
		"the proxy sets the host": {browser.Config{RedirectURL: "https://dev.example.com/callback"},
			"https://dev.example.com/callback", "/callback", "", 200},
		"the proxy cuts the path": {browser.Config{RedirectURL: "https://dev.example.com/a/callback", Path: "/callback"},
			"https://dev.example.com/a/callback", "/callback", "dev.example.com", 200},
		"another host": {browser.Config{RedirectURL: "https://dev.example.com/callback"},
			"https://dev.example.com/callback", "/callback", "evil.example.org", 421},
		"another path": {browser.Config{RedirectURL: "https://dev.example.com/callback"},
			"https://dev.example.com/callback", "/", "dev.example.com", 404},
		"all interfaces": {browser.Config{Listen: "0.0.0.0"}, "", "/", "", 200},
		"all interfaces, another name": {browser.Config{Listen: "0.0.0.0"}, "", "/",
			"evil.example.org", 421},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.State = "the state"
			l := listen(t, tt.cfg)
			if tt.url != "" {
				require.Equal(t, tt.url, l.URL())
			}
			own := fmt.Sprintf("http://127.0.0.1:%d", l.Port())
			done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
			req, err := http.NewRequestWithContext(t.Context(), "GET", own+tt.path+goodQuery, nil)
			require.NoError(t, err)
			req.Host = tt.host
			resp, err := tab.Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tt.wantStatus, resp.StatusCode)
			if tt.wantStatus == 200 {
				require.NoError(t, <-done)
				return
			}
			require.Empty(t, done)
			require.NoError(t, l.Paste("https://dev.example.com/callback"+goodQuery))
			require.NoError(t, <-done)
		})
	}
}

// A thousand silent connections take no more descriptors than a bound, and the person's own
// request is answered.
func TestSilentConnections(t *testing.T) {
	for name, first := range map[string]string{
		"silent": "", "half a request": "GET / HT", "half a header": "GET / HTTP/1.1\r\nHost: 127.0.0.1",
		"half a form": "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 100\r\n" +
			"Content-Type: application/x-www-form-urlencoded\r\n\r\nx",
	} {
		t.Run(name, func(t *testing.T) {
			l := listen(t, browser.Config{})
			u, err := url.Parse(l.URL())
			require.NoError(t, err)
			first := strings.ReplaceAll(first, "HOST", u.Host)
			done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
			for range 1000 {
				conn, err := net.Dial("tcp", u.Host)
				require.NoError(t, err)
				defer conn.Close()
				_, _ = io.WriteString(conn, first)
			}
			require.LessOrEqual(t, l.Connections(), browser.MaxConnections)
			began := time.Now()
			_, page, _ := get(t, l.URL()+goodQuery)
			require.Contains(t, page, "You are signed in")
			require.NoError(t, <-done)
			require.Less(t, time.Since(began), 9*time.Second, "it is not after ReadHeaderTimeout")
			began = time.Now()
			l.Close()
			require.Less(t, time.Since(began), 9*time.Second)
			require.Eventually(t, func() bool { return l.Connections() == 0 }, 20*time.Second, time.Millisecond)
		})
	}
}

// The request that is being answered is not closed to make room.
func TestSilentConnectionsDuringTheAnswer(t *testing.T) {
	l := listen(t, browser.Config{})
	u, err := url.Parse(l.URL())
	require.NoError(t, err)
	inside, outcome := make(chan bool), make(chan error)
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error {
		close(inside)
		return <-outcome
	})
	page := make(chan string, 1)
	go func() {
		_, text := request(t, "GET", l.URL()+goodQuery, "", "")
		page <- text
	}()
	<-inside
	for range 200 {
		conn, err := net.Dial("tcp", u.Host)
		require.NoError(t, err)
		defer conn.Close()
	}
	outcome <- nil
	require.NoError(t, <-done)
	require.Contains(t, <-page, "You are signed in")
}
