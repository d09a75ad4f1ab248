package gs_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

// api is a network with a token endpoint that answers well and an API that
// answers as the test says.
type api struct {
	*network
	mu      sync.Mutex
	tokens  int
	calls   []seen
	token   http.HandlerFunc // nil: a token
	handler http.HandlerFunc
}

func newAPI(t *testing.T, h http.HandlerFunc) *api {
	a := &api{handler: h}
	a.network = newNetwork(t, a)
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	a.mu.Lock()
	isToken := strings.HasSuffix(r.URL.Path, "/as/token.oauth2")
	if isToken {
		a.tokens++
	} else {
		a.calls = append(a.calls, seen{r.Method, r.Host, r.RequestURI, r.Header.Clone(), body})
	}
	n, token := a.tokens, a.token
	a.mu.Unlock()
	switch {
	case isToken && token != nil:
		token(w, r)
	case isToken:
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": "secret-token-%d", "token_type": "Bearer", "expires_in": 7199}`,
			n)
	default:
		a.handler(w, r)
	}
}

func (a *api) requests() []seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.calls
}

// session returns a session of the PROD environment, initialised.
func (a *api) session(t *testing.T, change func(*gs.Config)) *gs.Session {
	cfg := gs.Config{ClientID: "id", ClientSecret: core.NewSecret("sec"), CA: a.roots}
	if change != nil {
		change(&cfg)
	}
	s, err := gs.Get(gs.Prod, cfg, nil)
	require.NoError(t, err)
	require.NoError(t, s.Init(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func answer(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// failing answers the first n requests with a status, and then well.
func failing(n, status int, header ...string) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return
		}
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	}
}

func TestRetryRule(t *testing.T) {
	get := func(ctx context.Context, s *gs.Session) error { return s.Get(ctx, "/x", nil, nil) }
	post := func(ctx context.Context, s *gs.Session) error { return s.Post(ctx, "/x", nil, nil, nil) }
	for name, c := range map[string]struct {
		handler  http.HandlerFunc
		change   func(*gs.Config)
		call     func(context.Context, *gs.Session) error
		requests int
		min, max time.Duration
		want     error
	}{
		"503 once":  {failing(1, 503), nil, get, 2, 250 * time.Millisecond, time.Second, nil},
		"504 twice": {failing(2, 504), nil, get, 3, 750 * time.Millisecond, 3 * time.Second, nil},
		"502 for ever": {failing(99, 502), nil, get, 4, 1750 * time.Millisecond, 6 * time.Second,
			gs.RequestFailed},
		"Retry-After": {failing(1, 429, "Retry-After", "20"), nil, get, 2, 20 * time.Second,
			21 * time.Second, nil},
		"Retry-After, long": {failing(1, 429, "Retry-After", "31"), nil, get, 1, 0, time.Second,
			gs.RateLimited},
		"404":  {failing(1, 404), nil, get, 1, 0, time.Second, gs.RequestFailed},
		"501":  {failing(1, 501), nil, get, 1, 0, time.Second, gs.RequestFailed},
		"POST": {failing(1, 503), nil, post, 1, 0, time.Second, gs.RequestFailed},
		"PUT": {failing(1, 500), nil, func(ctx context.Context, s *gs.Session) error {
			return s.Put(ctx, "/x", map[string]int{"a": 1}, nil, nil)
		}, 2, 250 * time.Millisecond, time.Second, nil},
		"DELETE": {failing(1, 500), nil,
			func(ctx context.Context, s *gs.Session) error { return s.Delete(ctx, "/x", nil, nil) }, 2, 0,
			time.Second, nil},
		"off for the call": {failing(1, 503), nil, func(ctx context.Context, s *gs.Session) error {
			return s.Get(ctx, "/x", nil, &gs.Call{NoRetry: true})
		}, 1, 0, time.Second, gs.RequestFailed},
		"off for the session": {failing(1, 500), func(c *gs.Config) { c.NoRetry = true }, get, 1, 0,
			time.Second, gs.ServerFailed},
		"no time left": {failing(1, 429, "Retry-After", "20"), nil,
			func(ctx context.Context, s *gs.Session) error {
				ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
				defer cancel()
				return get(ctx, s)
			}, 1, 0, time.Second, gs.RateLimited},
		"broken connections": {hangUp(2), nil, get, 3, 750 * time.Millisecond, 3 * time.Second, nil},
		"broken POST":        {hangUp(1), nil, post, 1, 0, time.Second, core.CodeUnavailable},
		"hanging": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, nil,
			func(ctx context.Context, s *gs.Session) error {
				return s.Get(ctx, "/x", nil, &gs.Call{Timeout: 3 * time.Second})
			}, 1, 3 * time.Second, 4 * time.Second, context.DeadlineExceeded},
		"hanging, by default": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
			nil, get, 1, 65 * time.Second, 66 * time.Second, core.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, c.handler)
				s := a.session(t, c.change)
				began := time.Now()
				err := c.call(t.Context(), s)
				took := time.Since(began)
				if c.want == nil {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.want)
				}
				require.Len(t, a.requests(), c.requests)
				require.GreaterOrEqual(t, took, c.min)
				require.LessOrEqual(t, took, c.max)
			})
		})
	}
}

// hangUp ends the first n connections in the middle of an answer.
func hangUp(n int) http.HandlerFunc {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if n--; n < 0 {
			return
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		_, _ = io.WriteString(conn,
			"HTTP/1.1 200 OK\r\nContent-Length: 99\r\nContent-Type: application/json\r\n\r\n{")
		_ = conn.Close()
	}
}

func TestCancelledWhilePausing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, failing(9, 429, "Retry-After", "25"))
		s := a.session(t, nil)
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		require.ErrorIs(t, s.Get(ctx, "/x", nil, nil), gs.RateLimited)
		require.Equal(t, time.Second, time.Since(began).Round(100*time.Millisecond))
		require.Len(t, a.requests(), 1)
	})
}

func TestAPIErrors(t *testing.T) {
	long := strings.Repeat("x", 3000)
	for name, c := range map[string]struct {
		status            int
		contentType, body string
		kind              gs.Kind
		message           string
	}{
		"401": {401, "application/json", `{"error":"x"}`, gs.NotAuthenticated,
			`{"error":"x"}`},
		"403": {403, "application/json", `{"messages":["no"]}`, gs.NotAuthorized,
			`{"messages":["no"]}`},
		"404":          {404, "text/plain", "none", gs.RequestFailed, "none"},
		"429":          {429, "", "", gs.RateLimited, ""},
		"500 as HTML":  {500, "text/html; charset=utf-8", "<h1>boom</h1>", gs.ServerFailed, ""},
		"500, no type": {500, "", "<!DOCTYPE html><p>boom", gs.ServerFailed, ""},
		"504":          {504, "application/json", `{}`, gs.TimedOut, `{}`},
		"300":          {304, "", "", gs.RequestFailed, ""},
		"binary":       {400, "application/octet-stream", "\x00\x01", gs.RequestFailed, ""},
		"control":      {400, "text/plain", "a\r\n\x1b[2Jb\xff\u202e!", gs.RequestFailed, "a[2Jb!"},
		"long":         {400, "text/plain", long, gs.RequestFailed, long[:2048] + "…"},
		"token": {400, "application/json", `{"you sent":"Bearer secret-token-1"}`,
			gs.RequestFailed, `{"you sent":"Bearer REDACTED"}`},
		"token, then cut": {400, "text/plain",
			strings.Repeat("secret-token-1", 64<<10/14) + "secret-token-1", gs.RequestFailed,
			strings.Repeat("REDACTED", 256) + "…"},
		"token in parts": {400, "text/plain", "you sent secret\u200b-tok\u00aden-1", gs.RequestFailed,
			"you sent REDACTED"},
		"token in hex": {400, "text/plain", "you sent " + hex.EncodeToString([]byte("secret-token-1")),
			gs.RequestFailed, ""},
		"half a token":   {400, "text/plain", "you sent ret-toke", gs.RequestFailed, ""},
		"msgpack":        {400, "application/x-msgpack", "\x81\xa1a\x01", gs.RequestFailed, `{"a":1}`},
		"broken msgpack": {400, "application/x-msgpack", "\x81\xa1", gs.RequestFailed, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("X-Dash-Requestid", "req-7")
					w.Header().Set("Retry-After", "3")
					answer(c.status, c.contentType, c.body)(w, r)
				})
				s := a.session(t, nil)
				var id string
				err := s.Get(t.Context(), "/users/self?secret=1", nil, &gs.Call{NoRetry: true, RequestID: &id})
				var e *gs.APIError
				require.ErrorAs(t, err, &e)
				require.ErrorIs(t, err, c.kind)
				require.ErrorIs(t, err, gs.RequestFailed)
				require.NotErrorIs(t, err, core.CodeDenied)
				require.Equal(t, gs.APIError{
					Status: c.status, Method: "GET", URL: "https://api.gs.com/v1/users/self", RequestID: "req-7",
					Message: c.message, RetryAfter: 3 * time.Second,
				}, *e)
				require.Equal(t, "req-7", id)
				require.NotContains(t, err.Error(), "secret")
				require.Equal(t, c.kind, e.Kind())
			})
		})
	}
	require.Equal(t, "gs: GET https://a/v1/x: 404 Not Found, request r: gone",
		(&gs.APIError{Status: 404, Method: "GET", URL: "https://a/v1/x", RequestID: "r",
			Message: "gone"}).Error())
	require.Equal(t, "rate limited", gs.RateLimited.Error())
	require.Equal(t, "unknown", gs.Kind(99).Error())
}

func TestAnswers(t *testing.T) {
	type user struct {
		ID   string `json:"id"`
		Size int    `json:"size"`
	}
	packed, err := msgpack.Marshal(map[string]any{"id": "x", "size": 3})
	require.NoError(t, err)
	want := user{"x", 3}
	var u user
	var raw []byte
	var text string
	var whatever any
	for name, c := range map[string]struct {
		contentType, body string
		out               any
		want              any
		code              core.Code
	}{
		"JSON":               {"application/json; charset=utf-8", `{"id":"x","size":3}`, &u, &want, 0},
		"JSON by suffix":     {"application/vnd.gs+json", `{"id":"x","size":3}`, &u, &want, 0},
		"MessagePack":        {"application/x-msgpack", string(packed), &u, &want, 0},
		"JSON, raw":          {"application/json", `{"id":`, &raw, ptr([]byte(`{"id":`)), 0},
		"CSV as bytes":       {"text/csv", "a,b", &raw, ptr([]byte("a,b")), 0},
		"CSV as text":        {"text/csv", "a,b", &text, ptr("a,b"), 0},
		"CSV as anything":    {"text/csv", "a,b", &whatever, ptr(any([]byte("a,b"))), 0},
		"JSON as anything":   {"application/json", "[1]", &whatever, ptr(any([]any{1.0})), 0},
		"CSV as a struct":    {"text/csv", "a,b", &u, &user{}, core.CodeBadConfig},
		"broken JSON":        {"application/json", `{"id":`, &u, &user{}, core.CodeUnavailable},
		"another JSON":       {"application/json", `{"size":"three"}`, &u, &user{}, core.CodeUnavailable},
		"broken MessagePack": {"application/x-msgpack", "\x81\xa2i", &u, &user{}, core.CodeUnavailable},
		"nothing":            {"application/json", "", &u, &user{}, 0},
		"too much":           {"text/plain", strings.Repeat("x", 101), &text, ptr(""), core.CodeUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u, raw, text, whatever = user{}, nil, "", nil
				a := newAPI(t, answer(200, c.contentType, c.body))
				s := a.session(t, nil)
				err := s.Get(t.Context(), "/x?q=hidden", c.out, &gs.Call{MaxBody: 100})
				if c.code == 0 {
					require.NoError(t, err)
				} else {
					require.ErrorIs(t, err, c.code)
					require.ErrorContains(t, err, "gs: GET https://api.gs.com/v1/x: ")
				}
				require.Equal(t, c.want, c.out)
			})
		})
	}
}

func ptr[T any](v T) *T { return &v }

// The largest limit does not overflow.
func TestBoundless(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, answer(200, "text/plain", "all of it")).session(t, nil)
		var text string
		require.NoError(t, s.Get(t.Context(), "/x", &text, &gs.Call{MaxBody: math.MaxInt64}))
		require.Equal(t, "all of it", text)
	})
}

func TestPayloads(t *testing.T) {
	type filter struct {
		Name  string   `json:"name"`
		IDs   []string `json:"id"`
		Limit int      `json:"limit,omitempty"`
		Live  *bool    `json:"live"`
	}
	for name, c := range map[string]struct {
		payload any
		want    string
		code    core.Code
	}{
		"struct": {filter{Name: "A B", IDs: []string{"x", "y"}}, "/v1/x?p=0&id=x&id=y&name=A+B", 0},
		"pointer": {&filter{Name: "a", Limit: 7, Live: ptr(false)},
			"/v1/x?p=0&limit=7&live=false&name=a", 0},
		"values": {map[string][]string{"b": {"2"}, "a": {"1", "3"}}, "/v1/x?p=0&a=1&a=3&b=2", 0},
		"large": {map[string]any{"n": int64(12345678901234567)}, "/v1/x?p=0&n=12345678901234567",
			0},
		"empty":       {map[string]any{}, "/v1/x?p=0", 0},
		"nested":      {map[string]any{"a": map[string]any{}}, "", core.CodeBadConfig},
		"no object":   {[]int{1}, "", core.CodeBadConfig},
		"unencodable": {map[string]any{"f": func() {}}, "", core.CodeBadConfig},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, answer(200, "", ""))
				s := a.session(t, nil)
				err := s.Get(t.Context(), "x?p=0", nil, &gs.Call{Payload: c.payload})
				if c.code != 0 {
					require.ErrorIs(t, err, c.code)
					require.Empty(t, a.requests())
					return
				}
				require.NoError(t, err)
				require.Equal(t, c.want, a.requests()[0].target)
			})
		})
	}
}

func TestMsgPackBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAPI(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", r.Header.Get("Accept"))
			_, _ = io.Copy(w, r.Body)
		})
		s := a.session(t, nil)
		type doc struct {
			Name string    `json:"name"`
			List []float64 `json:"list"`
		}
		in, out := doc{"x", []float64{1.5, 2}}, doc{}
		require.NoError(t, s.Put(t.Context(), "/mp", in, &out, &gs.Call{MsgPack: true}))
		require.Equal(t, in, out)
		require.Equal(t, "application/x-msgpack", a.requests()[0].header.Get("Content-Type"))
		var back map[string]any
		require.Error(t, json.Unmarshal(a.requests()[0].body, &back))
		require.ErrorIs(t, s.Post(t.Context(), "/mp", func() {}, nil, &gs.Call{MsgPack: true}),
			core.CodeBadConfig)
		require.ErrorIs(t, s.Post(t.Context(), "/mp", func() {}, nil, nil), core.CodeBadConfig)
		require.Len(t, a.requests(), 1)
	})
}

func TestErrorsAreNotShared(t *testing.T) {
	require.False(t, errors.Is(&gs.APIError{Status: 404}, gs.NotAuthorized))
}
