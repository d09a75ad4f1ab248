package browser_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/browser"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tab is a browser that keeps nothing.
var tab = &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
	Timeout: 10 * time.Second}

func listen(t *testing.T, cfg browser.Config) *browser.Listener {
	t.Helper()
	cfg.State = "the state"
	l, err := browser.Listen(cfg)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// get opens a URL and returns the status and the page.
func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	resp, err := tab.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, string(body), resp.Header
}

// waiting starts Wait and returns what delivers its outcome.
func waiting(t *testing.T, ctx context.Context, l *browser.Listener,
	finish func(context.Context, url.Values) error) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- l.Wait(ctx, finish) }()
	return done
}

func TestOutcomes(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want string
	}{
		{nil, "You are signed in"},
		{core.Errorf(core.CodeDenied, "no"), "Not signed in"},
		{core.Errorf(core.CodeUnavailable, "later"), "did not work"},
		{core.Errorf(core.CodeBadConfig, "wrong"), "did not work"},
	} {
		for _, host := range []string{"", "localhost"} {
			t.Run(fmt.Sprint(tt.want, host), func(t *testing.T) {
				l := listen(t, browser.Config{Host: host, Path: "/callback", Server: "login.example.com"})
				var got url.Values
				done := waiting(t, t.Context(), l, func(_ context.Context, answer url.Values) error {
					got = answer
					return tt.err
				})
				status, page, header := get(t,
					l.URL()+"?code=the+code&state=the+state&error_description=%3Cb%3Ehello")
				require.Equal(t, tt.err, <-done)
				require.Equal(t, 200, status)
				require.Contains(t, page, tt.want)
				require.Contains(t, page, "login.example.com")
				require.NotContains(t, page, "the code")
				require.NotContains(t, page, "hello")
				require.Equal(t, "the code", got.Get("code"))
				require.Equal(t, "no-store", header.Get("Cache-Control"))
				require.Equal(t, "no-referrer", header.Get("Referrer-Policy"))
			})
		}
	}
}

// The page tells what came of the sign-in, so it must not come before.
func TestThePageWaits(t *testing.T) {
	l := listen(t, browser.Config{})
	inside, outcome := make(chan bool), make(chan error)
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error {
		close(inside)
		return <-outcome
	})
	first := make(chan string, 1)
	go func() {
		resp, err := tab.Get(l.URL() + "?code=c&state=the+state")
		if err != nil {
			first <- err.Error()
			return
		}
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		first <- string(body)
	}()
	<-inside
	status, page, _ := get(t, l.URL()+"?code=c&state=the+state")
	require.Equal(t, 409, status)
	require.Contains(t, page, "another window or tab")
	require.Empty(t, first, "the page was sent before the outcome")
	outcome <- core.Errorf(core.CodeDenied, "no")
	require.ErrorIs(t, <-done, core.CodeDenied)
	require.Contains(t, <-first, "Not signed in")
}

func TestWhatDoesNotCount(t *testing.T) {
	l := listen(t, browser.Config{Path: "/cb"})
	root := strings.TrimSuffix(l.URL(), "/cb")
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
	send := func(method, target, host string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), method, target, nil)
		require.NoError(t, err)
		req.Host = host
		resp, err := tab.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(body)
	}
	good := "?code=c&state=the+state"
	port := root[strings.LastIndex(root, ":"):]
	for _, tt := range []struct {
		name, method, target, host string
		status                     int
	}{
		{"favicon", "GET", root + "/favicon.ico", "", 404},
		{"other path", "GET", root + "/" + good, "", 404},
		{"longer path", "GET", root + "/cb/" + good, "", 404},
		{"POST", "POST", root + "/cb" + good, "", 405},
		{"HEAD", "HEAD", root + "/cb" + good, "", 405},
		{"rebinding", "GET", root + "/cb" + good, "evil.example.com" + port, 421},
		{"another name of the loopback", "GET", root + "/cb" + good, "localhost" + port, 421},
		{"no port", "GET", root + "/cb" + good, "127.0.0.1", 421},
		{"no state", "GET", root + "/cb?code=c", "", 400},
		{"wrong state", "GET", root + "/cb?code=c&state=other", "", 400},
		{"two states", "GET", root + "/cb?code=c&state=the+state&state=other", "", 400},
		{"not a query", "GET", root + "/cb?state=the+state&x=%zz", "", 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, page := send(tt.method, tt.target, tt.host)
			require.Equal(t, tt.status, status)
			if status == 400 {
				require.Contains(t, page, "belongs to a sign-in that the program does not wait for")
			}
		})
	}
	require.Empty(t, done, "one of them ended the sign-in")
	_, page, _ := get(t, l.URL()+good)
	require.Contains(t, page, "You are signed in")
	require.NoError(t, <-done)
}

func TestContext(t *testing.T) {
	l := listen(t, browser.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := waiting(t, ctx, l, func(context.Context, url.Values) error { return nil })
	cancel()
	err := <-done
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorIs(t, err, context.Canceled)

	ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	err = l.Wait(ctx, func(context.Context, url.Values) error { return nil })
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	l.Close()
	l.Close()
	_, err = tab.Get(l.URL())
	require.Error(t, err, "the listener is still there")
}

// A browser opens connections ahead, and may be slow to say anything.
func TestIdleConnections(t *testing.T) {
	l := listen(t, browser.Config{})
	u, err := url.Parse(l.URL())
	require.NoError(t, err)
	for _, first := range []string{"", "GET / HT"} {
		conn, err := net.Dial("tcp", u.Host)
		require.NoError(t, err)
		defer conn.Close()
		_, _ = io.WriteString(conn, first)
	}
	done := waiting(t, t.Context(), l, func(context.Context, url.Values) error { return nil })
	_, page, _ := get(t, l.URL()+"?code=c&state=the+state")
	require.Contains(t, page, "You are signed in")
	require.NoError(t, <-done)
	began := time.Now()
	l.Close()
	require.Less(t, time.Since(began), 9*time.Second)
}

func TestPortTaken(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "localhost"} {
		taken, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer taken.Close()
		_, err = browser.Listen(browser.Config{State: "s", Host: host,
			Port: taken.Addr().(*net.TCPAddr).Port})
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "redirect port "+strconv.Itoa(taken.Addr().(*net.TCPAddr).Port))
	}
}

// The name localhost may mean either address: the listener has both.
func TestLocalhost(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("no IPv6 here")
	}
	require.NoError(t, six.Close())
	l := listen(t, browser.Config{Host: "localhost"})
	port := l.URL()[strings.LastIndex(l.URL(), ":")+1 : len(l.URL())-1]
	for _, host := range []string{"127.0.0.1", "::1"} {
		conn, err := net.Dial("tcp", net.JoinHostPort(host, port))
		require.NoError(t, err)
		require.NoError(t, conn.Close())
	}
	l = listen(t, browser.Config{Host: "::1"})
	require.Contains(t, l.URL(), "http://[::1]:")
}

// The first redirect is accepted before Wait is called. The second one, and after Close the first
// one, get a page that says so.
func TestEarlyAndLate(t *testing.T) {
	l := listen(t, browser.Config{})
	pages := make(chan string, 2)
	for range 2 {
		go func() {
			resp, err := tab.Get(l.URL() + "?code=c&state=the+state")
			if err != nil {
				pages <- err.Error()
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			pages <- fmt.Sprint(resp.StatusCode, " ", string(body))
		}()
	}
	require.Regexp(t, "^409 ", <-pages, "the second is late")
	l.Close()
	require.Contains(t, <-pages, "did not work")

	_, err := browser.Listen(browser.Config{})
	require.ErrorIs(t, err, core.CodeBadConfig)
}

func TestAPanicIsNoSuccess(t *testing.T) {
	l := listen(t, browser.Config{})
	done := make(chan any, 1)
	go func() {
		defer func() { done <- recover() }()
		_ = l.Wait(t.Context(), func(context.Context, url.Values) error { panic("oh") })
	}()
	require.Eventually(t, func() bool {
		_, page, _ := get(t, l.URL()+"?state=the+state&code=c")
		return strings.Contains(page, "did not work")
	}, 5*time.Second, time.Millisecond)
	require.Equal(t, "oh", <-done)
}

func TestOf(t *testing.T) {
	require.Equal(t, browser.SignedIn, browser.Of(nil))
	require.Equal(t, browser.Refused, browser.Of(core.Errorf(core.CodeDenied, "no")))
	require.Equal(t, browser.Failed, browser.Of(errors.New("no code")))
}

func TestPagesToFiles(t *testing.T) {
	dir := os.Getenv("AUTHSESSION_PAGES") // a folder to write the pages to
	if dir == "" {
		dir = t.TempDir()
	}
	for _, kind := range browser.Kinds {
		name := filepath.Join(dir, kind.String()+".html")
		require.NoError(t, os.WriteFile(name, browser.Page(kind, "login.example.com"), 0o600))
	}
}

func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"", "code=c&state=s", "state=s&state=s", "state=%zz",
		"error=access_denied&state=t", ";", "state=s;code=c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		l, err := browser.Listen(browser.Config{State: "s", Server: "login.example.com"})
		require.NoError(t, err)
		defer l.Close()
		browser.Feed(t, l, "s", query)
	})
}
