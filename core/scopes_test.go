package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// forEachPath is a provider whose tokens are good for what the last challenge asked for.
func forEachPath(calls *atomic.Int64) core.ProviderFunc {
	return func(_ context.Context, req core.Request) (core.Credential, error) {
		calls.Add(1)
		return core.Credential{Attach: core.Attachment{Header: map[string]core.Secret{
			"X-Token": core.NewSecret("for [" + req.Challenge + "]"),
		}}}, nil
	}
}

// pathsAsk is an API each of whose paths takes the token that was made for its own
// challenge. A path that begins with /never takes none.
func pathsAsk(t *testing.T, challenge func(path string, n int64) string) *httptest.Server {
	var n atomic.Int64
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := challenge(r.URL.Path, n.Add(1))
		if r.Header.Get("X-Token") != "for ["+want+"]" || strings.HasPrefix(r.URL.Path, "/never") {
			w.Header().Set("WWW-Authenticate", want)
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(api.Close)
	return api
}

// TestChallengesForOtherScopes checks that a refusal which asks for something else than
// the last one is not spaced, as at a container registry.
func TestChallengesForOtherScopes(t *testing.T) {
	for name, form := range map[string]string{
		"a registry": `Bearer realm="https://t.example/token",service="r",scope="repository:%s:pull"`,
		"an old token": `Bearer realm="https://t.example/token",service="r",scope="repository:%s:pull",` +
			`error="insufficient_scope"`,
		"realm":    `Bearer realm="%s"`,
		"service":  `Bearer service="%s", error="invalid_token"`,
		"resource": `Bearer realm="x", resource="https://api.example.com/%s"`,
		"metadata": `Bearer resource_metadata="https://api.example.com/%s"`,
		"acr":      `Bearer error="invalid_token", acr_values="%s"`,
		"two":      `Basic realm="x", Bearer scope="%s"`,
	} {
		t.Run(name, func(t *testing.T) {
			api := pathsAsk(t, func(path string, _ int64) string { return fmt.Sprintf(form, path) })
			var calls atomic.Int64
			s := ready(t, forEachPath(&calls), nil)
			for range 3 {
				for _, path := range []string{"/a", "/b", "/c", "/d", "/e", "/f"} {
					require.Equal(t, 200, statusOf(t, s, api.URL+path), path)
				}
			}
			require.EqualValues(t, 1+18, calls.Load())
		})
	}
}

func statusOf(t *testing.T, s *core.Session, url string) int {
	resp, err := s.Client().Get(url)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.StatusCode
}

// A path that refuses every token does not take the tokens of the others.
func TestOnePathRefusesEverything(t *testing.T) {
	api := pathsAsk(t, func(path string, _ int64) string { return "Bearer scope=" + path[1:] })
	var calls atomic.Int64
	s := ready(t, forEachPath(&calls), nil)
	for range 10 {
		require.Equal(t, 401, statusOf(t, s, api.URL+"/never"))
		require.Equal(t, 200, statusOf(t, s, api.URL+"/a"))
		require.Equal(t, 200, statusOf(t, s, api.URL+"/b"))
	}
}

// An API that refuses everything does not become a storm at the issuer, whatever its
// challenges say.
func TestRefusalsStaySpaced(t *testing.T) {
	for name, challenge := range map[string]func(path string, n int64) string{
		"no challenge": func(string, int64) string { return "" },
		"one scope":    func(string, int64) string { return `Bearer scope="a"` },
		"a nonce":      func(_ string, n int64) string { return fmt.Sprintf(`Digest realm="a", nonce="%d"`, n) },
		"the text": func(_ string, n int64) string {
			return fmt.Sprintf(`Bearer error="invalid_token", error_description="%d"`, n)
		},
		"unknown":         func(_ string, n int64) string { return fmt.Sprintf(`Bearer realm="a", trace="%d"`, n) },
		"a token68":       func(_ string, n int64) string { return fmt.Sprintf(`Negotiate %d=`, n) },
		"a scope for all": func(path string, _ int64) string { return fmt.Sprintf(`Bearer scope="%s"`, path) },
		"long": func(_ string, n int64) string {
			return fmt.Sprintf(`Bearer realm="%s"`, strings.Repeat("a", 8<<10))
		},
	} {
		t.Run(name, func(t *testing.T) {
			api := pathsAsk(t, challenge)
			var calls atomic.Int64
			s := ready(t, forEachPath(&calls), nil)
			for i := range 50 {
				require.Equal(t, 401, statusOf(t, s, fmt.Sprint(api.URL, "/never/", i)))
			}
			require.LessOrEqual(t, calls.Load(), int64(5))
		})
	}
}
