package acceptance

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
)

// stranger is a server that is not the API's, and notes what reaches it.
type stranger struct {
	*httptest.Server
	mu  sync.Mutex
	got []string
}

func newStranger(t *testing.T) *stranger {
	s := &stranger{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.got = append(s.got, fmt.Sprint(r.URL, r.Header))
	}))
	t.Cleanup(s.Close)
	return s
}

// seen returns what has reached the server, and forgets it.
func (s *stranger) seen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := strings.Join(s.got, "\n")
	s.got = nil
	return out
}

// startMoved serves a WebSocket at /here, and redirects the handshakes of other paths to a
// stranger.
func startMoved(t *testing.T, to *stranger, status int) (url string) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/here") {
			http.Redirect(w, r, to.URL+"/login", status)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		key := r.Header.Get("X-Key") + r.URL.Query().Get("key") + r.Header.Get("X-Marquee-Csrf-Token")
		_ = conn.Write(r.Context(), websocket.MessageText, []byte(key))
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}))
	t.Cleanup(api.Close)
	return api.URL
}

// everywhere puts a secret at each place where a credential can have one.
var everywhere = core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
	secret := map[string]core.Secret{"X-Key": core.NewSecret("canary")}
	return core.Credential{Attach: core.Attachment{
		Header: secret, Cookie: secret, Query: map[string]core.Secret{"key": core.NewSecret("canary")},
	}}, nil
})

func greeting(ctx context.Context, url string, opts *websocket.DialOptions) (string, error) {
	conn, _, err := websocket.Dial(ctx, url, opts)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.CloseNow() }()
	_, message, err := conn.Read(ctx)
	return string(message), err
}

// TestHandshakesAreNotRedirected proves with coder/websocket, which follows redirects, that the
// client for handshakes brings no credential to another host, whether or not the request was
// authorized before; and that one that follows does.
func TestHandshakesAreNotRedirected(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		elsewhere := newStranger(t)
		api := startMoved(t, elsewhere, status)
		ctx := t.Context()
		s := core.New("chat", everywhere, &core.Options{Origins: []string{api}})
		require.NoError(t, s.Init(ctx))
		authorized := func(path string) (string, http.Header) {
			r, err := http.NewRequestWithContext(ctx, http.MethodGet, api+path, nil)
			require.NoError(t, err)
			require.NoError(t, s.Authorize(ctx, r))
			return r.URL.String(), r.Header
		}

		_, err := greeting(ctx, api+"/moved", &websocket.DialOptions{HTTPClient: s.HandshakeClient()})
		require.ErrorContains(t, err, fmt.Sprint(status))
		url, header := authorized("/moved")
		both := &websocket.DialOptions{HTTPClient: s.HandshakeClient(), HTTPHeader: header}
		_, err = greeting(ctx, url, both)
		require.Error(t, err)
		view := s.For(core.Need{}).HandshakeClient()
		_, err = greeting(ctx, url, &websocket.DialOptions{HTTPClient: view, HTTPHeader: header})
		require.Error(t, err)
		require.Empty(t, elsewhere.seen())

		for _, opts := range []*websocket.DialOptions{{HTTPClient: s.HandshakeClient()}, both} {
			got, err := greeting(ctx, api+"/here", opts)
			require.NoError(t, err)
			require.Equal(t, "canarycanary", got)
		}

		_, err = greeting(ctx, url, &websocket.DialOptions{HTTPHeader: header})
		require.Error(t, err)
		require.Contains(t, elsewhere.seen(), "canary", "why the client must not follow")
		require.NoError(t, s.Close(ctx))
	}
}

// TestHandshakesOfGSAreNotRedirected proves the same of the headers that gs.WebSocket returns.
func TestHandshakesOfGSAreNotRedirected(t *testing.T) {
	t.Parallel()
	elsewhere := newStranger(t)
	api := startMoved(t, elsewhere, http.StatusTemporaryRedirect)
	ctx := t.Context()
	s, err := gs.Get(gs.Prod, gs.Config{
		GSSSO: core.NewSecret("canary"), CSRFToken: core.NewSecret("csrf-canary"),
		APIURL: api, TokenURL: api + "/token",
	}, nil)
	require.NoError(t, err)
	require.NoError(t, s.Init(ctx))
	defer func() { require.NoError(t, s.Close(context.Background())) }()
	for path, want := range map[string]string{"/here": "csrf-canary", "/moved": ""} {
		url, header, err := s.WebSocket(ctx, path, nil)
		require.NoError(t, err)
		got, err := greeting(ctx, url,
			&websocket.DialOptions{HTTPClient: s.HandshakeClient(), HTTPHeader: header})
		require.Equal(t, want != "", err == nil, err)
		require.Equal(t, want, got)
		require.Empty(t, elsewhere.seen())
	}
}
