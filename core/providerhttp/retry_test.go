package providerhttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

const (
	unavailable = core.CodeUnavailable
	badConfig   = core.CodeBadConfig
)

// cuts is a listener that closes the first connections without a word, so that
// their TLS handshake fails.
type cuts struct {
	net.Listener
	left, dials atomic.Int32
}

func (c *cuts) Accept() (net.Conn, error) {
	conn, err := c.Listener.Accept()
	if err == nil {
		c.dials.Add(1)
		if c.left.Add(-1) >= 0 {
			_ = conn.Close()
		}
	}
	return conn, err
}

// ending is a context that always has less time than the shortest pause, however long a request
// takes on a machine that is busy.
type ending struct{ context.Context }

func (ending) Deadline() (time.Time, bool) { return time.Now().Add(190 * time.Millisecond), true }

// secure starts a TLS server that cuts n connections, and returns the roots
// that its certificate is verified against.
func secure(t *testing.T, n int32, h http.Handler) (*httptest.Server, *cuts, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	c := &cuts{Listener: s.Listener}
	c.left.Store(n)
	s.Listener = c
	s.Config.ErrorLog = quietLog
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, c, &tls.Config{RootCAs: roots}
}

func TestFailedHandshakesAreRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		cut      int32
		mayRetry bool
		stream   bool // the body cannot be read twice
		strange  bool // the certificate cannot be verified
		short    bool // the context has no time for a pause
		code     core.Code
		dials    int32
	}{
		"once, in any attempt":               {cut: 1, dials: 2},
		"twice":                              {cut: 2, dials: 2, code: unavailable},
		"twice, in a first attempt":          {cut: 2, mayRetry: true, dials: 3},
		"the body cannot be read twice":      {cut: 1, stream: true, dials: 1, code: unavailable},
		"the context ends before":            {cut: 1, short: true, dials: 1, code: unavailable},
		"a certificate of someone else":      {strange: true, dials: 1, code: badConfig},
		"the same in a first attempt":        {strange: true, mayRetry: true, dials: 1, code: badConfig},
		"nothing fails, nothing is repeated": {mayRetry: true, dials: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bodies atomic.Value
			h := func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				bodies.Store(string(body))
			}
			s, c, config := secure(t, tc.cut, http.HandlerFunc(h))
			if tc.strange {
				config = nil
			}
			var body io.Reader = strings.NewReader("refresh_token=one")
			if tc.stream {
				body = io.MultiReader(body)
			}
			ctx := t.Context()
			if tc.short {
				var cancel func()
				ctx, cancel = context.WithTimeout(ctx, time.Minute)
				defer cancel()
				ctx = ending{ctx}
			}
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL, body)
			require.NoError(t, err)
			opts := &providerhttp.Options{TLS: config, MayRetry: tc.mayRetry}
			resp, err := providerhttp.NewClient(opts).Do(req)
			require.NoError(t, ctx.Err(), "the error does not wait for the end of the context")
			require.Equal(t, tc.dials, c.dials.Load())
			if tc.code != 0 {
				require.ErrorIs(t, providerhttp.ClientError(err), tc.code)
				require.Nil(t, bodies.Load())
				return
			}
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, "refresh_token=one", bodies.Load())
		})
	}
}

// TestServerThatStarts checks a connection that is refused because the server
// is not there yet.
func TestServerThatStarts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	require.NoError(t, l.Close())
	empty := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	s := &http.Server{Handler: empty, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	start := time.AfterFunc(100*time.Millisecond, func() { // before the first pause ends
		l, err := net.Listen("tcp", at)
		if err == nil {
			err = s.Serve(l)
		}
		ended <- err
	})
	defer start.Stop()
	client := providerhttp.NewClient(&providerhttp.Options{MayRetry: true}) // for some seconds
	resp, err := client.Get("http://" + at)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.NoError(t, s.Close())
	require.ErrorIs(t, <-ended, http.ErrServerClosed)
}

func TestRetry(t *testing.T) {
	reset := func(w http.ResponseWriter) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}
	status := func(code int, after string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			if after != "" {
				w.Header().Set("Retry-After", after)
			}
			w.WriteHeader(code)
		}
	}
	half := func(w http.ResponseWriter) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	}
	for name, tc := range map[string]struct {
		bad      func(http.ResponseWriter)
		always   bool // it does not pass
		plain    bool // sent without Retry
		mayRetry bool
		short    bool // the context has no time for a pause
		requests int32
		code     core.Code
		waits    time.Duration
	}{
		"a reset":                  {bad: reset, mayRetry: true, requests: 2},
		"a reset, after a failure": {bad: reset, requests: 1, code: unavailable},
		"a reset of what is good for one use": {
			bad:      reset,
			plain:    true,
			mayRetry: true,
			requests: 1,
			code:     unavailable,
		},
		"a reset that does not pass": {
			bad:      reset,
			always:   true,
			mayRetry: true,
			requests: 2,
			code:     unavailable,
		},
		"a reset, without time": {
			bad:      reset,
			mayRetry: true,
			short:    true,
			requests: 1,
			code:     unavailable,
		},
		"half an answer": {bad: half, mayRetry: true, requests: 2},
		"503": {
			bad:      status(503, ""),
			mayRetry: true,
			requests: 2,
			waits:    200 * time.Millisecond,
		},
		"503 of what is good for one use": {
			bad:      status(503, ""),
			plain:    true,
			mayRetry: true,
			requests: 1,
			code:     unavailable,
		},
		"503, after a failure": {bad: status(503, ""), requests: 1, code: unavailable},
		"503 for a second": {
			bad:      status(503, "1"),
			mayRetry: true,
			requests: 2,
			waits:    time.Second,
		},
		"503 for longer than anybody waits": {
			bad:      status(503, "11"),
			mayRetry: true,
			requests: 1,
			code:     unavailable,
		},
		"503 for longer than the context lasts": {
			bad:      status(503, "1"),
			mayRetry: true,
			short:    true,
			requests: 1,
			code:     unavailable,
		},
		"500": {
			bad:      status(500, ""),
			mayRetry: true,
			requests: 1,
			code:     unavailable,
		},
		"429": {
			bad:      status(429, "1"),
			mayRetry: true,
			requests: 1,
			code:     unavailable,
		},
		"a refusal": {
			bad:      status(401, ""),
			mayRetry: true,
			requests: 1,
			code:     core.CodeDenied,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if requests.Add(1) == 1 || tc.always {
					tc.bad(w)
				}
			}))
			defer s.Close()
			ctx := t.Context()
			if tc.short {
				var cancel func()
				ctx, cancel = context.WithTimeout(ctx, time.Minute)
				defer cancel()
				ctx = ending{ctx}
			}
			client := providerhttp.NewClient(&providerhttp.Options{MayRetry: tc.mayRetry})
			send := func() error {
				_, err := exchange(ctx, client, s.URL)
				return err
			}
			began := time.Now()
			var err error
			if tc.plain {
				err = send()
			} else {
				err = providerhttp.Retry(ctx, core.Request{MayRetry: tc.mayRetry}, send)
			}
			require.NoError(t, ctx.Err(), "the error does not wait for the end of the context")
			require.Equal(t, tc.requests, requests.Load())
			require.GreaterOrEqual(t, time.Since(began), tc.waits)
			if tc.code == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.code)
			require.Less(t, time.Since(began), 10*time.Second)
		})
	}
}
