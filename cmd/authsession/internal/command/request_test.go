package command

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestBodiesStayWithOneServer: a request that may change something is not sent to the server
// that a redirect names, and only -L follows one at all.
func TestBodiesStayWithOneServer(t *testing.T) {
	elsewhere := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/login", http.StatusPermanentRedirect)
		case "/here":
			http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
		case "/circle":
			http.Redirect(w, r, "/circle", http.StatusPermanentRedirect)
		}
	}))
	defer api.Close()
	for _, c := range []struct {
		method, path string
		follow       bool
		status       int // 0: an error
		elsewhere    int
	}{
		{"GET", "/away", false, 308, 0},
		{"PUT", "/away", false, 308, 0},
		{"GET", "/away", true, 200, 1},
		{"HEAD", "/away", true, 200, 1},
		{"PUT", "/away", true, 0, 0},
		{"POST", "/away", true, 0, 0},
		{"DELETE", "/away", true, 0, 0},
		{"PUT", "/here", true, 200, 0},
		{"GET", "/circle", true, 0, 0},
	} {
		elsewhere = 0
		client := &http.Client{CheckRedirect: requestOptions{follow: c.follow}.checkRedirect}
		req, err := http.NewRequest(c.method, api.URL+c.path, strings.NewReader("plan"))
		require.NoError(t, err)
		resp, err := client.Do(req)
		if c.status == 0 {
			require.Error(t, err, "%+v", c)
		} else {
			require.NoError(t, err, "%+v", c)
			require.Equal(t, c.status, resp.StatusCode)
			require.NoError(t, resp.Body.Close())
		}
		require.Equal(t, c.elsewhere, elsewhere, "%+v", c)
	}
}

// TestRequestHeaders: headers are as curl has them.
func TestRequestHeaders(t *testing.T) {
	var got http.Header
	var length []string
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got, length = r.Header, r.TransferEncoding
	}))
	defer api.Close()
	send := func(o requestOptions, stdin string) {
		o.url = api.URL
		req, err := o.build(t.Context(), strings.NewReader(stdin))
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	send(requestOptions{data: []string{""}}, "")
	require.Equal(t, "0", got.Get("Content-Length"))
	require.Empty(t, length)
	send(requestOptions{method: "PUT", data: []string{"a", "@-", "@-"}}, "b")
	require.Equal(t, "4", got.Get("Content-Length"))
	send(requestOptions{headers: []string{"Accept:", "user-agent:", "X-A;", "X-B: b"}}, "")
	require.Equal(t, []string{""}, got["X-A"])
	require.Equal(t, []string{"b"}, got["X-B"])
	require.NotContains(t, got, "Accept")
	require.NotContains(t, got, "User-Agent")
	send(requestOptions{data: []string{"a"}, headers: []string{"Content-Type:"}}, "")
	require.NotContains(t, got, "Content-Type")
	for _, header := range []string{"a b: c", "é: c", "a(: c", ": c", ";", "a", "a: b\nc: d", "a: \x00"} {
		_, err := requestOptions{url: api.URL, headers: []string{header}}.build(t.Context(), nil)
		require.Equal(t, usage, (&app{running: true}).kindOf(t.Context(), err), header)
	}
}

// TestNoReferer: a redirect does not tell another server the URL, unless the person does.
func TestNoReferer(t *testing.T) {
	var got http.Header
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header }))
	defer other.Close()
	api := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
	defer api.Close()
	for _, referer := range []string{"", "https://mine.example.com"} {
		client := &http.Client{CheckRedirect: requestOptions{follow: true}.checkRedirect}
		req, err := http.NewRequest("GET", api.URL+"?key=secret", nil)
		require.NoError(t, err)
		if referer != "" {
			req.Header.Set("Referer", referer)
		}
		resp, err := client.Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, referer, got.Get("Referer"))
	}
}

// TestUnavailableAPI: an API that cannot be reached is unavailable, and the session is named.
func TestUnavailableAPI(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	refusing.Close()
	stop := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-stop }))
	defer silent.Close()
	defer close(stop)
	cutting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, _ := w.(http.Hijacker).Hijack()
		_ = c.Close()
	}))
	defer cutting.Close()
	partial := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		_, _ = w.Write([]byte("some"))
	}))
	defer partial.Close()
	circle := httptest.NewServer(http.RedirectHandler("/again", http.StatusFound))
	defer circle.Close()
	strange := httptest.NewTLSServer(http.NotFoundHandler())
	defer strange.Close()
	for _, c := range []struct {
		url, method string
		want        kind
	}{
		{refusing.URL, "GET", kinds[core.CodeUnavailable]},
		{silent.URL, "GET", kinds[core.CodeUnavailable]},
		{silent.URL, "POST", kinds[core.CodeUnavailable]},
		{cutting.URL, "GET", kinds[core.CodeUnavailable]},
		{partial.URL, "GET", kinds[core.CodeUnavailable]},
		{"http://no-such-host.invalid", "GET", kinds[core.CodeUnavailable]},
		{circle.URL, "GET", failed},
		{strange.URL, "GET", failed},
	} {
		client := &http.Client{CheckRedirect: requestOptions{follow: true}.checkRedirect}
		req, err := http.NewRequest(c.method, c.url, nil)
		require.NoError(t, err)
		if c.method == "POST" {
			req.Body = io.NopCloser(strings.NewReader("body"))
		}
		a := &app{running: true, stdout: io.Discard}
		timeout := 30 * time.Second
		if c.url == silent.URL {
			timeout = 300 * time.Millisecond
		}
		resp, err := send(client, req, timeout)
		if err == nil {
			err = a.answer(resp, requestOptions{})
		}
		err = requestError("reports", err)
		require.Equal(t, c.want, a.kindOf(t.Context(), err), "%s: %v", c.url, err)
		if c.want.status == exitUnavailable {
			require.Contains(t, err.Error(), `"reports"`)
		}
	}
}

// TestTimeoutOfSlowBodies: the time that a body takes does not count.
func TestTimeoutOfSlowBodies(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer api.Close()
	r, w := io.Pipe()
	time.AfterFunc(500*time.Millisecond, func() { _ = w.Close() })
	req, err := http.NewRequest("PUT", api.URL, r)
	require.NoError(t, err)
	resp, err := send(http.DefaultClient, req, 200*time.Millisecond)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
}
