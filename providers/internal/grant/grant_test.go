package grant_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

const secret = "s+e c/r&t=é%41"

// serve starts a token endpoint on the loopback.
func serve(t *testing.T, h http.HandlerFunc) *grant.Client {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return &grant.Client{TokenURL: srv.URL + "/token", ID: "app:1",
		Auth: grant.Basic(core.NewSecret(secret))}
}

func reply(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestRequest(t *testing.T) {
	var got *http.Request
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		got = r
		reply(200, "application/json", `{"access_token":"a","token_type":"bearer","expires_in":60}`)(w, r)
	})
	c.Scopes = []string{"read", "write"}
	c.Params = url.Values{"resource": {"https://a", "https://b"}}
	c.Header = http.Header{"X-Application": {"app"}, "authorization": {"Bearer stale"}}

	t.Run("basic", func(t *testing.T) {
		token, err := c.ClientCredentials(t.Context())
		require.NoError(t, err)
		require.Equal(t, "a", token.Access.Reveal())
		require.Equal(t, "Bearer a", token.Header().Reveal())
		require.WithinDuration(t, time.Now().Add(time.Minute), token.Expiry, 5*time.Second)
		user, pass, ok := got.BasicAuth()
		require.True(t, ok)
		require.Equal(t, "app%3A1", user)
		require.Equal(t, url.QueryEscape(secret), pass)
		require.Equal(t, url.Values{
			"grant_type": {"client_credentials"}, "scope": {"read write"},
			"resource": {"https://a", "https://b"},
		}, got.PostForm)
		require.Equal(t, "app", got.Header.Get("X-Application"))
		require.Len(t, got.Header.Values("Authorization"), 1)
	})
	t.Run("post", func(t *testing.T) {
		post := *c
		post.Auth = grant.Post(core.NewSecret(secret))
		_, err := post.ClientCredentials(t.Context())
		require.NoError(t, err)
		require.Empty(t, got.Header.Get("Authorization"))
		require.Equal(t, []string{"app:1"}, got.PostForm["client_id"])
		require.Equal(t, []string{secret}, got.PostForm["client_secret"])
	})
	t.Run("public client", func(t *testing.T) {
		public := *c
		public.Auth = nil
		token, err := public.Refresh(t.Context(), core.NewSecret("r1"))
		require.NoError(t, err)
		require.Equal(t, "r1", token.Refresh.Reveal(), "the old one is kept")
		require.Empty(t, got.Header.Get("Authorization"))
		require.Equal(t, []string{"app:1"}, got.PostForm["client_id"])
		require.NotContains(t, got.PostForm, "client_secret")
		require.Equal(t, []string{"refresh_token"}, got.PostForm["grant_type"])
		require.Equal(t, []string{"r1"}, got.PostForm["refresh_token"])
	})
}

func TestSettingsFaults(t *testing.T) {
	for name, c := range map[string]grant.Client{
		"no URL":      {},
		"no scheme":   {TokenURL: "login.example.com/token"},
		"user in URL": {TokenURL: "https://me:hunter2@login.example.com/token"},
		"fragment":    {TokenURL: "https://login.example.com/token#x"},
		"bad URL":     {TokenURL: "https://hunter2\x7f/"},
		"plain HTTP":  {TokenURL: "http://login.example.com/token"},
		"own parameter": {TokenURL: "https://login.example.com/token",
			Params: url.Values{"grant_type": {"password"}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.ClientCredentials(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := (&grant.Client{TokenURL: "https://login.example.com/token"}).Refresh(t.Context(),
		core.Secret{})
	require.ErrorIs(t, err, core.CodeBadConfig)
}

func TestAnswers(t *testing.T) {
	const page = "text/html"
	const doc = "application/json"
	for _, tt := range []struct {
		name        string
		status      int
		contentType string
		body        string
		code        core.Code
		text        string
	}{
		{"invalid_client 400", 400, doc,
			`{"error":"invalid_client","error_description":"no such client"}`, core.CodeDenied,
			"400: invalid_client (no such client)"},
		{"invalid_client 401", 401, doc, `{"error":"invalid_client"}`, core.CodeDenied, "invalid_client"},
		{"invalid_client 403", 403, doc, `{"error":"invalid_client"}`, core.CodeDenied, "invalid_client"},
		{"empty 400", 400, doc, "", core.CodeDenied, "answers 400"},
		{"empty 401", 401, doc, "", core.CodeDenied, "answers 401"},
		{"empty 403", 403, doc, "", core.CodeUnavailable, "answers 403"},
		{"invalid_scope", 400, doc, `{"error":"invalid_scope"}`, core.CodeBadConfig, "invalid_scope"},
		{"error at 200", 200, doc, `{"error":"invalid_client","error_description":"x"}`, core.CodeDenied,
			"invalid_client (x)"},
		{"error at 200 beside a token", 200, doc, `{"error":"server_error","access_token":"a"}`,
			core.CodeUnavailable, "server_error"},
		{"error object at 200", 200, doc, `{"error":{"code":5},"access_token":"a"}`, core.CodeDenied,
			"the answer is an error"},
		{"secret echoed", 400, doc,
			`{"error":"invalid_client","error_description":"wrong secret ` + secret + `"}`, core.CodeDenied,
			"invalid_client"},
		{"basic echoed", 401, doc,
			`{"error":"invalid_client","error_description":"` + basicOf("app:1", secret) + `"}`, core.CodeDenied,
			"invalid_client"},
		{"secret echoed at 200", 200, doc, `{"error":"` + secret + `"}`, core.CodeDenied,
			"the answer is an error"},
		{"page", 200, page, "<html>" + secret + "</html>", core.CodeUnavailable, "not a JSON object"},
		{"page at 502", 502, page, "<html>" + secret + "</html>", core.CodeUnavailable, "answers 502"},
		{"not found", 404, page, "<html>", core.CodeBadConfig, "answers 404"},
		{"empty", 200, doc, "", core.CodeUnavailable, "empty"},
		{"no content", 204, doc, "", core.CodeUnavailable, "empty"},
		{"no token", 200, doc, `{"expires_in":60}`, core.CodeUnavailable, "no access_token"},
		{"null token", 200, doc, `{"access_token":null}`, core.CodeUnavailable, "no access_token"},
		{"number for a token", 200, doc, `{"access_token":5}`, core.CodeUnavailable,
			"access_token is not a string"},
		{"other case", 200, doc, `{"Access_Token":"a"}`, core.CodeUnavailable, "no access_token"},
		{"a list", 200, doc, `["a"]`, core.CodeUnavailable, "not a JSON object"},
		{"cut", 200, doc, `{"access_token":"a`, core.CodeUnavailable, "not valid JSON"},
		{"DPoP", 200, doc, `{"access_token":"a","token_type":"DPoP"}`, core.CodeBadConfig, "type DPoP"},
		{"mac", 200, doc, `{"access_token":"a","token_type":"mac"}`, core.CodeBadConfig, "type mac"},
		{"unknown type", 200, doc, `{"access_token":"a","token_type":"` + secret + `"}`, core.CodeBadConfig,
			"unknown type"},
		{"newline in token", 200, doc, `{"access_token":"a\r\nX: y"}`, core.CodeUnavailable,
			"may not be sent"},
		{"NUL in token", 200, doc, `{"access_token":"a\u0000"}`, core.CodeUnavailable, "may not be sent"},
		{"space in token", 200, doc, `{"access_token":"a b"}`, core.CodeUnavailable, "may not be sent"},
		{"letters beyond ASCII in token", 200, doc, `{"access_token":"é"}`, core.CodeUnavailable,
			"may not be sent"},
		{"control character in refresh token", 200, doc, `{"access_token":"a","refresh_token":"\n"}`,
			core.CodeUnavailable, "refresh_token"},
		{"10 MB", 200, doc, `{"access_token":"` + strings.Repeat("a", 10<<20) + `"}`, core.CodeUnavailable,
			"more than 1024 KiB"},
		{"10 MB refusal", 400, doc, strings.Repeat("a", 10<<20), core.CodeUnavailable, "answers 400"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			requests := 0
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				requests++
				reply(tt.status, tt.contentType, tt.body)(w, r)
			})
			_, err := c.ClientCredentials(t.Context())
			require.ErrorIs(t, err, tt.code)
			require.ErrorContains(t, err, tt.text)
			require.ErrorContains(t, err, "http://127.0.0.1:", "it names the server")
			requireClean(t, err)
			require.Equal(t, 1, requests, "nothing is probed or repeated")
		})
	}
}

func basicOf(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" +
		url.QueryEscape(secret)))
}

// requireClean checks that err shows no secret, however it is printed.
func requireClean(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{fmt.Sprintf("%v", e), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e),
			fmt.Sprintf("%q", e)} {
			require.NotContains(t, text, secret)
			require.NotContains(t, text, url.QueryEscape(secret))
			require.NotContains(t, text, basicOf("app:1", secret))
		}
	}
}

func TestLifetimes(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for raw, want := range map[string]time.Duration{
		`60`: time.Minute, `"60"`: time.Minute, `60.9`: time.Minute, `"60.9"`: time.Minute,
		`6e1`: time.Minute,
		`0.4`: time.Second, `0`: 0, `-5`: 0, `"-5"`: 0, `"soon"`: 0, `null`: 0, `""`: 0, `{}`: 0,
		`true`: 0, `"NaN"`: 0, `"Inf"`: 0,
		`1000000000000000000`: 10 * year, `1e300`: 10 * year, `"1e999"`: 10 * year, `1e999`: 10 * year,
		`-1e999`: 0, `1e-999`: 0,
	} {
		t.Run(raw, func(t *testing.T) {
			c := serve(t, reply(200, "application/json", `{"access_token":"a","expires_in":`+raw+`}`))
			token, err := c.ClientCredentials(t.Context())
			require.NoError(t, err)
			if want == 0 {
				require.True(t, token.Expiry.IsZero())
				return
			}
			require.WithinDuration(t, time.Now().Add(want), token.Expiry, 5*time.Second)
		})
	}
}

func TestFormAnswer(t *testing.T) {
	c := serve(t,
		reply(200, "application/x-www-form-urlencoded",
			"access_token=a&token_type=BEARER&expires_in=60&refresh_token=r"))
	token, err := c.ClientCredentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "a", token.Access.Reveal())
	require.Equal(t, "r", token.Refresh.Reveal())
	require.False(t, token.Expiry.IsZero())
}

func TestRetryAfter(t *testing.T) {
	for _, status := range []int{429, 503} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		})
		_, err := c.ClientCredentials(t.Context())
		var e *core.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, core.CodeUnavailable, e.Code)
		require.Equal(t, 7*time.Second, e.RetryAfter)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the request was sent elsewhere")
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{other.URL + "/?secret=x",
			"http://%zz" + url.QueryEscape(secret), ""} {
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			c.HTTP = &http.Client{} // one that would follow
			_, err := c.ClientCredentials(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, "nothing was sent there")
			require.NotContains(t, err.Error(), "?secret")
			requireClean(t, err)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for name, h := range map[string]http.HandlerFunc{
		"hang": func(_ http.ResponseWriter, r *http.Request) { wait(r, release) },
		"slow drip": func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":`))
			_ = http.NewResponseController(w).Flush()
			wait(r, release)
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := serve(t, h)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			start := time.Now()
			_, err := c.ClientCredentials(ctx)
			require.ErrorIs(t, err, core.CodeUnavailable)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Less(t, time.Since(start), 20*time.Second)
		})
	}
	t.Run("reset", func(t *testing.T) {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_ = conn.(*net.TCPConn).SetLinger(0)
				_ = conn.Close()
			}
		})
		_, err := c.ClientCredentials(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
	})
	t.Run("body shorter than announced", func(t *testing.T) {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"access_token":"a"}`))
		})
		_, err := c.ClientCredentials(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
	})
	t.Run("cancelled before", func(t *testing.T) {
		c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := c.ClientCredentials(ctx)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// wait ends when the client has gone, which a server sees once it has read the
// body.
func wait(r *http.Request, release <-chan struct{}) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-release:
	}
}

func TestUntrustedCertificate(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter,
		*http.Request) {
		t.Error("sent")
	}))
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	t.Cleanup(srv.Close)
	c := grant.Client{TokenURL: srv.URL, ID: "app", Auth: grant.Basic(core.NewSecret(secret))}
	_, err := c.ClientCredentials(t.Context())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "certificate")
}

func ExampleClient_ClientCredentials() {
	srv := httptest.NewServer(reply(200, "application/json",
		`{"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"Bearer","expires_in":"3600"}`))
	defer srv.Close()

	c := grant.Client{TokenURL: srv.URL + "/token", ID: "app",
		Auth: grant.Basic(core.NewSecret("hunter2"))}
	token, err := c.ClientCredentials(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(token.Access, time.Until(token.Expiry).Round(time.Minute))
	// Output: REDACTED 1h0m0s
}

func TestIsScope(t *testing.T) {
	for s, want := range map[string]bool{
		"read": true, "invoices.read": true, "https://api.example.com/read": true,
		"": false, "a b": false, "a\"b": false, `a\b`: false, "é": false, "a\n": false,
	} {
		require.Equal(t, want, grant.IsScope(s), s)
	}
}
