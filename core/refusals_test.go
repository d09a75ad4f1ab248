package core_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// accepting is an API that takes one token.
func accepting(t *testing.T, token *atomic.Pointer[string], got *seen) *httptest.Server {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		if want := token.Load(); want != nil && r.Header.Get("Authorization") != "Bearer "+*want {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "no", http.StatusUnauthorized)
		}
	}))
	t.Cleanup(api.Close)
	return api
}

func TestReplayAfter401(t *testing.T) {
	want := "t2"
	for _, tc := range []struct {
		name   string
		body   func() io.Reader
		opts   core.Options
		status int
		sent   []string
	}{
		{"no body", func() io.Reader { return nil }, core.Options{}, 200, []string{"", ""}},
		{"a body that can be had again", func() io.Reader {
			return strings.NewReader("hello")
		}, core.Options{}, 200, []string{"hello", "hello"}},
		{"a stream", func() io.Reader {
			return io.MultiReader(strings.NewReader("hello"))
		}, core.Options{}, 401, []string{"hello"}},
		{"NoReplay", func() io.Reader { return nil }, core.Options{NoReplay: true}, 401, []string{""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var got seen
			var good atomic.Pointer[string]
			good.Store(&want)
			api := accepting(t, &good, &got)
			p := &issuer{life: time.Hour}
			s := ready(t, p, &tc.opts)
			req, err := http.NewRequest(http.MethodPost, api.URL, tc.body())
			require.NoError(t, err)
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			require.Equal(t, tc.status, resp.StatusCode)
			_, err = io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tc.sent, got.body)
			require.Eventually(t, func() bool { return p.calls.Load() == 2 }, hangBound, time.Millisecond)
		})
	}
}

func TestRefusals(t *testing.T) {
	t.Run("the provider sees every challenge", func(t *testing.T) {
		api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Www-Authenticate"] = []string{"Negotiate", `Bearer error="invalid_token"`}
			w.WriteHeader(http.StatusUnauthorized)
		}))
		defer api.Close()
		p := &issuer{}
		resp, err := ready(t, p, nil).Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, `Negotiate, Bearer error="invalid_token"`, p.last.Load().Challenge)
	})
	t.Run("a second 401 is the caller's", func(t *testing.T) {
		var got seen
		never := "none"
		var good atomic.Pointer[string]
		good.Store(&never)
		api := accepting(t, &good, &got)
		p := &issuer{life: time.Hour}
		s := ready(t, p, nil)
		for range 20 {
			resp, err := s.Client().Get(api.URL)
			require.NoError(t, err)
			b, err := io.ReadAll(resp.Body)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, 401, resp.StatusCode)
			require.Equal(t, "no\n", string(b))
		}
		require.LessOrEqual(t, p.calls.Load(), int64(4))
	})
	t.Run("no renewal to be had: the refusal is the caller's", func(t *testing.T) {
		var got seen
		never := "none"
		var good atomic.Pointer[string]
		good.Store(&never)
		api := accepting(t, &good, &got)
		p := &issuer{life: time.Hour}
		s := ready(t, p, nil)
		p.set(core.Errorf(core.CodeUnavailable, "down"))
		resp, err := s.Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, 401, resp.StatusCode)
		_, err = s.Client().Get(api.URL)
		require.ErrorIs(t, err, core.CodeUnavailable, "nothing is sent without a credential")
		require.Equal(t, 1, got.count())
	})
	t.Run("a caller's own Authorization is not ours to renew", func(t *testing.T) {
		var got seen
		never := "none"
		var good atomic.Pointer[string]
		good.Store(&never)
		api := accepting(t, &good, &got)
		p := &issuer{life: time.Hour}
		s := ready(t, p, nil)
		req, err := http.NewRequest(http.MethodGet, api.URL, nil)
		require.NoError(t, err)
		req.Header.Set("Authorization", "Basic eDp5")
		resp, err := s.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.EqualValues(t, 1, p.calls.Load())
		require.Equal(t, 1, got.count())
	})
	t.Run("a hundred at once make one renewal", func(t *testing.T) {
		var got seen
		good := "t2"
		var want atomic.Pointer[string]
		want.Store(&good)
		api := accepting(t, &want, &got)
		p := &issuer{life: time.Hour, takes: 20 * time.Millisecond}
		s := ready(t, p, nil)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				resp, err := s.Client().Get(api.URL)
				require.NoError(t, err)
				require.NoError(t, resp.Body.Close())
				require.Equal(t, 200, resp.StatusCode)
			})
		}
		wg.Wait()
		require.EqualValues(t, 2, p.calls.Load())
	})
}
