package providerhttp_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// roundTripper is a transport that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// recorder wraps transports and keeps the paths of what passes.
type recorder struct {
	made  atomic.Int64
	mu    sync.Mutex
	paths []string
}

func (rec *recorder) wrap(base http.RoundTripper) http.RoundTripper {
	rec.made.Add(1)
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		rec.mu.Lock()
		rec.paths = append(rec.paths, r.URL.Path)
		rec.mu.Unlock()
		return base.RoundTrip(r)
	})
}

func (rec *recorder) seen() []string {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.paths
}

// postings is a provider that posts to a server for each of its calls.
type postings struct {
	server string
	client *http.Client // nil: one for each call
}

func (p *postings) post(ctx context.Context, req core.Request, path string) error {
	call := providerhttp.Call{
		URL: p.server + path, Client: p.client,
		Form: map[string]any{"secret": core.NewSecret("C4n4ry-Secret")},
	}
	return providerhttp.Post(ctx, req, call, nil)
}

func (p *postings) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	h := map[string]core.Secret{"Authorization": core.NewSecret("Bearer t")}
	return core.Credential{Attach: core.Attachment{Header: h}}, p.post(ctx, req, "/token")
}

func (p *postings) Revoke(ctx context.Context, _ core.Credential) error {
	return p.post(ctx, core.Request{}, "/revoke")
}

// answering starts a server that answers everything with an empty object.
func answering(t *testing.T) (url string, connections *atomic.Int64) {
	connections = new(atomic.Int64)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, "{}")
	}))
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			connections.Add(1)
		case http.StateClosed, http.StateHijacked:
			connections.Add(-1)
		}
	}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv.URL, connections
}

// The wrapper is made once for a session and sees the provider's requests,
// revocations too, but none of the API's and none of other sessions.
func TestAuthTransport(t *testing.T) {
	server, connections := answering(t)
	for name, client := range map[string]*http.Client{
		"a client for each call": nil, "one client": providerhttp.NewClient(nil),
	} {
		t.Run(name, func(t *testing.T) {
			rec, other := &recorder{}, &recorder{}
			p := &postings{server, client}
			s := core.New("api", p, &core.Options{AuthTransport: rec.wrap, Origins: []string{server}})
			bystander := core.New("none", p, nil)
			second := core.New("second", p, &core.Options{AuthTransport: other.wrap})
			require.Zero(t, rec.made.Load(), "it is made when it is needed")
			for range 2 {
				require.NoError(t, s.Init(t.Context()))
				require.NoError(t, bystander.Init(t.Context()))
				require.NoError(t, s.Renew(t.Context()))
				resp, err := s.Client().Get(server + "/api")
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.NoError(t, s.Close(t.Context()))
				require.NoError(t, bystander.Close(t.Context()))
			}
			require.NoError(t, second.Init(t.Context()))
			require.NoError(t, second.Close(t.Context()))
			require.Equal(t, []string{"/token", "/token", "/revoke", "/token", "/token", "/revoke"}, rec.seen())
			require.EqualValues(t, 1, rec.made.Load())
			require.Equal(t, []string{"/token", "/revoke"}, other.seen())
			require.Eventually(t, func() bool { return connections.Load() == 0 }, 20*time.Second,
				time.Millisecond, "no connection is kept")
		})
	}
}

// A session's attempt that another one's attempt causes has its own wrapper, also if
// it takes the values of that one's context.
func TestAuthTransportIsNotInherited(t *testing.T) {
	server, _ := answering(t)
	rec := &recorder{}
	same := func(ctx context.Context, _ core.Event) context.Context { return ctx }
	front := core.New("front", &postings{server: server}, &core.Options{Begin: same})
	s := core.New("api", &postings{server: server}, &core.Options{
		AuthTransport: rec.wrap, Begin: same, Inputs: map[string]*core.Session{"subject": front},
	})
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, []string{"/token"}, rec.seen(), "not the input's")

	nested := core.New(
		"nested",
		core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
			inner := core.New("inner", &postings{server: server}, &core.Options{Begin: same})
			if err := inner.Init(ctx); err != nil {
				return core.Credential{}, err
			}
			defer inner.Close(ctx)
			return inner.Credential(ctx)
		}),
		&core.Options{AuthTransport: rec.wrap},
	)
	require.NoError(t, nested.Init(t.Context()))
	require.Len(t, rec.seen(), 1)
}

// The values that Begin gives reach the wrapper's requests.
func TestAuthTransportSeesTheSpan(t *testing.T) {
	type key struct{}
	server, _ := answering(t)
	var span any
	s := core.New("api", &postings{server: server}, &core.Options{
		Begin: func(ctx context.Context, _ core.Event) context.Context {
			return context.WithValue(ctx, key{}, "span")
		},
		AuthTransport: func(base http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				span = r.Context().Value(key{})
				return base.RoundTrip(r)
			})
		},
	})
	require.NoError(t, s.Init(t.Context()))
	require.Equal(t, "span", span)
}

// A wrapper that is none, or that does not do its part, is an error with a code. It
// shows nothing of the request, and a request that may have been sent is not sent
// again.
func TestBadAuthTransports(t *testing.T) {
	server, _ := answering(t)
	calls := new(atomic.Int64)
	does := func(f roundTripper) func(http.RoundTripper) http.RoundTripper {
		return func(http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				calls.Add(1)
				return f(r)
			})
		}
	}
	for name, tc := range map[string]struct {
		wrap func(http.RoundTripper) http.RoundTripper
		code core.Code
		says string
	}{
		"nil": {func(http.RoundTripper) http.RoundTripper { return nil }, core.CodeBadConfig, "made no transport"},
		"panics": {func(http.RoundTripper) http.RoundTripper {
			panic("C4n4ry-Secret")
		}, core.CodeBadConfig, "made no transport"},
		"an error that quotes the request": {does(func(r *http.Request) (*http.Response, error) {
			text, _ := io.ReadAll(r.Body)
			return nil, fmt.Errorf("no recording of %s", text)
		}), core.CodeUnavailable, "an error of its own (*errors.errorString)"},
		"no answer": {does(func(*http.Request) (*http.Response, error) {
			return nil, nil
		}), core.CodeBadConfig, "no answer"},
		"a request that panics": {does(func(*http.Request) (*http.Response, error) {
			panic("C4n4ry-Secret")
		}), core.CodeUnavailable, "the provider panicked (string)"},
		"another context": {func(base http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				calls.Add(1)
				return base.RoundTrip(r.WithContext(context.Background()))
			})
		}, core.CodeBadConfig, "without the context"},
		"an error after an answer": {func(base http.RoundTripper) http.RoundTripper {
			return roundTripper(func(r *http.Request) (*http.Response, error) {
				calls.Add(1)
				resp, err := base.RoundTrip(r)
				if err == nil {
					_ = resp.Body.Close()
				}
				return nil, errors.New("C4n4ry-Secret")
			})
		}, core.CodeUnavailable, "an error of its own"},
		"an answer without a body": {does(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}}, nil
		}), 0, ""},
		"an answer of its own": {does(func(*http.Request) (*http.Response, error) {
			return &http.Response{
				StatusCode: 200,
				Header:     http.Header{},
				Body:       io.NopCloser(strings.NewReader("{}")),
			}, nil
		}), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			calls.Store(0)
			s := core.New("api", &postings{server: server}, &core.Options{AuthTransport: tc.wrap})
			err := s.Init(t.Context())
			if tc.code == 0 {
				require.NoError(t, err)
				return
			}
			require.ErrorIs(t, err, tc.code)
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "C4n4ry")
			require.LessOrEqual(t, calls.Load(), int64(1))
		})
	}
}

// Through a wrapper, a connection that cannot be opened is tried again, and one that
// breaks is not.
func TestRetriesThroughAnAuthTransport(t *testing.T) {
	rec := &recorder{}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	closed := "http://" + listener.Addr().String()
	require.NoError(t, listener.Close())
	s := core.New("api", &postings{server: closed}, &core.Options{AuthTransport: rec.wrap, Timeout: 2 * time.Second})
	err = s.Init(t.Context())
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "connect")
	require.GreaterOrEqual(t, len(rec.seen()), 2)

	rec = &recorder{}
	f := newFlaky(t, true)
	f.fails.Store(10)
	s = core.New("api", &postings{server: f.URL}, &core.Options{AuthTransport: rec.wrap})
	require.ErrorIs(t, s.Init(t.Context()), core.CodeUnavailable)
	require.EqualValues(t, 1, f.requests.Load())
	require.Len(t, rec.seen(), 1)
}

func TestAuthTransportWithoutASession(t *testing.T) {
	base := roundTripper(nil)
	got, err := core.AuthTransport(t.Context(), base)
	require.NoError(t, err)
	require.Nil(t, got.(roundTripper))
}
