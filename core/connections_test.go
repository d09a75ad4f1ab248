package core_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// counting is an API that counts the connections that are open to it. Its
// answers have two parts; at /halves the second one waits for release.
func counting(t *testing.T, http2 bool) (srv *httptest.Server, open *atomic.Int64, release func()) {
	t.Helper()
	open = new(atomic.Int64)
	gate := make(chan struct{})
	release = sync.OnceFunc(func() { close(gate) })
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.Proto)
		if r.URL.Path == "/halves" {
			w.(http.Flusher).Flush()
			select {
			case <-gate:
			case <-r.Context().Done():
			}
		}
		_, _ = io.WriteString(w, ".")
	}))
	srv.EnableHTTP2 = http2
	srv.Config.ErrorLog = quietLog
	srv.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		switch s {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
		}
	}
	srv.StartTLS()
	t.Cleanup(func() { release(); srv.Close() })
	return srv, open, release
}

func trusting(srv *httptest.Server) core.Provider {
	c := bearer("T")
	c.Attach.Roots, c.Origins = rootsOf(srv), []string{srv.URL}
	return fixed(c)
}

func requireNone(t *testing.T, open *atomic.Int64) {
	t.Helper()
	require.Eventually(t, func() bool { return open.Load() == 0 }, 20*time.Second, 5*time.Millisecond,
		"connections are left")
}

// lookAgain is longer than Close takes to look at the connections once more. What
// happens later must close its connection itself.
const lookAgain = 200 * time.Millisecond

func TestNoConnectionRemainsAfterClose(t *testing.T) {
	const sessions = 50
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		// A request that is about to take a connection when Close comes lets the
		// transport keep connections again.
		t.Run(proto+" about to take a connection", func(t *testing.T) {
			srv, open, _ := counting(t, proto == "HTTP/2.0")
			var wg sync.WaitGroup
			for range sessions {
				var s *core.Session
				base := &http.Transport{Proxy: func(*http.Request) (*url.URL, error) {
					err := s.Close(context.Background())
					<-time.After(lookAgain)
					return nil, err
				}}
				s = ready(t, trusting(srv), &core.Options{Transport: base})
				wg.Go(func() { require.Equal(t, proto+".", body(t, s.Client(), srv.URL)) })
			}
			wg.Wait()
			requireNone(t, open)
		})
		for name, end := range map[string]func(io.ReadCloser) error{
			"read":   func(b io.ReadCloser) error { _, err := io.Copy(io.Discard, b); return err },
			"closed": func(b io.ReadCloser) error { return b.Close() },
		} {
			t.Run(proto+" a body that is "+name+" after Close", func(t *testing.T) {
				srv, open, release := counting(t, proto == "HTTP/2.0")
				var bodies []io.ReadCloser
				for range 5 {
					s := ready(t, trusting(srv), nil)
					resp, err := s.Client().Get(srv.URL + "/halves")
					require.NoError(t, err)
					require.NoError(t, s.Close(t.Context()))
					bodies = append(bodies, resp.Body)
				}
				require.EqualValues(t, 5, open.Load(), "Close does not cut off what is in use")
				<-time.After(lookAgain)
				release()
				for _, b := range bodies {
					require.NoError(t, end(b))
				}
				requireNone(t, open)
			})
		}
		t.Run(proto+" a request that is cancelled after Close", func(t *testing.T) {
			srv, open, _ := counting(t, proto == "HTTP/2.0")
			s := ready(t, trusting(srv), nil)
			ctx, cancel := context.WithCancel(t.Context())
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/halves", nil)
			require.NoError(t, err)
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, s.Close(t.Context()))
			<-time.After(lookAgain)
			cancel()
			_ = resp.Body.Close()
			requireNone(t, open)
		})
	}
}

// A transport that somebody else made is not the session's to close.
func TestOtherTransportsStayOpen(t *testing.T) {
	srv, open, _ := counting(t, false)
	base := srv.Client().Transport.(*http.Transport)
	defer base.CloseIdleConnections()
	s := ready(t, fixed(bearer("T")), &core.Options{Transport: base})
	require.Equal(t, "HTTP/1.1.", body(t, s.Client(), srv.URL))
	require.NoError(t, s.Close(t.Context()))
	none := func() bool { return open.Load() == 0 }
	require.Never(t, none, 300*time.Millisecond, 10*time.Millisecond)
}

// A program may replace http.DefaultTransport with one that keeps connections
// without a limit, or with another type.
func TestReplacedDefaultTransport(t *testing.T) {
	usual := http.DefaultTransport
	defer func() { http.DefaultTransport = usual }()
	for name, replacement := range map[string]http.RoundTripper{
		"a transport without limits": &http.Transport{},
		"another type": roundTripper(func(r *http.Request) (*http.Response, error) {
			return nil, io.ErrUnexpectedEOF
		}),
	} {
		http.DefaultTransport = replacement
		srv, open, _ := counting(t, false)
		s := ready(t, trusting(srv), nil)
		require.Equal(t, "HTTP/1.1.", body(t, s.Client(), srv.URL), name)
		require.EqualValues(t, 1, open.Load(), name)
		require.NoError(t, s.Close(t.Context()))
		requireNone(t, open)
	}
}

// A session that is initialised again keeps connections again.
func TestConnectionsAreKeptAfterInit(t *testing.T) {
	srv, conns := mutual(t)
	s := ready(t, trusting(srv), nil)
	for range 2 {
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, s.Init(t.Context()))
		before := conns.Load()
		for range 3 {
			body(t, s.Client(), srv.URL)
		}
		require.Equal(t, before+1, conns.Load())
	}
}

// The connections of requests that went on without the credential are the
// session's, too.
func TestNoBareConnectionRemainsAfterClose(t *testing.T) {
	elsewhere, open, _ := counting(t, false)
	srv, _ := mutual(t)
	srv.Config.Handler = http.RedirectHandler(elsewhere.URL, http.StatusFound)
	base := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer base.CloseIdleConnections()
	s := ready(t, presenting(t, srv, "me"), &core.Options{Transport: base})
	client := s.Client()
	require.Equal(t, "HTTP/1.1.", body(t, client, srv.URL))
	require.EqualValues(t, 1, open.Load())
	client.CloseIdleConnections()
	requireNone(t, open)
	require.Equal(t, "HTTP/1.1.", body(t, client, srv.URL))
	require.NoError(t, s.Close(t.Context()))
	requireNone(t, open)
}

// net/http takes a connection back before it hands over an answer without a body.
// The answer must not be lost if the session's transport is replaced in between.
func TestReplacedTransportLosesNoAnswer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	for name, replace := range map[string]func(*testing.T, *core.Session){
		"Reconfigure": func(t *testing.T, s *core.Session) {
			s.Reconfigure(fixed(bearer("other")), nil)
			require.Eventually(t, func() bool {
				c, err := s.Credential(t.Context())
				return err == nil && token(c) == "other"
			}, 5*time.Second, time.Millisecond)
			resp, err := s.Client().Get(srv.URL)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		},
		"Close": func(t *testing.T, s *core.Session) { require.NoError(t, s.Close(t.Context())) },
	} {
		t.Run(name, func(t *testing.T) {
			s := core.New("api", fixed(bearer("T")), nil)
			require.NoError(t, s.Init(t.Context()))
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
				PutIdleConn: func(error) {
					replace(t, s)
					time.Sleep(lookAgain)
				},
			})
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL, nil)
			require.NoError(t, err)
			resp, err := s.Client().Do(r)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		})
	}
}
