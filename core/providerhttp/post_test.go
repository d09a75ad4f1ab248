package providerhttp_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
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

func TestPostSends(t *testing.T) {
	var kind, body string
	var header http.Header
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		kind, body, header = r.Method+" "+r.Header.Get("Content-Type"), string(b), r.Header
		_, _ = io.WriteString(w, `{"token": "t", "more": 1}`)
	}))
	defer s.Close()
	key := core.NewSecret("k&y")
	for name, tc := range map[string]struct {
		call       providerhttp.Call
		kind, body string
	}{
		"nothing": {providerhttp.Call{}, "POST application/json", `{}`},
		"a form": {
			providerhttp.Call{Form: map[string]any{
				"key": key, "scope": []string{"a", "b"}, "n": 7, "on": true, "text": "x y",
			}},
			"POST application/x-www-form-urlencoded", "key=k%26y&n=7&on=true&scope=a&scope=b&text=x+y",
		},
		"JSON": {
			providerhttp.Call{JSON: map[string]any{
				"key": key, "deep": map[string]any{"list": []any{key, 1, nil, "x"}}, "names": []string{"a"},
			}},
			"POST application/json",
			`{"deep":{"list":["k\u0026y",1,null,"x"]},"key":"k\u0026y","names":["a"]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.call.URL = s.URL
			tc.call.Header = map[string]core.Secret{"X-Key": core.NewSecret("abc")}
			var answer struct{ Token core.Secret }
			require.NoError(t, providerhttp.Post(t.Context(), core.Request{}, tc.call, &answer))
			require.Equal(t, "t", answer.Token.Reveal())
			require.Equal(t, tc.kind, kind)
			require.Equal(t, tc.body, body)
			require.Equal(t, "abc", header.Get("X-Key"))
			require.NoError(t, providerhttp.Post(t.Context(), core.Request{}, tc.call, nil))
		})
	}
	t.Run("what cannot be sent", func(t *testing.T) {
		body = ""
		for _, call := range []providerhttp.Call{
			{URL: s.URL, JSON: map[string]any{"key": struct{ Key core.Secret }{key}}},
			{URL: s.URL, JSON: map[string]any{"key": []any{map[string]any{"deep": &key}}}},
			{URL: s.URL, JSON: map[string]any{"key": []core.Secret{key}}},
			{URL: s.URL, JSON: map[string]any{"n": math.Inf(1)}},
			{URL: s.URL, Form: map[string]any{"key": []any{key}}},
			{URL: "\x00"}, {URL: "office"}, {URL: ""}, {URL: "http://office.example.com"},
		} {
			err := providerhttp.Post(t.Context(), core.Request{}, call, nil)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.Empty(t, body, "nothing is sent")
		}
	})
}

func TestPostReads(t *testing.T) {
	for name, tc := range map[string]struct {
		status int
		body   string
		code   core.Code
		want   string
	}{
		"not JSON":     {200, "<html>", core.CodeUnavailable, "is not the expected JSON"},
		"nothing":      {200, "", core.CodeUnavailable, "is not the expected JSON"},
		"another type": {200, `{"token": ["c4n4ry-v4lu3"]}`, core.CodeUnavailable, "is not the expected JSON"},
		"an error": {
			200, `{"error": "invalid_grant", "error_description": "spent"}`, core.CodeDenied,
			": the answer is an error: invalid_grant (spent)",
		},
		"a refusal": {401, `{"error": "invalid_client"}`, core.CodeDenied, " answers 401: invalid_client"},
		"a refusal that repeats the key": {
			401, `{"error": "no", "error_description": "c4n4\u200bry-v4lu3"}`, core.CodeDenied, " answers 401: no",
		},
		"an outage": {500, "", core.CodeUnavailable, " answers 500"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tc.status)
				_, _ = io.WriteString(w, tc.body)
			}))
			defer s.Close()
			body := map[string]any{"key": core.NewSecret(canary)}
			call := providerhttp.Call{URL: s.URL + "/login", JSON: body}
			var answer struct{ Token core.Secret }
			err := providerhttp.Post(t.Context(), core.Request{}, call, &answer)
			require.ErrorIs(t, err, tc.code)
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, s.URL)
			require.NotContains(t, err.Error(), "/login")
			require.NotContains(t, err.Error(), "4n4")
		})
	}
}

func TestPostRepeats(t *testing.T) {
	for _, spends := range []bool{false, true} {
		var requests atomic.Int32
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if requests.Add(1) == 1 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			_, _ = io.WriteString(w, `{}`)
		}))
		defer s.Close()
		call := providerhttp.Call{URL: s.URL, SpendsNothing: !spends}
		err := providerhttp.Post(t.Context(), core.Request{MayRetry: true}, call, nil)
		require.Equal(t, spends, err != nil, "%v", err)
	}
}

// TestHostileServers checks servers that bring the secret of a request into
// what a client's own errors quote, in all that an error wraps.
func TestHostileServers(t *testing.T) {
	raw := func(answer string) string { return strings.ReplaceAll(answer, "KEY", canary) }
	for name, answer := range map[string]string{
		"a status line":       "KEY\r\n\r\n",
		"a status":            "HTTP/1.1 KEY no\r\n\r\n",
		"a reason":            "HTTP/1.1 401 KEY\r\n\r\n",
		"a header":            "HTTP/1.1 200 OK\r\nKEY\r\n\r\n",
		"a header's name":     "HTTP/1.1 200 OK\r\nKEY\x00: x\r\n\r\n",
		"a length":            "HTTP/1.1 200 OK\r\nContent-Length: KEY\r\n\r\n",
		"an encoding":         "HTTP/1.1 200 OK\r\nTransfer-Encoding: KEY\r\n\r\n",
		"a chunk":             "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nKEY\r\n",
		"a wrong Location":    "HTTP/1.1 302 Found\r\nLocation: http://[::1/KEY\r\nContent-Length: 0\r\n\r\n",
		"a Location's host":   "HTTP/1.1 302 Found\r\nLocation: http://KEY.example/\r\nContent-Length: 0\r\n\r\n",
		"a Location's scheme": "HTTP/1.1 302 Found\r\nLocation: KEY:x\r\nContent-Length: 0\r\n\r\n",
		"hex in a host": "HTTP/1.1 302 Found\r\nLocation: http://" +
			hex.EncodeToString([]byte(canary)) + ".example/\r\nContent-Length: 0\r\n\r\n",
		"a type": "HTTP/1.1 200 OK\r\nContent-Type: KEY\r\nContent-Length: 2\r\n\r\nno",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(t, err)
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = conn.Read(make([]byte, 4096))
					_, _ = io.WriteString(conn, raw(answer))
					_ = conn.Close()
				}
			}()
			form := map[string]any{"key": core.NewSecret(canary)}
			call := providerhttp.Call{URL: "http://" + l.Addr().String(), Form: form}
			err = providerhttp.Post(t.Context(), core.Request{}, call, new(struct{}))
			require.Error(t, err)
			require.NotZero(t, core.CodeOf(err))
			for ; err != nil; err = errors.Unwrap(err) {
				for i := 0; i+8 <= len(canary); i++ {
					require.NotContains(t, strings.ToLower(fmt.Sprintf("%v %+v", err, err)), canary[i:i+8])
				}
				require.NotContains(t, err.Error(), hex.EncodeToString([]byte(canary))[:16])
			}
		})
	}
}

func TestLifetime(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for in, want := range map[string]time.Duration{
		`60`: time.Minute, `"60"`: time.Minute, `59.9`: 59 * time.Second, `0.5`: time.Second, `" 7 "`: 7 * time.Second,
		`0`: 0, `-5`: 0, `null`: 0, `""`: 0, `"soon"`: 0, `true`: 0, `{}`: 0, `[60]`: 0, `"NaN"`: 0, `"-Inf"`: 0, `"Inf"`: 0,
		`1e30`: 10 * year, `1e999`: 10 * year, `"9999999999999999999"`: 10 * year,
	} {
		var answer struct{ Seconds providerhttp.Lifetime }
		require.NoError(t, json.Unmarshal([]byte(`{"seconds":`+in+`}`), &answer), in)
		require.Equal(t, want, time.Duration(answer.Seconds), in)
		if want == 0 {
			require.Zero(t, answer.Seconds.Expiry(), in)
		} else {
			require.WithinDuration(t, time.Now().Add(want), answer.Seconds.Expiry(), 10*time.Second, in)
		}
	}
}

func FuzzLifetime(f *testing.F) {
	for _, s := range []string{"60", `"60"`, "1e999", "-0", `"0x1p9"`, "null"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var l providerhttp.Lifetime
		if err := l.UnmarshalJSON(b); err != nil || l < 0 || time.Duration(l) > 10*365*24*time.Hour {
			t.Fatal(err, l)
		}
		if l > 0 && time.Duration(l) < time.Second {
			t.Fatal(l)
		}
	})
}

func TestAuthorization(t *testing.T) {
	c, err := providerhttp.Authorization("Bearer", core.NewSecret("abc"), providerhttp.Lifetime(time.Minute))
	require.NoError(t, err)
	require.Equal(t, "Bearer abc", c.Attach.Header["Authorization"].Reveal())
	require.WithinDuration(t, time.Now().Add(time.Minute), c.Expiry, 10*time.Second)
	for _, token := range []string{"", "a b", "a\r\nb", "é", "a\x00"} {
		c, err := providerhttp.Authorization("Bearer", core.NewSecret(token), 0)
		require.ErrorIs(t, err, core.CodeUnavailable, "%q", token)
		require.Zero(t, c)
	}
}

// A login that answers with a token and its lifetime.
func ExamplePost() {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"access_token": "abc", "expires_in": 3600}`)
	}))
	defer s.Close()
	login := func(ctx context.Context, req core.Request) (core.Credential, error) {
		var answer struct {
			Token   core.Secret           `json:"access_token"`
			Seconds providerhttp.Lifetime `json:"expires_in"`
		}
		err := providerhttp.Post(ctx, req, providerhttp.Call{
			URL:  s.URL,
			Form: map[string]any{"user": "me", "password": core.NewSecret("hunter2")},
		}, &answer)
		if err != nil {
			return core.Credential{}, err
		}
		return providerhttp.Authorization("Bearer", answer.Token, answer.Seconds)
	}
	cred, err := login(context.Background(), core.Request{})
	fmt.Println(cred.Attach.Header["Authorization"].Reveal(), time.Until(cred.Expiry) > 59*time.Minute, err)
	// Output: Bearer abc true <nil>
}
