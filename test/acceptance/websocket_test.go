package acceptance

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/test/servers"
)

// startChat serves a WebSocket that greets whoever the token speaks for.
func startChat(t *testing.T, pair servers.Pair, check servers.Check) (url string, handshakes *atomic.Int64) {
	t.Helper()
	handshakes = new(atomic.Int64)
	https := servers.StartTLS(t, pair, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handshakes.Add(1)
		subject, err := check(r.Context(), strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		if err != nil {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		_ = conn.Write(r.Context(), websocket.MessageText, []byte("hello "+subject))
		_ = conn.Close(websocket.StatusNormalClosure, "")
	}))
	return "wss" + strings.TrimPrefix(https, "https"), handshakes
}

// chat authorises a handshake as docs say for libraries that follow no redirect, and returns the
// greeting.
func chat(ctx context.Context, s *core.Session, ca *servers.CA, url string) (string, error) {
	handshake, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	if err := s.Authorize(ctx, handshake); err != nil {
		return "", err
	}
	transport := &http.Transport{TLSClientConfig: s.TLSConfig(&tls.Config{RootCAs: ca.Pool()})}
	defer transport.CloseIdleConnections()
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: handshake.Header,
	})
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.CloseNow() }()
	_, message, err := conn.Read(ctx)
	return string(message), err
}

func TestWebSocket(t *testing.T) {
	t.Parallel()
	ca := servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	url, handshakes := startChat(t, ca.Issue(t, "localhost"), z.Check)
	cfg := load(t, ca, zitadelConfig(z, ca, "https"+strings.TrimPrefix(url, "wss")))
	s := session(t, cfg, "service")

	_, err := chat(t.Context(), s, ca, url)
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.Zero(t, handshakes.Load())

	require.NoError(t, s.Init(t.Context()))
	greeting, err := chat(t.Context(), s, ca, url)
	require.NoError(t, err)
	require.Equal(t, "hello "+servers.ServiceID, greeting)

	// The server ends the token; the session is told and gets another.
	old, err := s.Credential(t.Context())
	require.NoError(t, err)
	z.RevokeAll()
	_, err = chat(t.Context(), s, ca, url)
	require.Error(t, err)
	s.Reject(old, `Bearer error="invalid_token"`)
	greeting, err = chat(t.Context(), s, ca, url)
	require.NoError(t, err)
	require.Equal(t, "hello "+servers.ServiceID, greeting)
	require.Equal(t, 2, z.TokenRequests())
}

func TestWebSocketRefusesForeignServers(t *testing.T) {
	t.Parallel()
	ca, stranger := servers.NewCA(t), servers.NewCA(t)
	z := servers.StartZitadel(t, ca, time.Minute)
	good, _ := startChat(t, ca.Issue(t, "localhost"), z.Check)
	cfg := load(t, ca, zitadelConfig(z, ca, "https"+strings.TrimPrefix(good, "wss")))
	s := initialised(t, cfg, "service")

	another, handshakes := startChat(t, ca.Issue(t, "localhost"), z.Check)
	_, err := chat(t.Context(), s, ca, another)
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.Zero(t, handshakes.Load())

	for name, pair := range map[string]servers.Pair{
		"another host": ca.Issue(t, "other", "other.example.com"),
		"self-signed":  stranger.Issue(t, "localhost"),
	} {
		t.Run(name, func(t *testing.T) {
			url, handshakes := startChat(t, pair, z.Check)
			cfg := load(t, ca, zitadelConfig(z, ca, "https"+strings.TrimPrefix(url, "wss")))
			_, err := chat(t.Context(), initialised(t, cfg, "service"), ca, url)
			require.ErrorContains(t, err, "certificate")
			require.Zero(t, handshakes.Load())
		})
	}

	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	_, err = chat(t.Context(), s, ca, "ws"+strings.TrimPrefix(plain.URL, "http"))
	require.ErrorIs(t, err, core.CodeOriginRefused)
}
