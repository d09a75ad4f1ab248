package prices

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// token returns a credential with a bearer token that is valid for an hour.
func token(text string) core.Credential {
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{
			"Authorization": core.NewSecret("Bearer " + text),
		}},
		Expiry: time.Now().Add(time.Hour),
	}
}

// session returns a session whose provider is a function of the test.
func session(t *testing.T, provider core.ProviderFunc) *core.Session {
	s := core.New("prices", provider, &core.Options{Lazy: true})
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

func TestToday(t *testing.T) {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer good" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"price": 7.5}`))
	}))
	defer api.Close()
	s := session(t, func(context.Context, core.Request) (core.Credential, error) {
		return token("good"), nil
	})
	price, err := Client{s, api.URL}.Today(t.Context())
	require.NoError(t, err)
	require.Equal(t, 7.5, price)
}

func TestTodayWithoutCredential(t *testing.T) {
	s := session(t, func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{}, core.Errorf(core.CodeDenied, "the account is locked")
	})
	_, err := Client{s, "https://prices.example.com"}.Today(t.Context())
	require.ErrorIs(t, err, core.CodeDenied)
}

func TestTodayAfterTheTokenWasRevoked(t *testing.T) {
	valid := atomic.Pointer[string]{}
	good := "Bearer first"
	valid.Store(&good)
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != *valid.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"price": 7.5}`))
	}))
	defer api.Close()
	s := session(t, func(_ context.Context, req core.Request) (core.Credential, error) {
		if req.Reason == core.ReasonRejected {
			return token("second"), nil
		}
		return token("first"), nil
	})
	c := Client{s, api.URL}
	_, err := c.Today(t.Context())
	require.NoError(t, err)
	next := "Bearer second"
	valid.Store(&next)
	_, err = c.Today(t.Context())
	require.NoError(t, err, "the session renews the token and repeats the request")
}

// TestRenewal lets an hour pass in no time.
func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		s := core.New("prices", core.ProviderFunc(
			func(context.Context, core.Request) (core.Credential, error) {
				asked++
				return token("good"), nil
			}), nil)
		require.NoError(t, s.Init(t.Context()))
		time.Sleep(30 * time.Minute)
		_, err := s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, asked, "the token is still good")
		time.Sleep(time.Hour)
		_, err = s.Credential(t.Context())
		require.NoError(t, err)
		require.Equal(t, 2, asked)
		require.NoError(t, s.Close(t.Context()))
	})
}

func TestReady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fault error
		s := core.New("prices", core.ProviderFunc(
			func(context.Context, core.Request) (core.Credential, error) {
				return token("good"), fault
			}), nil)
		probe := func() (int, string) {
			w := httptest.NewRecorder()
			Ready(s).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			return w.Code, w.Body.String()
		}
		status, text := probe()
		require.Equal(t, 503, status)
		require.Equal(t, "prices: new\n", text)

		require.NoError(t, s.Init(t.Context()))
		status, _ = probe()
		require.Equal(t, 200, status)

		time.Sleep(2 * time.Hour)
		status, _ = probe()
		require.Equal(t, 200, status, "idle: the next request renews")

		fault = core.Errorf(core.CodeUnavailable, "the token server is down")
		_, err := s.Credential(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		status, text = probe()
		require.Equal(t, 503, status)
		require.Equal(t, "prices: expired\n", text)
		require.NoError(t, s.Close(t.Context()))
	})
}
