package providerhttp_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

const canary = "c4n4ry-v4lu3"

var quietLog = log.New(io.Discard, "", 0)

// seen counts requests.
type seen struct{ n atomic.Int32 }

func (s *seen) add(*http.Request) { s.n.Add(1) }
func (s *seen) count() int        { return int(s.n.Load()) }

// exchange is what a provider does with the client: one request, and an error
// that may be shown.
func exchange(ctx context.Context, client *http.Client, target string, secrets ...core.Secret) ([]byte, error) {
	req, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		target,
		strings.NewReader(url.Values{"client_secret": {canary}}.Encode()),
	)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, providerhttp.ClientError(err)
	}
	if err := providerhttp.AnswerError(resp, body, secrets...); err != nil {
		return nil, err
	}
	return body, providerhttp.AnswerCode(body, secrets...)
}

func TestProviderRequests(t *testing.T) {
	var elsewhere seen
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { elsewhere.add(r) }))
	defer other.Close()
	answer := func(status int, body string, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for _, tc := range []struct {
		name  string
		serve http.HandlerFunc
		code  core.Code
		want  string
		retry time.Duration
	}{
		{"ok", answer(200, `{"access_token":"x"}`), 0, "", 0},
		{
			"invalid_client",
			answer(401, `{"error":"invalid_client","error_description":"unknown client"}`),
			core.CodeDenied, "answers 401: invalid_client (unknown client)", 0,
		},
		{
			"400 invalid_client", answer(400, `{"error":"invalid_client"}`), core.CodeDenied,
			"answers 400: invalid_client", 0,
		},
		{"403 without a body", answer(403, ""), core.CodeDenied, "answers 403", 0},
		{"invalid_scope", answer(400, `{"error":"invalid_scope"}`), core.CodeBadConfig, "invalid_scope", 0},
		{"invalid_target", answer(400, `{"error":"invalid_target"}`), core.CodeBadConfig, "invalid_target", 0},
		{
			"interaction_required", answer(400, `{"error":"interaction_required"}`),
			core.CodeInteractive, "interaction_required", 0,
		},
		{
			"200 with an error", answer(200, `{"error":"invalid_grant"}`), core.CodeDenied,
			"the answer is an error: invalid_grant", 0,
		},
		{
			"the secret echoed",
			answer(400, `{"error":"invalid_client","error_description":"bad secret `+canary+`"}`),
			core.CodeDenied, "answers 400: invalid_client", 0,
		},
		{
			"control characters",
			answer(400, `{"error":"invalid_client","error_description":"a\u001b[31mb\nc"}`),
			core.CodeDenied, "(a[31mbc)", 0,
		},
		{"HTML", answer(400, `<html>`+canary), core.CodeDenied, "answers 400", 0},
		{
			"503", answer(503, "", "Retry-After", "7"), core.CodeUnavailable,
			"answers 503; next attempt in 7s", 7 * time.Second,
		},
		{
			"429 with a date", answer(429, "", "Retry-After", "Mon, 01 Jan 2001 00:00:00 GMT"),
			core.CodeUnavailable, "answers 429", 0,
		},
		{
			"429 absurd", answer(429, "", "Retry-After", "99999999999999999999999"),
			core.CodeUnavailable, "answers 429", time.Hour,
		},
		{"429 nonsense", answer(429, "", "Retry-After", "-5"), core.CodeUnavailable, "answers 429", 0},
		{"404", answer(404, ""), core.CodeBadConfig, "answers 404", 0},
		{
			"redirect", answer(307, "", "Location", other.URL+"/x?a="+canary), core.CodeBadConfig,
			"redirects to " + other.URL + " (307)", 0,
		},
		{"10 MB", func(w http.ResponseWriter, r *http.Request) {
			for range 10 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
		}, core.CodeUnavailable, "more than 1024 KiB", 0},
		{"reset", func(w http.ResponseWriter, r *http.Request) {
			panic(http.ErrAbortHandler)
		}, core.CodeUnavailable, "EOF", 0},
		{"hang", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
		}, core.CodeUnavailable, "did not answer in time: context deadline exceeded", 0},
		{"drip", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, " ")
				w.(http.Flusher).Flush()
				select {
				case <-r.Context().Done():
				case <-time.After(20 * time.Millisecond):
				}
			}
		}, core.CodeUnavailable, "did not answer in time", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(tc.serve)
			defer srv.Close()
			limit := time.Minute
			if strings.Contains(tc.want, "did not answer in time") {
				limit = 500 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			began := time.Now()
			_, err := exchange(ctx, providerhttp.NewClient(nil), srv.URL+"/token?q="+canary, core.NewSecret(canary))
			require.Less(t, time.Since(began), 20*time.Second)
			if tc.code == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.code)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), canary)
			var e *core.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tc.retry, e.RetryAfter)
		})
	}
	t.Cleanup(func() { require.Zero(t, elsewhere.count(), "a token request is never sent again elsewhere") })
}

func TestProviderRequestsTLS(t *testing.T) {
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	srv.Config.ErrorLog = quietLog
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	for _, tc := range []struct {
		name string
		opts *providerhttp.Options
		url  string
		code core.Code
		want string
	}{
		{"self-signed", nil, srv.URL, core.CodeBadConfig, "the certificate of " + srv.URL},
		{
			"wrong host", &providerhttp.Options{TLS: &tls.Config{RootCAs: roots}},
			"https://localhost:" + port, core.CodeBadConfig, "the certificate of https://localhost",
		},
		{
			"trusted", &providerhttp.Options{TLS: &tls.Config{RootCAs: roots}}, srv.URL,
			core.CodeBadConfig, "answers 404",
		},
		{"not TLS", nil, strings.Replace(plain.URL, "http:", "https:", 1), core.CodeBadConfig, "does not speak TLS"},
		{
			"plain HTTP", nil, "http://token.example.com/x?" + canary, core.CodeBadConfig,
			"http://token.example.com is not https",
		},
		{"unreachable", nil, down.URL, core.CodeUnavailable, "connection refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := exchange(t.Context(), providerhttp.NewClient(tc.opts), tc.url)
			require.ErrorIs(t, err, tc.code)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), canary)
		})
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"", "1", "-1", "1e9", "Sun, 22 Nov 2026 19:00:00 GMT", "18446744073709551616"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if d := providerhttp.RetryAfter(http.Header{"Retry-After": {s}}); d < 0 || d > time.Hour {
			t.Fatal(d)
		}
	})
}

func FuzzAnswerError(f *testing.F) {
	f.Add(400, []byte(`{"error":"invalid_client","error_description":"x"}`))
	f.Add(503, []byte(`<html>`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		secret := core.NewSecret("s3cr3t")
		err := providerhttp.AnswerError(&http.Response{StatusCode: status}, body, secret)
		if err == nil {
			return
		}
		if text := fmt.Sprint(err); strings.Contains(text, "s3cr3t") || strings.ContainsAny(text, "\r\n\x1b") ||
			len(text) > 2000 {
			t.Fatalf("%q", text)
		}
	})
}

// TestProviderRequestsInstrumented: programs put a transport of another type
// into http.DefaultTransport, as for tracing.
func TestProviderRequestsInstrumented(t *testing.T) {
	server := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }),
	)
	defer server.Close()
	usual := http.DefaultTransport
	defer func() { http.DefaultTransport = usual }()
	http.DefaultTransport = struct{ http.RoundTripper }{usual}
	body, err := exchange(t.Context(), providerhttp.NewClient(nil), server.URL)
	require.NoError(t, err)
	require.Equal(t, "{}", string(body))
}

func TestEchoedSecretsAreDropped(t *testing.T) {
	secret := `s3cr+t %:é"x/y`
	std, raw := base64.StdEncoding, base64.RawURLEncoding
	inJSON, err := json.Marshal(secret)
	require.NoError(t, err)
	for name, echo := range map[string]string{
		"as it is": secret, "for a query": url.QueryEscape(secret), "for a path": url.PathEscape(secret),
		"in lower-case hex": strings.ToLower(url.QueryEscape(secret)), "for JSON": strings.Trim(string(inJSON), `"`),
		"in base64": std.EncodeToString([]byte(secret)), "in base64url": raw.EncodeToString([]byte(secret)),
	} {
		for _, around := range []string{"%s", "the secret %s is wrong"} {
			body, err := json.Marshal(
				map[string]string{"error": "invalid_client", "error_description": fmt.Sprintf(around, echo)},
			)
			require.NoError(t, err)
			err = providerhttp.AnswerError(&http.Response{StatusCode: 400}, body, core.NewSecret(secret))
			require.EqualError(t, err, "denied: answers 400: invalid_client", name)
		}
	}
	err = providerhttp.AnswerError(
		&http.Response{StatusCode: 400},
		[]byte(`{"error":"invalid_client","error_description":"100% wrong"}`),
		core.NewSecret(secret),
	)
	require.ErrorContains(t, err, "(100% wrong)")
}

// TestProxyWantsCredentials checks that a 407 is not taken for a refusal of the server's.
func TestProxyWantsCredentials(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Proxy-Authenticate", `Basic realm="p"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	require.NoError(t, err)
	for _, target := range []string{"http://token.example.com/token", "https://token.example.com/token"} {
		asks := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
			client := providerhttp.NewClient(&providerhttp.Options{AllowHTTP: true})
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader("a=b"))
			require.NoError(t, err)
			resp, err := client.Do(r)
			if err == nil {
				_ = resp.Body.Close()
			}
			return core.Credential{}, providerhttp.ClientError(err)
		})
		err := core.New("a", asks, &core.Options{Proxy: u}).Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, target)
		require.ErrorContains(t, err, "the proxy "+u.Host+", the session's proxy, wants credentials")
	}
}
