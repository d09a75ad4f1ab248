package gs_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
	"github.com/stretchr/testify/require"
)

const signInPage = "<!DOCTYPE html><title>Sign in</title>"

// redirecting is an API that answers /v1/x with a redirect; everything else of any host is
// answered with a page at /login, and with JSON elsewhere.
func redirecting(status int, to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Host == "api.gs.com" && r.URL.Path == "/v1/x":
			w.Header().Set("Location", to)
			w.WriteHeader(status)
		case strings.HasSuffix(r.URL.Path, "/login"):
			answer(200, "text/html; charset=utf-8", signInPage)(w, r)
		default:
			answer(200, "application/json", `"done"`)(w, r)
		}
	}
}

// callsOf are the calls of a session, which read into everything that an answer can be read
// into. read returns what they got.
func callsOf(s *gs.Session) map[string]func(context.Context) (read any, err error) {
	payload := map[string]string{"secret": "plan"}
	return map[string]func(context.Context) (any, error){
		"GET into nothing": func(ctx context.Context) (any, error) { return nil, s.Get(ctx, "/x", nil, nil) },
		"GET into bytes": func(ctx context.Context) (any, error) {
			var out []byte
			err := s.Get(ctx, "/x", &out, nil)
			return string(out), err
		},
		"GET into text": func(ctx context.Context) (any, error) {
			var out string
			err := s.Get(ctx, "/x", &out, nil)
			return out, err
		},
		"GET into any": func(ctx context.Context) (any, error) {
			var out any
			err := s.Get(ctx, "/x", &out, nil)
			return out, err
		},
		"PUT":    func(ctx context.Context) (any, error) { return nil, s.Put(ctx, "/x", payload, nil, nil) },
		"POST":   func(ctx context.Context) (any, error) { return nil, s.Post(ctx, "/x", payload, nil, nil) },
		"DELETE": func(ctx context.Context) (any, error) { return nil, s.Delete(ctx, "/x", nil, nil) },
		"DELETE with a body": func(ctx context.Context) (any, error) {
			return nil, s.Delete(ctx, "/x", nil, &gs.Call{Payload: payload, InBody: true})
		},
	}
}

// TestRedirectsElsewhereAreNotTheAPI checks that an answer of another origin is an error
// that names it, for every call and kind of redirect, and that nothing is sent there.
func TestRedirectsElsewhereAreNotTheAPI(t *testing.T) {
	for _, to := range []string{
		"https://login.example.com/login?goto=https://api.gs.com/v1/x&token=secret-token-1",
		"//login.example.com/login", "https://api.gs.com.example.com/v1/x", "https://api.gs.com:8443/v1/x",
		"https://marquee.gs.com/login", "http://api.gs.com/v1/x",
	} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			synctest.Test(t, func(t *testing.T) {
				a := newAPI(t, redirecting(status, to))
				s := a.session(t, nil)
				for name, call := range callsOf(s) {
					before := len(a.requests())
					read, err := call(t.Context())
					require.ErrorIs(t, err, gs.NotAuthenticated, "%s %d %s", name, status, to)
					var e *gs.APIError
					require.ErrorAs(t, err, &e)
					require.Equal(t, status, e.Status)
					place, _, _ := strings.Cut(to, "?")
					require.True(t, strings.HasSuffix(e.Location, place), e.Location)
					require.Contains(t, err.Error(), e.Location)
					require.NotContains(t, err.Error(), "secret-token")
					if text, ok := read.(string); ok {
						require.Empty(t, text)
					}
					require.Len(t, a.requests(), before+1, "nothing is sent there, and nothing again")
				}
			})
		}
	}
}

// TestRedirectsWithinTheAPI checks what redirects within the origin of the call mean.
func TestRedirectsWithinTheAPI(t *testing.T) {
	for _, c := range []struct {
		status int
		to     string
		get    error // of GET; nil: the answer
		write  error // of PUT, POST and DELETE
	}{
		{301, "/v1/y", nil, gs.RequestFailed},
		{302, "/v1/y", nil, gs.RequestFailed},
		{303, "/v1/y", nil, nil},
		{307, "/v1/y", nil, nil},
		{308, "https://API.gs.com:443/v1/y", nil, nil},
		{301, "/login", gs.NotAuthenticated, gs.NotAuthenticated},
		{302, "/login", gs.NotAuthenticated, gs.NotAuthenticated},
		{303, "/login", gs.NotAuthenticated, gs.NotAuthenticated},
		{307, "/login", gs.NotAuthenticated, gs.NotAuthenticated},
		{308, "/login", gs.NotAuthenticated, gs.NotAuthenticated},
		{302, "/v1/x", gs.RequestFailed, gs.RequestFailed}, // a circle
	} {
		synctest.Test(t, func(t *testing.T) {
			a := newAPI(t, redirecting(c.status, c.to))
			s := a.session(t, nil)
			for name, call := range callsOf(s) {
				want := c.write
				if strings.HasPrefix(name, "GET") {
					want = c.get
				}
				read, err := call(t.Context())
				requireRedirected(t, read, err, want)
			}
		})
	}
}

// requireRedirected requires what a call returned that was redirected within the API.
func requireRedirected(t *testing.T, read any, err, want error) {
	t.Helper()
	if want == nil {
		require.NoError(t, err)
		return
	}
	require.ErrorIs(t, err, want)
	require.Equal(t, want == error(gs.NotAuthenticated), errors.Is(err, gs.NotAuthenticated))
	require.Contains(t, err.Error(), "redirected to https://api.gs.com")
	if text, ok := read.(string); ok {
		require.Empty(t, text)
	}
}

// A call that accepts HTML gets a page, also behind a redirect.
func TestACallMayAskForAPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, redirecting(302, "/login")).session(t, nil)
		var page string
		require.NoError(t, s.Get(t.Context(), "/x", &page,
			&gs.Call{Header: http.Header{"accept": {"text/html"}}}))
		require.Equal(t, signInPage, page)
	})
	synctest.Test(t, func(t *testing.T) {
		s := newAPI(t, answer(200, "text/html", signInPage)).session(t, nil)
		var page []byte
		require.NoError(t, s.Get(t.Context(), "/x", &page, nil), "the API's own page")
		require.Equal(t, signInPage, string(page))
		require.ErrorIs(t, s.Get(t.Context(), "/x", &map[string]any{}, nil), core.CodeBadConfig)
	})
}
